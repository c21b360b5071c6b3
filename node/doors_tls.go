package node

import (
	"crypto/tls"

	"tahoe/node/config"
)

// certificate is what FTP and WebDAV show by TLS. When none is configured the node makes one.
func (d *doors) certificate() (*tls.Config, error) {
	if d.tls != nil {
		return d.tls, nil
	}
	files := config.TLSFiles{Cert: d.settings.Certificate, Key: d.settings.CertificateKey}
	if files.Cert == "" {
		own, err := d.n.dir.DoorCertificate(d.n.shared.Clock.Now())
		if err != nil {
			return nil, err
		}
		files.Cert, files.Key = own, own
	}
	c := &certificate{files: files, clock: d.n.shared.Clock}
	if _, err := c.get(nil); err != nil {
		return nil, d.problem("[doors] tls.certificate", err)
	}
	d.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	return d.tls, nil
}

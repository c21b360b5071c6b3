package foolscap

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"time"

	"tahoe/internal/selfsigned"
)

// CertificateName is what the certificates of all Tubs are called, so that none stands out.
const CertificateName = "newpb_thingy"

// Stranger makes the certificate of a Tub that nobody knows.
func Stranger() (tls.Certificate, error) {
	name := pkix.Name{CommonName: CertificateName}
	return selfsigned.New(x509.Certificate{Subject: name, Issuer: name, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4e9, 0)})
}

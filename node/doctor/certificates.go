package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"tahoe/internal/gridmanager"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 30 * 24 * time.Hour

// certificates looks at the node's own keys, and at the certificates that others look at.
func (x *examination) certificates(context.Context) {
	x.keys()
	if f := x.settings.WebTLS; f != nil {
		x.tlsFiles("web.port", f.Cert, f.Key)
	}
	if d := x.settings.Doors; d.Certificate != "" {
		x.tlsFiles("[doors] tls.certificate", d.Certificate, d.CertificateKey)
	}
	for _, path := range x.settings.Storage.Certificates {
		x.gridCertificate(path)
	}
}

// keys reads who the node is, if it has run: to look for more would make it.
func (x *examination) keys() {
	for _, name := range []string{"node.pem", "node.privkey"} {
		_, err := os.Stat(x.dir.Private(name))
		switch {
		case errors.Is(err, fs.ErrNotExist) && x.hasRun():
			x.add(Problem, areaCertificates, x.dir.Private(name)+" is not there, although the node has run: others would not know it any more.", "Restore it from a copy before the node is run again.")
			return
		case errors.Is(err, fs.ErrNotExist):
			x.add(Note, areaCertificates, "The node has no keys yet.", "It makes them when it is run for the first time.")
			return
		case err != nil:
			return // told of with the folder
		}
	}
	identity, err := x.dir.ReadIdentity()
	if err != nil {
		x.add(Problem, areaCertificates, oneLine(err)+".", "Restore the file from a copy; without one, the node has to begin anew under another name.")
		return
	}
	x.serverID = identity.ServerID()
	x.ok(areaCertificates, "The node's keys are there: it is %s.", x.serverID)
}

// hasRun says whether the node was somebody before.
func (x *examination) hasRun() bool {
	_, err := os.Stat(x.dir.Path("my_nodeid"))
	return err == nil
}

// tlsFiles looks at a certificate that programs of others look at.
func (x *examination) tlsFiles(setting, cert, key string) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		x.add(Problem, areaCertificates, fmt.Sprintf("The certificate of %s cannot be used: %s.", setting, reason(err)), "Name files in tahoe.cfg that hold a certificate and its key.")
		return
	}
	leaf := pair.Leaf
	if leaf == nil {
		if leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			x.add(Problem, areaCertificates, fmt.Sprintf("The certificate of %s cannot be read: %s.", setting, oneLine(err)), "Get a new one.")
			return
		}
	}
	now := x.c.Clock.Now()
	if leaf.NotBefore.After(now) {
		x.add(Problem, areaCertificates, fmt.Sprintf("The certificate of %s (%s) begins only on %s.", setting, cert, date(leaf.NotBefore)), "Look whether the clock of this machine is right, or get another certificate.")
		return
	}
	x.ending(fmt.Sprintf("The certificate of %s (%s)", setting, cert), leaf.NotAfter, "browsers and clients refuse it", "Renew it.")
}

// ending says when something ends or ended.
func (x *examination) ending(what string, end time.Time, effect, advice string) {
	switch left := end.Sub(x.c.Clock.Now()); {
	case left <= 0:
		x.add(Problem, areaCertificates, fmt.Sprintf("%s ended on %s: %s.", what, date(end), effect), advice)
	case left < soon:
		x.add(Warning, areaCertificates, fmt.Sprintf("%s ends in %s, on %s.", what, lasting(left), date(end)), advice)
	default:
		x.ok(areaCertificates, "%s holds until %s.", what, date(end))
	}
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// gridCertificate looks at a certificate of a grid manager that the node announces. Who signed it only clients know.
func (x *examination) gridCertificate(path string) {
	const advice = "Ask the grid manager for a new one, and put it in its place."
	b, err := os.ReadFile(path)
	if err != nil {
		x.add(Problem, areaCertificates, fmt.Sprintf("The grid manager's certificate %s cannot be read, and the node does not start: %s.", path, reason(err)), advice)
		return
	}
	if _, err := gridmanager.ParseSigned(b); err != nil {
		x.add(Problem, areaCertificates, fmt.Sprintf("%s: %s, and the node does not start.", path, oneLine(err)), advice)
		return
	}
	server, ends, err := claimed(b)
	if err != nil {
		x.add(Problem, areaCertificates, fmt.Sprintf("The grid manager's certificate %s does not say for whom it is and until when.", path), advice)
		return
	}
	if x.serverID != "" && server != "pub-"+x.serverID {
		x.add(Problem, areaCertificates, fmt.Sprintf("The grid manager's certificate %s is for another server (%.20s…), so that clients pass this one over.", path, server), advice)
		return
	}
	x.ending("The grid manager's certificate "+path, ends, "clients that heed it put no shares here", advice)
}

// claimed is what a certificate says, whoever signed it.
func claimed(b []byte) (server string, ends time.Time, err error) {
	var outer struct{ Certificate string }
	var inner struct {
		Server  string `json:"public_key"`
		Expires string
	}
	if err = json.Unmarshal(b, &outer); err == nil {
		err = json.Unmarshal([]byte(outer.Certificate), &inner)
	}
	if err != nil {
		return "", time.Time{}, err
	}
	if _, err = gridmanager.ParsePublicKey(inner.Server); err != nil {
		return "", time.Time{}, err
	}
	ends, err = time.Parse(time.RFC3339, inner.Expires)
	return inner.Server, ends, err
}

package basedir

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"tahoe/internal/base32"
	"tahoe/internal/foolscap"
	"tahoe/internal/selfsigned"
)

// An Identity is who a node is to others.
type Identity struct {
	Cert  tls.Certificate // RSA key and self-signed certificate, of private/node.pem
	TubID [20]byte        // SHA-1 of the certificate
	key   ed25519.PrivateKey
}

// ServerID is the name of the node as a server: "v0-" and its public Ed25519 key in base32.
func (i Identity) ServerID() string { return "v0-" + i.publicText() }

func (i Identity) publicText() string { return base32.Encode(i.key.Public().(ed25519.PublicKey)) }

// Sign signs an announcement.
func (i Identity) Sign(message []byte) []byte { return ed25519.Sign(i.key, message) }

// Format writes the public name, whatever the verb.
func (i Identity) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("node " + i.ServerID())) }

// Identity reads the keys of the node, and makes those that are missing. The time is the beginning of a new certificate.
func (d Dir) Identity(now time.Time) (Identity, error) {
	cert, err := d.certificate(now)
	if err != nil {
		return Identity{}, err
	}
	key, err := d.nodeKey()
	if err != nil {
		return Identity{}, err
	}
	i := Identity{Cert: cert, TubID: sha1.Sum(cert.Certificate[0]), key: key}
	return i, errors.Join(
		WriteNote(d.Path("my_nodeid"), []byte(base32.Encode(i.TubID[:])+"\n"), 0o644),
		WriteNote(d.Path("node.pubkey"), []byte("pub-v0-"+i.publicText()+"\n"), 0o644))
}

// ReadIdentity is Identity of a node that has its keys, and writes nothing.
func (d Dir) ReadIdentity() (Identity, error) {
	for _, name := range []string{"node.pem", "node.privkey"} {
		if _, err := os.Stat(d.Private(name)); err != nil {
			return Identity{}, fmt.Errorf("private/%s: %w", name, err)
		}
	}
	cert, err := d.certificate(time.Time{}) // which is there, so that none is made
	if err != nil {
		return Identity{}, err
	}
	key, err := d.nodeKey()
	return Identity{Cert: cert, TubID: sha1.Sum(cert.Certificate[0]), key: key}, err
}

const privatePrefix = "priv-v0-"

func (d Dir) nodeKey() (ed25519.PrivateKey, error) {
	text, err := d.readOrMake("node.privkey", func() (string, error) {
		seed := make([]byte, ed25519.SeedSize)
		_, _ = rand.Read(seed) // cannot fail
		return privatePrefix + base32.Encode(seed), nil
	})
	if err != nil {
		return nil, err
	}
	seed, err := base32.Decode(strings.TrimPrefix(text, privatePrefix))
	if err != nil || len(seed) != ed25519.SeedSize || !strings.HasPrefix(text, privatePrefix) {
		return nil, fmt.Errorf("%s does not hold a key (%s and 52 letters and digits); restore it from a copy", d.Private("node.privkey"), privatePrefix)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func (d Dir) certificate(now time.Time) (tls.Certificate, error) {
	path := d.Private("node.pem")
	text, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = newCertificate(now); err == nil {
			err = WriteFile(path, text, 0o600)
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("private/node.pem: %w", err)
	}
	cert, err := parseCertificate(text)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s does not hold a certificate and its RSA key (%w); restore it from a copy", path, err)
	}
	return cert, nil
}

const rsaBits = 2048

// newCertificate makes a key and a certificate as Foolscap does, and writes them as it does: the certificate first, then
// the key in PKCS #8. Nobody looks at a date in it, so it may as well last.
func newCertificate(now time.Time) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	name := pkix.Name{CommonName: foolscap.CertificateName}
	made, err := selfsigned.Sign(x509.Certificate{
		Subject: name, Issuer: name, SignatureAlgorithm: x509.SHA256WithRSA, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(100, 0, 0),
	}, key)
	if err != nil {
		return nil, err
	}
	cert, secret, err := selfsigned.PEM(made)
	return slices.Concat(cert, secret), err
}

func parseCertificate(text []byte) (tls.Certificate, error) {
	var cert, key []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE" && cert == nil:
			cert = pem.EncodeToMemory(block)
		case strings.HasSuffix(block.Type, "PRIVATE KEY") && key == nil:
			key = pem.EncodeToMemory(block)
		}
	}
	if cert == nil || key == nil {
		return tls.Certificate{}, errors.New("one of them is missing")
	}
	c, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, errors.New("they cannot be read, or do not belong together")
	}
	if _, ok := c.PrivateKey.(crypto.Signer).Public().(*rsa.PublicKey); !ok {
		return tls.Certificate{}, errors.New("the key is not an RSA key")
	}
	return c, nil
}

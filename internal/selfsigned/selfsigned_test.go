package selfsigned_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
	"time"

	"tahoe/internal/selfsigned"
)

// TestRoundTrip: what PEM writes is a pair that a server can use, and that those accept who trust the certificate.
func TestRoundTrip(t *testing.T) {
	now := time.Now()
	c, err := selfsigned.New(x509.Certificate{
		Subject: pkix.Name{CommonName: "a door"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := selfsigned.PEM(c)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cert) {
		t.Fatal("the PEM holds no certificate")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"}); err != nil {
		t.Error(err)
	}
}

func TestRefusesAKeyThatCannotSign(t *testing.T) {
	if _, _, err := selfsigned.PEM(tls.Certificate{PrivateKey: "no key"}); err == nil {
		t.Error("wrote a key that is none")
	}
}

package node_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/internal/selfsigned"
	"tahoe/node"
)

// certify writes a key and a certificate for this machine into a node directory, and returns who trusts it.
func certify(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	now := time.Now()
	made, err := selfsigned.New(x509.Certificate{
		Subject: pkix.Name{CommonName: "web port"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := selfsigned.PEM(made)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "web.key"), string(key))
	write(t, filepath.Join(dir, "web.crt"), string(cert))
	pool := x509.NewCertPool()
	pool.AddCert(made.Leaf)
	return pool
}

func TestWebPortOverHTTPS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "n")
	create(t, dir, node.CreateConfig{WebPort: "ssl:0:privateKey=web.key:certKey=web.crt:interface=127.0.0.1"})
	if _, err := node.Open(dir, shared(t)); err == nil || !strings.Contains(err.Error(), "web.port is for HTTPS: read its private key") {
		t.Fatalf("without a key: got %v", err)
	}
	pool := certify(t, dir)
	n := open(t, dir)
	defer start(t, n)()
	if url := read(t, dir, "node.url"); url != n.WebURL() || !strings.HasPrefix(url, "https://127.0.0.1:") {
		t.Errorf("node.url is %q, and the web port at %q", url, n.WebURL())
	}
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: proto == "HTTP/2.0"}
		resp, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Get(n.WebURL())
		if err != nil {
			t.Fatalf("%s: %v", proto, err)
		}
		page, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		tr.CloseIdleConnections()
		if err != nil || resp.StatusCode != 200 || resp.Proto != proto || !strings.Contains(string(page), "curl -T FILE https://127.0.0.1:") {
			t.Errorf("%s: got %d by %s, %v: %.200s", proto, resp.StatusCode, resp.Proto, err, page)
		}
	}
}

func TestWebPortWithoutItsCertificate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "n")
	create(t, dir, node.CreateConfig{WebPort: "ssl:0:privateKey=web.key:certKey=other.crt:interface=127.0.0.1"})
	certify(t, dir)
	other := t.TempDir()
	certify(t, other)
	write(t, filepath.Join(dir, "other.crt"), read(t, other, "web.crt"))
	if _, err := node.Open(dir, shared(t)); err == nil || !strings.Contains(err.Error(), "private key does not match") {
		t.Errorf("a certificate of another key: got %v", err)
	}
}

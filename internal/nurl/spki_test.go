package nurl_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"

	"go.yaml.in/yaml/v4"

	"tahoe/internal/nurl"
)

// A certificate of our own, and the hash of its key as openssl computes it.
const (
	ownCertificate = `-----BEGIN CERTIFICATE-----
MIIBGTCBv6ADAgECAgEHMAoGCCqGSM49BAMCMBUxEzARBgNVBAMTCm9uZSB2ZWN0
b3IwIBcNNzAwMTAxMDAwMDAwWhgPMjI0MjAzMTYxMjU2MzJaMBUxEzARBgNVBAMT
Cm9uZSB2ZWN0b3IwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ1xa0TeiLE0vt4
FYvjU33SEkAK/rST4fRvOb0D3i8Xj6RfMFIklWG1X8qtiIoYXyUy/U8HjZoQj/51
Braj4xAhMAoGCCqGSM49BAMCA0kAMEYCIQCTsImAU1rD3+E6UgaVCKrXLFPp+rQS
8a7Q4oKuY50XtwIhAJODeDLsgX7Ocl5dGJUB6PTmEpwkyBkeJFo4ufebCIuY
-----END CERTIFICATE-----
`
	ownHash = "q6xLLWuoSww069l__tHQEX1DAbu2UVkkEtCDAwrKJKY"
)

func hashPEM(t *testing.T, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no PEM block")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return nurl.HashSPKI(cert).String()
}

func TestHashSPKI(t *testing.T) {
	if got := hashPEM(t, ownCertificate); got != ownHash {
		t.Errorf("got %v, want %v", got, ownHash)
	}
}

func TestHashSPKIVectors(t *testing.T) {
	const file = "../../../shared/vectors/spki-hash-test-vectors.yaml"
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skipf("%s is absent", file)
	}
	var in struct {
		Vector []struct {
			Hash        string `yaml:"expected-hash"`
			Certificate string `yaml:"certificate"`
		} `yaml:"vector"`
	}
	if err := yaml.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Vector) == 0 {
		t.Fatal("no vectors")
	}
	for n, v := range in.Vector {
		if got := hashPEM(t, v.Certificate); got != v.Hash {
			t.Errorf("vector %d: got %v, want %v", n, got, v.Hash)
		}
	}
}

func TestParseSPKI(t *testing.T) {
	h, err := nurl.ParseSPKI(ownHash)
	if err != nil || h.String() != ownHash || !h.Equal(h) || h.Equal(nurl.SPKI{}) {
		t.Errorf("got %v, %v, want %v", h, err, ownHash)
	}
}

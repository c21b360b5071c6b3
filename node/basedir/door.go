package basedir

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"tahoe/internal/selfsigned"
)

// doorLife is how long a certificate that the node made is good for. Clients are shown it once, and know it again.
const doorLife = 20 * 365 * 24 * time.Hour

// DoorCertificate is the path of private/doors.pem, a key and a self-signed certificate for those who come by FTP and WebDAV. It is made
// when it is not there.
func (d Dir) DoorCertificate(now time.Time) (string, error) {
	_, err := d.readOrMake("doors.pem", func() (string, error) { return newDoorCertificate(now) })
	return d.Private("doors.pem"), err
}

func newDoorCertificate(now time.Time) (string, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", fmt.Errorf("make a certificate: %w", err)
	}
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "localhost" {
		names = append(names, host)
	}
	made, err := selfsigned.New(x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[len(names)-1]}, DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(doorLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	})
	if err != nil {
		return "", err
	}
	cert, secret, err := selfsigned.PEM(made)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(secret)+string(cert), "\n"), nil
}

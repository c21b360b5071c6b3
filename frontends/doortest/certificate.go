package doortest

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"time"

	"tahoe/internal/selfsigned"
)

// Certificate is that of a server at 127.0.0.1, good for an hour. It is signed by itself.
var Certificate = sync.OnceValue(func() tls.Certificate {
	now := time.Now()
	c, err := selfsigned.New(x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	})
	if err != nil {
		panic(err)
	}
	return c
})

package node

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"tahoe/node/config"
	"tahoe/reactor"
)

// certificateAge is how long a certificate is used before its files are read again, so that a renewed one needs no restart.
const certificateAge = time.Minute

// A certificate is read from files, which somebody else may replace at any time.
type certificate struct {
	files config.TLSFiles
	clock reactor.Clock

	mu   sync.Mutex
	read time.Time
	pair *tls.Certificate
}

// secure makes a listener for HTTPS of one, with HTTP/2. Files that are not there, or do not fit together, are an error now.
func (n *Node) secure(l net.Listener, files config.TLSFiles) (net.Listener, error) {
	c := &certificate{files: files, clock: n.shared.Clock}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("%s: web.port is for HTTPS: %w", n.dir.Path("tahoe.cfg"), err)
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get}), nil
}

// get is the certificate. One that cannot be read any more is used on: half a renewal must not take the port away.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair, fresh := c.current()
	if fresh {
		return pair, nil
	}
	renewed, err := readCertificate(c.files)
	if err != nil {
		if pair != nil {
			err = nil
		}
		return pair, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pair = &renewed
	return c.pair, nil
}

// current is the certificate as it was read last, and whether it is to be used as it is. One caller is told to read it again, and
// the others use the old one meanwhile.
func (c *certificate) current() (pair *tls.Certificate, fresh bool) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && now.Sub(c.read) < certificateAge {
		return c.pair, true
	}
	c.read = now
	return c.pair, false
}

func readCertificate(files config.TLSFiles) (tls.Certificate, error) {
	key, err := os.ReadFile(files.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read its private key: %w", err)
	}
	cert, err := os.ReadFile(files.Cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read its certificate: %w", err)
	}
	if files.Chain != "" {
		chain, err := os.ReadFile(files.Chain)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("read its extraCertChain: %w", err)
		}
		cert = append(append(cert, '\n'), chain...)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s and key %s: %w", files.Cert, files.Key, err)
	}
	return pair, nil
}

package node

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"tahoe/reactor"
)

// A certificate is what the doors show by TLS: two files, which are read again when they have changed, so that a renewed one is used
// without a restart.
type certificate struct {
	paths [2]string // certificate and key, perhaps the same
	clock reactor.Clock
	log   *slog.Logger

	mu      sync.Mutex
	changed [2]time.Time
	looked  time.Time
	current *tls.Certificate
}

// certificate reads the certificate of the doors, and makes one when none is configured.
func (d *doors) certificate() (*certificate, error) {
	if d.tls != nil {
		return d.tls, nil
	}
	c := &certificate{paths: [2]string{d.settings.Certificate, d.settings.CertificateKey}, clock: d.n.shared.Clock, log: d.n.log}
	if c.paths[0] == "" {
		own, err := d.n.dir.DoorCertificate(d.n.shared.Clock.Now())
		if err != nil {
			return nil, err
		}
		c.paths = [2]string{own, own}
	}
	if err := c.read(); err != nil {
		return nil, d.problem("[doors] tls.certificate", err)
	}
	d.tls = c
	return c, nil
}

// read is called with mu held, or by the only one who has c.
func (c *certificate) read() error {
	var changed [2]time.Time
	for i, path := range c.paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		changed[i] = info.ModTime()
	}
	if c.current != nil && changed == c.changed {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(c.paths[0], c.paths[1])
	if err != nil {
		return fmt.Errorf("%s and %s are no certificate and its key: %w", c.paths[0], c.paths[1], err)
	}
	c.current, c.changed = &cert, changed
	return nil
}

// get looks at the files at most every now and then. Where they cannot be read, what they held last is good still.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	const pause = 10 * time.Second
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.clock.Now(); now.Sub(c.looked) >= pause {
		c.looked = now
		if err := c.read(); err != nil {
			c.log.Warn("the certificate stays the one that it was", "reason", err)
		}
	}
	return c.current, nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

package webdav

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"tahoe/frontends/serve"
	"tahoe/reactor"
)

const maxConns = 1024

// Service serves a port of its own, over TLS unless config is nil, and closes it and the server. When it is told to stop it takes no new connection, lets the requests under way finish
// while the grace period lasts, and then cuts them.
func (s *Server) Service(ln net.Listener, config *tls.Config) reactor.Service {
	return reactor.ServiceFunc(func(ctx context.Context, ready func()) error { return s.serve(ctx, ln, config, ready) })
}

func (s *Server) serve(ctx context.Context, ln net.Listener, config *tls.Config, ready func()) error {
	defer s.Close() // waits for handlers
	ln = &connLimit{Listener: ln, slots: make(chan struct{}, maxConns)}
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	if err := serve.HTTP(ctx, ready, ln, s, slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)); err != nil {
		return fmt.Errorf("serve the port of WebDAV: %w", err)
	}
	return nil
}

// A connLimit takes no more connections than it has slots; the others are closed at once.
type connLimit struct {
	net.Listener
	slots chan struct{}
}

func (l *connLimit) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &limitedConn{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
		default:
			_ = c.Close() // there is no room for it
		}
	}
}

type limitedConn struct {
	net.Conn
	free func()
}

func (c *limitedConn) Close() error {
	c.free()
	return c.Conn.Close()
}

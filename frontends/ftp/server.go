package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

// A Server serves the trees of all accounts. It may have several ports.
type Server struct {
	c       Config
	portal  *auth.Portal[*vfs.View]
	clock   reactor.Clock
	log     *slog.Logger
	limits  Limits
	buffers sync.Pool

	mu    sync.Mutex
	count int
	from  map[netip.Addr]int
}

// New makes a server.
func New(p *auth.Portal[*vfs.View], c Config) *Server {
	s := &Server{c: c, portal: p, clock: c.Clock, log: c.Log, limits: c.Limits.filled(), from: make(map[netip.Addr]int)}
	if s.clock == nil {
		s.clock = reactor.System()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.buffers.New = func() any { return new([pieceSize]byte) }
	return s
}

// Service serves a port, and closes it. An implicit one speaks TLS from the first byte on. When it is told to stop it takes nobody in any more and
// closes idle sessions; transfers go on while the grace period lasts.
func (s *Server) Service(ln net.Listener, implicit bool) reactor.Service {
	return reactor.ServiceFunc(func(ctx context.Context, ready func()) error { return s.serve(ctx, ln, implicit, ready) })
}

func (s *Server) serve(ctx context.Context, ln net.Listener, implicit bool, ready func()) error {
	if implicit && s.c.TLS == nil {
		return errors.Join(errors.New("serve the port of FTP over TLS: there is no certificate"), ln.Close())
	}
	work, cut := context.WithCancel(reactor.Work(ctx))
	defer cut()
	var all sync.WaitGroup
	defer all.Wait() // for sessions, which end by themselves once ctx has, or are cut when work ends
	unhook := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer unhook()
	ready()
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			all.Go(func() { s.welcome(ctx, work, conn, implicit) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			cut()
			return fmt.Errorf("serve the port of FTP: %w", err)
		default: // about one connection, or about what will be free again, as open files
			_ = reactor.Sleep(ctx, s.clock, 50*time.Millisecond)
		}
	}
}

// enter counts a session.
func (s *Server) enter(from netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= s.limits.Sessions || s.from[from] >= s.limits.PerAddress {
		return false
	}
	s.count++
	s.from[from]++
	return true
}

func (s *Server) leave(from netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
	if s.from[from]--; s.from[from] == 0 {
		delete(s.from, from)
	}
}

// welcome serves a connection to its end.
func (s *Server) welcome(stop, work context.Context, conn net.Conn, implicit bool) {
	defer conn.Close()
	from := addrOf(conn.RemoteAddr())
	if !s.enter(from) {
		_ = conn.SetWriteDeadline(after(time.Second))
		if !implicit {
			_, _ = conn.Write([]byte("421 Too many are connected; try again later.\r\n"))
		}
		return
	}
	defer s.leave(from)
	takeUrgent(conn)
	ctx, cancel := context.WithCancel(work)
	defer cancel()
	defer context.AfterFunc(work, func() { _ = conn.SetDeadline(past()) })()
	in := &session{s: s, ctx: ctx, stop: stop, raw: conn, conn: conn, from: from, cwd: "/", lines: make(chan command), gone: make(chan struct{}), resume: make(chan struct{}, 1)}
	if implicit {
		c := tls.Server(conn, s.c.TLS)
		if s.handshake(ctx, c) != nil {
			return
		}
		in.conn, in.secure, in.protected = c, true, true
	}
	in.serve()
}

func (s *Server) handshake(ctx context.Context, c *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Silence)
	defer cancel()
	return c.HandshakeContext(ctx)
}

func addrOf(a net.Addr) netip.Addr {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap().WithZone("")
}

// after is a deadline of a connection, for which the system's time counts whatever the server's clock says.
func after(d time.Duration) time.Time { return reactor.System().Now().Add(d) }

func past() time.Time { return time.Unix(1, 0) }

package sftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"

	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

// A Server serves account trees by SFTP.
type Server struct {
	c   Config
	log *slog.Logger

	buffers sync.Pool // of *[]byte, for what is read

	mu   sync.Mutex
	open map[net.Conn]netip.Addr
	from map[netip.Addr]int
}

// New makes a server.
func New(c Config) (*Server, error) {
	if c.Portal == nil || len(c.HostKeys) == 0 {
		return nil, errors.New("an SFTP server needs a portal and a host key")
	}
	c.Connections = cmp.Or(c.Connections, defaultConnections)
	c.FromOne = cmp.Or(c.FromOne, max(1, c.Connections/5))
	c.Version = cmp.Or(c.Version, "Tahoe")
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{c: c, log: c.Log, open: make(map[net.Conn]netip.Addr), from: make(map[netip.Addr]int)}, nil
}

// Service serves on l until it is told to stop; connections that are open then have the grace period to end.
func (s *Server) Service(l net.Listener) reactor.Service {
	return reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		ready()
		return s.serve(ctx, l)
	})
}

func (s *Server) serve(ctx context.Context, l net.Listener) error {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var conns sync.WaitGroup
	defer conns.Wait()
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close()
		cancel(reactor.ErrStopping)
		s.closeAll()
	})
	defer stop()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accept SFTP connections: %w", err)
		}
		if err != nil { // too many open files, or a client that has gone
			if reactor.Sleep(ctx, s.c.Clock, 100*time.Millisecond) != nil {
				return nil
			}
			continue
		}
		if !s.admit(c) {
			_ = c.Close()
			continue
		}
		conns.Go(func() {
			defer s.release(c)
			s.connection(work, c)
		})
	}
}

func addrOf(c net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// admit counts a connection, if there is room for it.
func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := addrOf(c)
	if len(s.open) >= s.c.Connections || s.from[from] >= s.c.FromOne {
		return false
	}
	s.open[c] = from
	s.from[from]++
	return true
}

func (s *Server) release(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.open[c]
	delete(s.open, c)
	if s.from[from]--; s.from[from] == 0 {
		delete(s.from, from)
	}
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
}

// connection serves one connection to its end.
func (s *Server) connection(ctx context.Context, c net.Conn) {
	defer c.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &welcome{s: s, ctx: ctx, from: addrOf(c)}
	_ = c.SetDeadline(s.c.Clock.Now().Add(loginTime)) // of a socket; it never fails
	config := w.config()
	g, gcm, err := greet(c, config.ServerVersion)
	if err != nil {
		return
	}
	if gcm && !w.s.c.AllowChaCha && fastAES() {
		config.Ciphers = gcmCiphers
	}
	conn, channels, requests, err := ssh.NewServerConn(g, config)
	if err != nil {
		return // who was refused is in the audit log; the rest are port scanners
	}
	_ = c.SetDeadline(time.Time{})
	defer conn.Close()
	view, logout, err := s.c.Portal.Enter(ctx, w.account, w.login(conn.User()))
	if err != nil {
		return
	}
	defer logout()
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	work.Go(func() { ssh.DiscardRequests(requests) })
	work.Go(func() { s.keepAlive(ctx, conn) })
	s.channels(ctx, &work, channels, view)
}

// channels serves the channels of a connection, until it ends.
func (s *Server) channels(ctx context.Context, work *sync.WaitGroup, channels <-chan ssh.NewChannel, view *vfs.View) {
	slots := make(chan struct{}, maxChannels)
	for n := range channels {
		if n.ChannelType() != "session" {
			_ = n.Reject(ssh.UnknownChannelType, "only sessions are served")
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = n.Reject(ssh.ResourceShortage, "too many sessions in one connection")
			continue
		}
		ch, requests, err := n.Accept()
		if err != nil {
			<-slots
			continue
		}
		work.Go(func() {
			defer func() { <-slots }()
			(&session{ch, view, &s.buffers, s.log}).serve(ctx, requests)
		})
	}
}

// keepAlive asks now and then whether the client is there still, and ends the connection when nothing comes back.
func (s *Server) keepAlive(ctx context.Context, conn ssh.Conn) {
	answered := make(chan struct{}, 1)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer conn.Close()
	for {
		if reactor.Sleep(ctx, s.c.Clock, keepAlive) != nil {
			return
		}
		asking.Go(func() {
			if _, _, err := conn.SendRequest("keepalive@openssh.com", true, nil); err == nil {
				answered <- struct{}{}
			}
		})
		t := s.c.Clock.NewTimer(keepAlive)
		select {
		case <-answered:
			t.Stop()
		case <-t.C():
			return
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// A welcome is the signing in of one connection. The library asks it from one goroutine.
type welcome struct {
	s       *Server
	ctx     context.Context
	from    netip.Addr
	account auth.Account
	proof   auth.Proof
}

func (w *welcome) login(name string) auth.Login {
	return auth.Login{Name: name, Proof: w.proof, From: w.from, Door: "sftp"}
}

func (w *welcome) config() *ssh.ServerConfig {
	c := &ssh.ServerConfig{
		MaxAuthTries: maxAuthTries, ServerVersion: "SSH-2.0-" + w.s.c.Version,
		PasswordCallback: func(m ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return w.check(m.User(), auth.NewPassword(string(password)))
		},
		KeyboardInteractiveCallback: func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			if len(answers) != 1 {
				return nil, auth.ErrDenied
			}
			return w.check(m.User(), auth.NewPassword(answers[0]))
		},
		PublicKeyCallback: func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			_, err := w.s.c.Portal.Authenticate(w.ctx, auth.Login{Name: m.User(), Proof: auth.PublicKey(key.Marshal()), From: w.from, Door: "sftp"})
			return nil, err
		},
		VerifiedPublicKeyCallback: func(m ssh.ConnMetadata, key ssh.PublicKey, _ *ssh.Permissions, _ string) (*ssh.Permissions, error) {
			return w.check(m.User(), auth.PublicKey(key.Marshal()))
		},
	}
	if !w.s.c.AllowChaCha && fastAES() {
		c.Ciphers = slices.DeleteFunc(ssh.SupportedAlgorithms().Ciphers, func(name string) bool { return name == ssh.CipherChaCha20Poly1305 })
	}
	for _, k := range w.s.c.HostKeys {
		c.AddHostKey(k)
	}
	return c
}

// check remembers who it was: after a key this is asked when the signature has been verified.
func (w *welcome) check(name string, proof auth.Proof) (*ssh.Permissions, error) {
	a, err := w.s.c.Portal.Authenticate(w.ctx, auth.Login{Name: name, Proof: proof, From: w.from, Door: "sftp"})
	if err != nil {
		return nil, err
	}
	w.account, w.proof = a, proof
	return nil, nil
}

// fastAES says whether AES is faster here than ChaCha20.
func fastAES() bool {
	switch runtime.GOARCH {
	case "amd64", "386":
		return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ
	case "arm64":
		return cpu.ARM64.HasAES && cpu.ARM64.HasPMULL
	}
	return false
}

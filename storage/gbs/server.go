package gbs

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"tahoe/reactor"
)

// ServerConfig adjusts a Server. Its zero value works.
type ServerConfig struct {
	// OnFoolscap gets connections that speak Foolscap, which share the port, with all their bytes. It owns them, and
	// returns when it is done with them: when the server stops, their reads and writes fail, and Run waits for it.
	// Nil refuses them with a sentence.
	OnFoolscap func(c net.Conn)

	MaxConns int           // connections at once: a new one takes the place of one that is idle, or is closed; 0 is 4096
	Decide   time.Duration // in which a new connection must say what it speaks, and shake hands; 0 is 30 seconds
	Header   time.Duration // in which a request's headers must arrive; 0 is 30 seconds
	Idle     time.Duration // how long a connection may wait for its next request; 0 is 24 hours, since waiting costs nothing
	Silence  time.Duration // how long a client may take nothing of an answer; 0 is 2 minutes
	Grace    time.Duration // how long requests under way may take when the server stops; 0 is 10 seconds
	Log      *slog.Logger  // nil discards
}

// A Server serves a handler on a listener's connections, inside TLS. It is a service: Run serves until its context ends,
// then takes no new work, lets requests under way finish, and cuts what is left.
type Server struct {
	ln   net.Listener
	tls  *tls.Config
	cfg  ServerConfig
	http *http.Server

	ready  chan net.Conn // connections that have shaken hands
	places *places
}

// NewServer makes a server for the connections that ln accepts. It proves with cert who it is. Without a handler it serves
// Foolscap alone.
func NewServer(ln net.Listener, cert tls.Certificate, h http.Handler, c ServerConfig) *Server {
	c.MaxConns = cmp.Or(c.MaxConns, 4096)
	c.Decide = cmp.Or(c.Decide, 30*time.Second)
	c.Header = cmp.Or(c.Header, 30*time.Second)
	c.Idle = cmp.Or(c.Idle, 24*time.Hour)
	c.Silence = cmp.Or(c.Silence, 2*time.Minute)
	c.Grace = cmp.Or(c.Grace, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	places := newPlaces(c.MaxConns)
	return &Server{
		ln:  ln,
		tls: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true},
		cfg: c,
		http: &http.Server{
			Handler:           h,
			ReadHeaderTimeout: c.Header,
			IdleTimeout:       c.Idle,
			MaxHeaderBytes:    16 << 10,
			ConnState:         places.changed,
			ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),

			DisableGeneralOptionsHandler: true, // it would answer those who do not know the swissnum, and keep their connections
		},
		ready:  make(chan net.Conn),
		places: places,
	}
}

// Run serves. It closes the listener, and returns nil when it ended because ctx did.
func (s *Server) Run(ctx context.Context, ready func()) error {
	accepting, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { served <- s.http.Serve(handshaken{s, accepting}) })
	wg.Go(func() {
		<-accepting.Done()
		_ = s.ln.Close()
	})
	ready()
	err := s.accept(accepting, &wg)
	stop()
	s.finish()
	wg.Wait()
	<-served
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// finish is the second phase of the end.
func (s *Server) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Grace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
}

// accept takes connections until the listener ends.
func (s *Server) accept(ctx context.Context, wg *sync.WaitGroup) error {
	var delay time.Duration
	var warned time.Time
	for {
		c, err := s.ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return nil
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accepting storage connections on %s: %w", s.ln.Addr(), err)
			}
			// Out of file descriptors, most likely: it passes.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.cfg.Log.WarnContext(ctx, "accepting storage connections", "err", err, "retry", delay)
			_ = reactor.Sleep(ctx, reactor.System(), delay) // when ctx ends, so does Accept
			continue
		}
		delay = 0
		if s.take(ctx, c, wg) {
			continue
		}
		_ = c.Close()
		if now := time.Now(); now.Sub(warned) >= time.Minute { // there may be thousands
			warned = now
			s.cfg.Log.WarnContext(ctx, "too many storage connections", "limit", s.cfg.MaxConns)
		}
	}
}

// take starts to serve a connection, unless there are too many that are busy.
func (s *Server) take(ctx context.Context, c net.Conn, wg *sync.WaitGroup) bool {
	victim, ok := s.places.take()
	if !ok {
		return false
	}
	if victim != nil {
		wg.Go(func() { _ = victim.Close() }) // which says farewell, and that may take seconds
	}
	tuneSocket(c)
	counted := &countedConn{Conn: c, leave: sync.OnceFunc(s.places.leave)}
	wg.Go(func() {
		if err := s.begin(ctx, counted); err != nil {
			_ = counted.Close()
			s.cfg.Log.DebugContext(ctx, "storage connection", "from", c.RemoteAddr(), "err", err)
		}
	})
	return true
}

// A countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// begin finds out what a connection speaks, and hands it on.
func (s *Server) begin(ctx context.Context, fresh net.Conn) error {
	defer context.AfterFunc(ctx, func() { _ = fresh.SetDeadline(time.Unix(1, 0)) })()
	_ = fresh.SetDeadline(time.Now().Add(s.cfg.Decide))
	speaks, c, err := sniff(fresh)
	switch {
	case err != nil:
		return fmt.Errorf("no first bytes: %w", err)
	case speaks == speaksFoolscap && s.cfg.OnFoolscap != nil:
		_ = c.SetDeadline(time.Time{})
		if ctx.Err() != nil { // the deadline that ends everything may have been set before, and be gone
			return ctx.Err()
		}
		s.cfg.OnFoolscap(c)
		return nil
	case speaks == speaksTLS && s.http.Handler == nil:
		return errors.New("speaks TLS, but this port is for Foolscap alone")
	case speaks != speaksTLS:
		_, _ = io.WriteString(c, refusals[speaks])
		return errors.New("does not speak TLS")
	}
	raw := newBatcher(c, s.cfg.Silence)
	conn := tls.Server(raw, s.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	_ = c.SetDeadline(time.Time{})
	select {
	case s.ready <- &wireConn{Conn: conn, raw: raw}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// handshaken is the listener of the HTTP server: it accepts connections that have shaken hands, until ctx ends.
type handshaken struct {
	s   *Server
	ctx context.Context
}

func (l handshaken) Accept() (net.Conn, error) {
	select {
	case c := <-l.s.ready:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l handshaken) Close() error   { return nil }
func (l handshaken) Addr() net.Addr { return l.s.ln.Addr() }

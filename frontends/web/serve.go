package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"tahoe/reactor"
)

const (
	headerTime = 30 * time.Second // for a client to send the header of a request
	idleTime   = 2 * time.Minute  // for a connection without a request
	maxHeader  = 64 << 10
)

// Service makes a service that serves ln, and closes it. When it is told to stop it takes no new connection, lets the
// requests under way finish while the grace period lasts, and then cuts them.
func (s *Server) Service(ln net.Listener) reactor.Service {
	return reactor.ServiceFunc(func(ctx context.Context, ready func()) error { return s.serve(ctx, ln, ready) })
}

func (s *Server) serve(ctx context.Context, ln net.Listener, ready func()) error {
	work := reactor.Work(ctx)
	defer s.operations.close()
	silent := newSilentConns()
	srv := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return work },
		ConnState:         silent.note,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.c.Log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }() // received below
	ready()
	select {
	case err := <-served:
		s.endStreams()
		_ = srv.Close()
		s.active.drain()
		return fmt.Errorf("serve web port: %w", err)
	case <-ctx.Done():
	}
	silent.close()
	s.endStreams()
	if err := srv.Shutdown(work); err != nil {
		_ = srv.Close() // cuts what did not finish in time
	}
	err := <-served
	s.active.drain()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve web port: %w", err)
}

// A tracker counts requests, so that a stop can wait for the last one: http.Server.Close does not.
type tracker struct {
	mu      sync.Mutex
	n       int
	drained chan struct{} // non-nil once nobody may enter
}

func (t *tracker) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.drained != nil {
		return false
	}
	t.n++
	return true
}

func (t *tracker) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.drained != nil {
		close(t.drained)
	}
}

// drain lets nobody in any more and waits for those who are in. It is called once.
func (t *tracker) drain() {
	t.mu.Lock()
	t.drained = make(chan struct{})
	if t.n == 0 {
		close(t.drained)
	}
	t.mu.Unlock()
	<-t.drained
}

// silentConns are connections that have sent nothing yet, such as browsers open ahead of need. http.Server.Shutdown
// waits five seconds for them; they have nothing to lose, so a stop closes them at once.
type silentConns struct {
	mu       sync.Mutex
	stopping bool
	conns    map[net.Conn]bool
}

func newSilentConns() *silentConns { return &silentConns{conns: map[net.Conn]bool{}} }

func (s *silentConns) note(c net.Conn, state http.ConnState) {
	if s.remember(c, state == http.StateNew) {
		_ = c.Close()
	}
}

// remember says whether c came too late.
func (s *silentConns) remember(c net.Conn, fresh bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !fresh {
		delete(s.conns, c)
		return false
	}
	s.conns[c] = true
	return s.stopping
}

func (s *silentConns) close() {
	s.mu.Lock()
	s.stopping = true
	var all []net.Conn
	for c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}

package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"tahoe/frontends/serve"
	"tahoe/reactor"
)

// Service makes a service that serves ln, and closes it. When it is told to stop it takes no new connection, lets the
// requests under way finish while the grace period lasts, and then cuts them.
func (s *Server) Service(ln net.Listener) reactor.Service {
	return reactor.ServiceFunc(func(ctx context.Context, ready func()) error { return s.serve(ctx, ln, ready) })
}

func (s *Server) serve(ctx context.Context, ln net.Listener, ready func()) error {
	defer s.Close()
	s.keepStoring()
	defer context.AfterFunc(ctx, s.endStreams)()
	err := serve.HTTP(ctx, ready, ln, s, slog.NewLogLogger(s.c.Log.Handler(), slog.LevelWarn))
	s.endStreams()
	s.active.drain()
	if err != nil {
		return fmt.Errorf("serve web port: %w", err)
	}
	return nil
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

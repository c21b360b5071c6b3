// Package serve is how this program serves HTTP: its limits on clients that send or take nothing, and an orderly stop. It is for
// the web port and for the doors that speak HTTP.
//
// The invariant: a client that does nothing holds a connection for a bounded time, and only its own.
package serve

import (
	"context"
	"errors"
	"log"
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

// HTTP serves ln, and closes it. When ctx ends it takes no new connection, lets the requests under way finish while the grace
// period lasts, and then cuts them, without waiting for their handlers. Requests have the context of the work, reactor.Work.
func HTTP(ctx context.Context, ready func(), ln net.Listener, h http.Handler, failures *log.Logger) error {
	work := reactor.Work(ctx)
	silent := newSilentConns()
	srv := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return work },
		ConnState:         silent.note,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          failures,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }() // received below
	ready()
	select {
	case err := <-served:
		_ = srv.Close()
		return err
	case <-ctx.Done():
	}
	silent.close()
	if srv.Shutdown(work) != nil {
		_ = srv.Close() // cuts what did not finish in time
	}
	return unlessClosed(<-served)
}

func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
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

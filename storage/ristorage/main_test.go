package ristorage_test

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tahoe/internal/foolscap"
	"tahoe/storage"
	"tahoe/storage/ristorage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const swissnum = "thirtytwo-characters-of-swissnum"

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	c, err := foolscap.Stranger()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A server is a Tub that listens on loopback.
type server struct {
	furl string

	mu    sync.Mutex
	conns []net.Conn
}

// serve registers a storage server at a Tub of its own, until the test ends.
func serve(t testing.TB, s storage.Server) *server {
	t.Helper()
	return serveObject(t, ristorage.NewServer(s))
}

func serveObject(t testing.TB, o foolscap.Object) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tub := foolscap.NewTub(certificate(t), foolscap.Config{})
	tub.Register(swissnum, o)
	out := &server{furl: tub.FURL([]string{"tcp:" + ln.Addr().String()}, swissnum)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			out.mu.Lock()
			out.conns = append(out.conns, conn)
			out.mu.Unlock()
			wg.Go(func() { _ = tub.Serve(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		cancel()
		wg.Wait()
	})
	return out
}

// cut breaks all connections.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

// newTub runs a Tub that makes connections, until the test ends.
func newTub(t testing.TB) *foolscap.Tub {
	t.Helper()
	tub := foolscap.NewTub(certificate(t), foolscap.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- tub.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("running a Tub: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return tub
}

// connect makes a client of a server.
func connect(t testing.TB, s *server, c ristorage.ClientConfig) *ristorage.Client {
	t.Helper()
	client, err := ristorage.NewClient(newTub(t), s.furl, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

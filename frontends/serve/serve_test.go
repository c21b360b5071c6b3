package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tahoe/frontends/serve"
	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A pipes is a listener whose connections are made in memory, so that time can be fake.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	a, b := net.Pipe()
	p.conns <- b
	return a
}

// open serves h until stop is called.
func open(h http.HandlerFunc) (ln *pipes, stop func() error) {
	closed := make(chan struct{})
	ln = &pipes{make(chan net.Conn), closed, sync.OnceFunc(func() { close(closed) })}
	ctx, cancel := context.WithCancel(context.Background())
	served := reactor.ServiceFunc(func(ctx context.Context, ready func()) error { return serve.HTTP(ctx, ready, ln, h, nil) })
	tree := reactor.NewTree("test", reactor.Child{Name: "http", Service: served, Grace: time.Hour})
	done := make(chan error, 1)
	go func() { done <- tree.Run(ctx, func() {}) }()
	return ln, func() error { cancel(); return <-done }
}

const limit = time.Minute

func TestBody(t *testing.T) {
	for _, tt := range []struct {
		name string
		gap  time.Duration
		cut  bool
	}{
		{"something comes in time", limit - time.Second, false},
		{"nothing comes for too long", limit + time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type outcome struct {
					text   string
					failed bool
					cut    bool
				}
				got := make(chan outcome, 1)
				ln, stop := open(func(w http.ResponseWriter, r *http.Request) {
					b := serve.NewBody(w, r.Body, limit)
					text, err := io.ReadAll(b)
					if err != b.Err() {
						t.Errorf("the body remembers %v, want %v", b.Err(), err)
					}
					got <- outcome{string(text), err != nil, b.Stop()}
				})
				conn := ln.dial()
				go io.Copy(io.Discard, conn)
				fmt.Fprint(conn, "PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n")
				for _, c := range "abc" {
					time.Sleep(tt.gap)
					_ = conn.SetWriteDeadline(time.Now().Add(limit)) // nobody reads when it was cut
					fmt.Fprint(conn, string(c))
				}
				want := outcome{text: "abc"}
				if tt.cut {
					want = outcome{failed: true, cut: true}
				}
				if got := <-got; got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				conn.Close()
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestWriter(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 1<<20)
	for _, tt := range []struct {
		name string
		gap  time.Duration
		cut  bool
	}{
		{"the client takes something in time", limit / 3, false},
		{"the client takes nothing for too long", limit + time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := make(chan bool, 1)
				ln, stop := open(func(w http.ResponseWriter, r *http.Request) {
					out := serve.NewWriter(w, limit)
					defer out.Stop()
					n, err := out.Write(data)
					failed <- err != nil && n < len(data)
				})
				conn := ln.dial()
				fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
				block := make([]byte, 64<<10)
				var err error
				for done := false; !done && err == nil; {
					time.Sleep(tt.gap)
					_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // there may be no more
					_, err = io.ReadFull(conn, block)
					done = len(failed) > 0
				}
				if got := <-failed; got != tt.cut {
					t.Errorf("cut off: got %v, want %v", got, tt.cut)
				}
				conn.Close()
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestIgnoreBody(t *testing.T) {
	for _, tt := range []struct {
		name, headers, sends string
		takes                time.Duration
		goesOn               bool // another request may follow
	}{
		{"no body", "Content-Length: 0", "", 0, true},
		{"small body", "Content-Length: 5", "hello", 0, true},
		{"announced and never sent", "Content-Length: 5", "", 5 * time.Second, false},
		{"asks whether to send", "Content-Length: 5\r\nExpect: 100-continue", "", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, stop := open(func(w http.ResponseWriter, r *http.Request) {
					serve.IgnoreBody(w, r)
					w.WriteHeader(http.StatusForbidden)
				})
				conn := ln.dial()
				answers := bufio.NewReader(conn)
				start := time.Now()
				request := "PUT / HTTP/1.1\r\nHost: localhost\r\n" + tt.headers + "\r\n\r\n" + tt.sends
				fmt.Fprint(conn, request)
				resp, err := http.ReadResponse(answers, nil)
				if err != nil || resp.StatusCode != http.StatusForbidden {
					t.Fatalf("got %v, %v, want status 403", resp, err)
				}
				if took := time.Since(start); took != tt.takes {
					t.Errorf("the answer took %v, want %v", took, tt.takes)
				}
				_ = conn.SetDeadline(time.Now().Add(time.Hour))
				go fmt.Fprint(conn, request)
				if _, err := http.ReadResponse(answers, nil); (err == nil) != tt.goesOn {
					t.Errorf("the next request: got %v, want an answer: %v", err, tt.goesOn)
				}
				conn.Close()
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A connection that has said nothing does not delay a stop.
func TestStopWithSilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := open(func(http.ResponseWriter, *http.Request) {})
		conn := ln.dial()
		synctest.Wait()
		start := time.Now()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took >= time.Second { // net/http gives such a connection five
			t.Errorf("the stop took %v", took)
		}
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection: got %v, want its end", err)
		}
	})
}

// A listener that fails is told of.
func TestListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := open(nil)
		ln.Close()
		synctest.Wait()
		if err := stop(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want %v", err, net.ErrClosed)
		}
	})
}

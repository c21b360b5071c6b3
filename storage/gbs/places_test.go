package gbs_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/storage/gbs"
)

// pipes is a listener whose connections lie in memory, so that time can be the test's.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { close(p.ended); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// serveMemory runs a server for h in a bubble of time, until the test ends.
func serveMemory(t *testing.T, h http.HandlerFunc, c gbs.ServerConfig) *pipes {
	t.Helper()
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	cert, _ := certificate(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- gbs.NewServer(p, cert, h, c).Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: got %v, want no error", err)
		}
	})
	return p
}

// A caller is one connection.
type caller struct {
	*tls.Conn
	r *bufio.Reader
}

func (p *pipes) dial(t *testing.T) *caller {
	t.Helper()
	here, there := net.Pipe()
	p.conns <- there
	c := tls.Client(here, &tls.Config{InsecureSkipVerify: true})
	t.Cleanup(func() { _ = here.Close() })
	return &caller{c, bufio.NewReader(c)}
}

// ask sends a request and reads the answer. Both go on at once: a pipe holds nothing.
func (c *caller) ask() error {
	go func() { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }()
	resp, err := http.ReadResponse(c.r, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	synctest.Wait() // for what the server does after it has answered
	return err
}

// closed says whether the server closed the connection.
func (c *caller) closed() bool {
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := c.r.ReadByte()
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// A new connection takes the place of the one that has been idle longest.
func TestIdleConnectionsMakePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serveMemory(t, func(http.ResponseWriter, *http.Request) {}, gbs.ServerConfig{MaxConns: 3})
		var c [3]*caller
		for k, n := range []int{0, 1, 2, 0, 2} {
			if c[n] == nil {
				c[n] = p.dial(t)
			}
			if err := c[n].ask(); err != nil {
				t.Fatalf("request %d: %v", k, err)
			}
			time.Sleep(time.Hour)
		}
		fourth := p.dial(t)
		if err := fourth.ask(); err != nil {
			t.Fatalf("the new connection: got %v, want an answer", err)
		}
		if !c[1].closed() {
			t.Error("the connection that was idle longest is still open")
		}
		for k, c := range []*caller{c[0], c[2], fourth} {
			if err := c.ask(); err != nil {
				t.Errorf("open connection %d: got %v, want an answer", k, err)
			}
		}
	})
}

// While all connections are busy, new ones are closed, and the log says so once a minute.
func TestBusyConnectionsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		release := make(chan struct{})
		p := serveMemory(t, func(http.ResponseWriter, *http.Request) { <-release }, gbs.ServerConfig{
			MaxConns: 1, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		busy := p.dial(t)
		answered := make(chan error, 1)
		go func() { answered <- busy.ask() }()
		synctest.Wait()
		for minute, want := range []int{1, 2} {
			for range 3 {
				if !p.dial(t).closed() {
					t.Error("a connection too many is open")
				}
				time.Sleep(time.Second)
			}
			synctest.Wait()
			if got := strings.Count(log.String(), "too many storage connections"); got != want {
				t.Errorf("in minute %d: got %d warnings, want %d", minute, got, want)
			}
			time.Sleep(time.Minute)
		}
		close(release)
		if err := <-answered; err != nil {
			t.Errorf("the busy connection: got %v, want an answer", err)
		}
		_ = busy.NetConn().Close()
		synctest.Wait()
		for range 2 { // the place of the one that went, and then the idle one's
			if err := p.dial(t).ask(); err != nil {
				t.Errorf("after the busy one went: got %v, want an answer", err)
			}
		}
	})
}

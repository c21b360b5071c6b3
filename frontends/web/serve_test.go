package web_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
	"tahoe/reactor"
)

// A pipes is a listener whose connections are made in memory, so that time can be fake.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial() net.Conn {
	a, b := net.Pipe()
	p.conns <- b
	return a
}

// serving runs s until stop is called, which gives the error of Run.
func serving(t testing.TB, s *web.Server, ln net.Listener) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tree := reactor.NewTree("test", reactor.Child{Name: "web", Service: s.Service(ln), Grace: 5 * time.Second})
	done, up := make(chan error, 1), make(chan struct{})
	go func() { done <- tree.Run(ctx, func() { close(up) }) }()
	<-up
	return func() error { cancel(); return <-done }
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func clientOf(t testing.TB, ln net.Listener) *wapi.Client {
	t.Helper()
	c, err := wapi.NewClient("http://"+ln.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestOverTheWire(t *testing.T) {
	r, ln := newRig(t), listen(t)
	stop := serving(t, r.Server, ln)
	c := clientOf(t, ln)
	big := bytes.Repeat([]byte("large body "), 1<<17)
	for _, size := range []int64{-1, int64(len(big))} {
		uri, created, err := c.Put(t.Context(), struct{ io.Reader }{bytes.NewReader(big)}, size, wapi.PutOptions{})
		if err != nil || created || !strings.HasPrefix(uri, "URI:LIT:") {
			t.Errorf("put of size %d: got %q %v %v", size, uri, created, err)
		}
		if !bytes.Equal(r.shelf.got, big) || r.shelf.sizes[len(r.shelf.sizes)-1] != size {
			t.Errorf("put of size %d: other bytes were stored, with sizes %v", size, r.shelf.sizes)
		}
	}
	body, err := c.Get(t.Context(), r.cap.Encode(), wapi.Range{Offset: 3, Size: 4})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(body)
	if string(got) != "3456" || err != nil || body.Size != 4 {
		t.Errorf("get: got %q of %d, %v", got, body.Size, err)
	}
	body.Close()
	_, err = c.Get(t.Context(), testCap(t, 12345).Encode(), wapi.Range{})
	if !errors.Is(err, wapi.ErrNotEnoughShares) || !strings.Contains(err.Error(), "found 2 good shares, and 3 are needed") {
		t.Errorf("get of a lost file: got %v", err)
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err = c.Get(t.Context(), r.cap.Encode(), wapi.Range{}); !errors.Is(err, wapi.ErrUnreachable) || strings.Contains(err.Error(), "URI") {
		t.Errorf("get from a stopped node: got %v", err)
	}
}

// A client sees that an answer which failed in the middle is not whole.
func TestCutIsVisible(t *testing.T) {
	r, ln := newRig(t), listen(t)
	r.shelf.files[r.cap] = &file{data: []byte(r.text), good: 30, err: errors.New("server x: hung up")}
	stop := serving(t, r.Server, ln)
	c := clientOf(t, ln)
	body, err := c.Get(t.Context(), r.cap.Encode(), wapi.Range{})
	if err != nil {
		if !errors.Is(err, wapi.ErrUnreachable) { // the header was cut, too
			t.Fatal(err)
		}
	} else {
		got, err := io.ReadAll(body)
		if !errors.Is(err, wapi.ErrTruncated) || !strings.HasPrefix(r.text, string(got)) {
			t.Errorf("got %q, %v", got, err)
		}
		body.Close()
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestExpectContinue(t *testing.T) {
	for _, tt := range []struct{ name, query, want string }{
		{"taken", "", "HTTP/1.1 100 Continue"},
		{"refused before the body", "?format=ZDMF", "HTTP/1.1 400 Bad Request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, ln := newRig(t), listen(t)
			stop := serving(t, r.Server, ln)
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "PUT /uri%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", tt.query)
			line, err := bufio.NewReader(conn).ReadString('\n')
			if strings.TrimSpace(line) != tt.want || err != nil {
				t.Errorf("got %q %v, want %q", line, err, tt.want)
			}
			conn.Close()
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A gate is a file that is delivered when it opens.
type gate struct {
	file
	entered, open chan struct{}
}

func (g *gate) Read(ctx context.Context, off, n int64, w io.Writer) error {
	close(g.entered)
	select {
	case <-g.open:
		return g.file.Read(ctx, off, n, w)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type gateStore struct {
	shelf
	g *gate
}

func (s *gateStore) OpenChild(lafs.Child) (lafs.Node, error) { return s.g, nil }

func TestStop(t *testing.T) {
	for _, tt := range []struct {
		name     string
		finishes bool
		takes    time.Duration
	}{
		{"request finishes", true, 0},
		{"request does not finish", false, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gate{file: file{data: []byte("body")}, entered: make(chan struct{}), open: make(chan struct{})}
				s := web.New(&gateStore{g: g}, gridOf{}, web.Config{})
				ln := newPipes()
				stop := serving(t, s, ln)
				silent := ln.dial() // a connection that says nothing must not delay the stop
				conn := ln.dial()
				fmt.Fprintf(conn, "GET /uri/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", testCap(t, 4).Encode())
				<-g.entered
				answer := make(chan string, 1)
				go func() {
					b, _ := io.ReadAll(conn)
					answer <- string(b)
				}()
				start := time.Now()
				stopped := make(chan error, 1)
				go func() { stopped <- stop() }()
				synctest.Wait()
				if tt.finishes {
					close(g.open)
				}
				if err := <-stopped; err != nil {
					t.Errorf("stop: %v", err)
				}
				if took := time.Since(start); took < tt.takes || took > tt.takes+time.Second {
					t.Errorf("stop took %v, want %v", took, tt.takes)
				}
				if got := <-answer; strings.HasSuffix(got, "\r\n\r\nbody") != tt.finishes {
					t.Errorf("got answer %q", got)
				}
				silent.Close()
				conn.Close()
			})
		})
	}
}

// A client that takes nothing is cut off after two minutes, and one that takes little is not.
func TestSlowDownload(t *testing.T) {
	for _, tt := range []struct {
		name string
		gap  time.Duration
		cut  bool
	}{
		{"takes nothing for long", 121 * time.Second, true},
		{"takes something every minute", 60 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data := bytes.Repeat([]byte("x"), 2<<20)
				c := testCap(t, int64(len(data)))
				s := web.New(&shelf{files: map[caps.Cap]*file{c: {data: data}}}, gridOf{}, web.Config{})
				ln := newPipes()
				stop := serving(t, s, ln)
				conn := ln.dial()
				fmt.Fprintf(conn, "GET /uri/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", c.Encode())
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				block, n := make([]byte, 100<<10), 0
				for err == nil {
					time.Sleep(tt.gap)
					var m int
					m, err = io.ReadFull(resp.Body, block)
					n += m
				}
				if cut := n < len(data); cut != tt.cut {
					t.Errorf("got %d of %d bytes, %v", n, len(data), err)
				}
				conn.Close()
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestStalledUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		ln := newPipes()
		stop := serving(t, web.New(s, gridOf{}, web.Config{}), ln)
		conn := ln.dial()
		start := time.Now()
		fmt.Fprintf(conn, "PUT /uri HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text := readAll(t, resp); resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(text, "2m0s") {
			t.Errorf("got %d %q", resp.StatusCode, text)
		}
		if took := time.Since(start); took != 2*time.Minute || s.puts() != 0 {
			t.Errorf("given up after %v with %d stored", took, s.puts())
		}
		conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// The time that the grid takes does not count against the client.
func TestSlowGridIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{file: file{data: []byte("body")}, entered: make(chan struct{}), open: make(chan struct{})}
		ln := newPipes()
		stop := serving(t, web.New(&gateStore{g: g}, gridOf{}, web.Config{}), ln)
		conn := ln.dial()
		fmt.Fprintf(conn, "GET /uri/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", testCap(t, 4).Encode())
		time.AfterFunc(time.Hour, func() { close(g.open) })
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text := readAll(t, resp); text != "body" {
			t.Errorf("got %q", text)
		}
		conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A refusal reaches a client that is still sending much: its own words, not a connection that breaks.
func TestRefusalOfAnUploadUnderWay(t *testing.T) {
	ln := listen(t)
	stop := serving(t, web.New(fullShelf{}, gridOf{}, web.Config{}), ln)
	client, err := wapi.NewClient("http://"+ln.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_, _, err := client.Put(t.Context(), io.LimitReader(zeros{}, 64<<20), -1, wapi.PutOptions{})
		if answer, ok := errors.AsType[*wapi.Error](err); !ok || answer.Status != http.StatusInsufficientStorage {
			t.Errorf("got %v, want status 507", err)
		}
	}
	client.Close()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A fullShelf has no room for anything.
type fullShelf struct{ web.Store }

func (fullShelf) Put(context.Context, io.Reader, lafs.PutOptions) (res lafs.PutResult, err error) {
	return res, syscall.ENOSPC
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A body that nobody wants does not hold the connection when it does not come.
func TestStalledUselessBody(t *testing.T) {
	for _, request := range []string{
		"PUT /uri?format=ZDMF HTTP/1.1\r\nContent-Length: 100",
		"PUT /uri?format=ZDMF HTTP/1.1\r\nContent-Length: 100\r\nExpect: 100-continue",
		"PUT /uri?format=ZDMF HTTP/1.1\r\nTransfer-Encoding: chunked",
		"POST /uri?t=mkdir HTTP/1.1\r\nContent-Length: 1000000",
		"GET /healthz HTTP/1.1\r\nContent-Length: 100",
		"DELETE / HTTP/1.1\r\nContent-Length: 100",
	} {
		synctest.Test(t, func(t *testing.T) {
			ln := newPipes()
			stop := serving(t, web.New(&shelf{}, gridOf{}, web.Config{}), ln)
			conn := ln.dial()
			start := time.Now()
			fmt.Fprintf(conn, "%s\r\nHost: localhost\r\n\r\n", request)
			b, _ := io.ReadAll(conn)
			if took := time.Since(start); took > 10*time.Second || !strings.HasPrefix(string(b), "HTTP/1.1 ") {
				t.Errorf("%q: got %q after %v", request, b, took)
			}
			conn.Close()
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A connection serves on after a small body that nobody wanted.
func TestConnectionIsKept(t *testing.T) {
	r, ln := newRig(t), listen(t)
	stop := serving(t, r.Server, ln)
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for _, tt := range []struct {
		request string
		status  int
	}{
		{"PUT /uri?format=ZDMF HTTP/1.1\r\nContent-Length: 5\r\nHost: a.localhost\r\n\r\nhello", 400},
		{"GET /healthz HTTP/1.1\r\nContent-Length: 5\r\nHost: a.localhost\r\n\r\nhello", 200},
		{"PUT /uri HTTP/1.1\r\nContent-Length: 5\r\nHost: a.localhost\r\n\r\nhello", 200},
	} {
		fmt.Fprint(conn, tt.request)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text := readAll(t, resp); resp.StatusCode != tt.status || resp.Close {
			t.Errorf("%.20s: got %d %q, closing: %v", tt.request, resp.StatusCode, text, resp.Close)
		}
	}
	conn.Close()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

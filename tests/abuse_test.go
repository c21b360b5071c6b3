package tests_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/tests/gridtest"
)

// How hard a web port is abused.
type abuse struct {
	clients  int   // that are slow, at once
	requests int   // on connections that stay open
	header   int64 // bytes
	bomb     int64 // bytes of a body, unpacked
}

func TestLongAbuse(t *testing.T) {
	needsLong(t)
	abused(t, abuse{clients: 1000, requests: 10_000, header: 100 << 20, bomb: 1 << 30})
}

func TestAbuse(t *testing.T) {
	needsGrid(t)
	abused(t, abuse{clients: 100, requests: 500, header: 4 << 20, bomb: 64 << 20})
}

// abused does to one node what hostile and broken clients do. It keeps within its memory and answers everybody else all the while.
func abused(t *testing.T, a abuse) {
	g := gridtest.New(t, gridtest.Config{})
	v := &victim{t: t, g: g, host: strings.TrimSuffix(strings.TrimPrefix(g.URL(), "http://"), "/")}
	v.file = put(t, g, content(1, 4<<20), 4<<20)
	t.Run("slow readers", func(t *testing.T) { v.slowReaders(t, a.clients) })
	t.Run("slow uploads", func(t *testing.T) { v.slowUploads(t, a.clients) })
	t.Run("half a header", func(t *testing.T) { v.halfHeaders(t, a.clients) })
	t.Run("kept alive", func(t *testing.T) { v.keptAlive(t, a.requests) })
	t.Run("large header", func(t *testing.T) { v.largeHeader(t, a.header) })
	t.Run("packed body", func(t *testing.T) { v.packedBody(t, a.bomb) })
	const most = 300 << 20
	peak := g.Client.PeakMemory()
	t.Logf("peak memory of the client: %d MiB", peak>>20)
	if peak > most {
		t.Errorf("peak memory of the client is %d MiB, want at most %d", peak>>20, most>>20)
	}
}

// A victim is a node that is abused.
type victim struct {
	t    *testing.T
	g    *gridtest.Grid
	host string
	file string
}

// answers says that somebody else is served: by a page, and by a file that is stored and read.
func (v *victim) answers(t *testing.T) {
	t.Helper()
	client := http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	resp, err := client.Get(v.g.URL() + "?t=json")
	if err != nil {
		t.Errorf("the page of the node: %v", err)
		return
	}
	_ = resp.Body.Close()
	cap, err := tryPut(v.g, strings.NewReader(strings.Repeat("somebody else ", 10)), -1)
	if err != nil {
		t.Errorf("an upload: %v", err)
		return
	}
	if err := sameBytes(v.g, cap, strings.NewReader(strings.Repeat("somebody else ", 10))); err != nil {
		t.Errorf("a download: %v", err)
	}
}

// dial opens connections, sends something on each, and closes them at the end of the test.
func (v *victim) dial(t *testing.T, n int, send func(i int) string) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	var all sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range n {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			c, err := net.Dial("tcp", v.host)
			if err != nil {
				t.Errorf("connection %d: %v", i, err)
				return
			}
			conns[i] = c
			_, _ = io.WriteString(c, send(i)) // it may be cut off, as it should
		})
	}
	all.Wait()
	t.Cleanup(func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	})
	return conns
}

// slowReaders ask for a file and do not read it.
func (v *victim) slowReaders(t *testing.T, n int) {
	v.dial(t, n, func(int) string {
		return "GET /uri/" + url.PathEscape(v.file) + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
	})
	v.answers(t)
}

// slowUploads announce much and send little.
func (v *victim) slowUploads(t *testing.T, n int) {
	v.dial(t, n, func(int) string {
		return "PUT /uri HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n" + strings.Repeat("x", 10_000)
	})
	v.answers(t)
}

// halfHeaders never come to the end of a header.
func (v *victim) halfHeaders(t *testing.T, n int) {
	v.dial(t, n, func(i int) string { return fmt.Sprintf("GET / HTTP/1.1\r\nHost: localhost\r\nX-%d: a", i) })
	v.answers(t)
}

// keptAlive is many requests on few connections, several under way on each.
func (v *victim) keptAlive(t *testing.T, n int) {
	const each = 50
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			c, err := net.Dial("tcp", v.host)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
			r := bufio.NewReader(c)
			for sent := 0; sent < n/10; sent += each {
				if _, err := io.WriteString(c, strings.Repeat("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", each)); err != nil {
					t.Error(err)
					return
				}
				for range each {
					if err := expect(r, http.StatusOK); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	v.answers(t)
}

func expect(r *bufio.Reader, status int) error {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != status {
		return fmt.Errorf("got %s, want %d", resp.Status, status)
	}
	return nil
}

// largeHeader is a header that is far too large: it is refused, and not read to its end.
func (v *victim) largeHeader(t *testing.T, size int64) {
	c := v.dial(t, 1, func(int) string { return "GET / HTTP/1.1\r\nHost: localhost\r\n" })[0]
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	line := []byte("X-Large: " + strings.Repeat("a", 8<<10) + "\r\n")
	sent := int64(0)
	var err error
	for ; sent < size && err == nil; sent += int64(len(line)) {
		_, err = c.Write(line)
	}
	if err == nil { // all of it went into buffers on the way: then it is the answer that refuses
		if err = expect(bufio.NewReader(c), http.StatusRequestHeaderFieldsTooLarge); err != nil && !isCut(err) {
			t.Errorf("a header of %d bytes: %v", size, err)
		}
	}
	v.answers(t)
}

func isCut(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// packedBody is a body that would be large if it were unpacked. The node stores what came, byte for byte.
func (v *victim) packedBody(t *testing.T, size int64) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.CopyN(z, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	body := packed.Bytes()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, v.g.URL()+"uri", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s %q, %v", resp.Status, text, err)
	}
	if err := sameBytes(v.g, string(text), bytes.NewReader(body)); err != nil {
		t.Error(err)
	}
	v.answers(t)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

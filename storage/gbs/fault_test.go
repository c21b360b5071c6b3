package gbs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/internal/nurl"
	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/storagetest"
)

// A server that dies while an answer is on its way.
func TestServerDiesInAnswer(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-99999/*")
		w.Header().Set("Content-Length", "100000")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(make([]byte, 50000))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	broken := make(chan error, 1)
	c := connect(t, serve(t, h, gbs.ServerConfig{}), gbs.ClientConfig{OnDisconnect: func(err error) { broken <- err }})
	_, err := c.ReadSlot(t.Context(), storage.Index{}, []storage.ShareNum{0}, []storage.Span{{Size: 100000}})
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "reading share 0 of aaaaa at server 127") {
		t.Errorf("got %v, want an unexpected end", err)
	}
	select {
	case err := <-broken:
		if err == nil {
			t.Error("got no reason, want one")
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody was told that the connection broke")
	}
}

// A share that ends earlier than its server says breaks the answer off; it is not padded or cut.
func TestShareEndsEarly(t *testing.T) {
	c := overTLS(t, shrinking{}, gbs.HandlerConfig{})
	_, err := c.ReadSlot(t.Context(), storage.Index{}, []storage.ShareNum{0}, []storage.Span{{Size: 1 << 20}})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want an unexpected end", err)
	}
}

// shrinking has a share that is 1 MiB long, except when more than its begin or its last byte is read.
type shrinking struct{ storage.Server }

func (shrinking) ReadSlot(_ context.Context, _ storage.Index, _ []storage.ShareNum, spans []storage.Span) (map[storage.ShareNum][][]byte, error) {
	s := spans[0]
	if s.Offset > 0 && s.Size > 1 {
		s.Size = 0
	}
	return map[storage.ShareNum][][]byte{0: {make([]byte, s.Size)}}, nil
}

func TestOnDisconnect(t *testing.T) {
	n := serve(t, &scripted{status: 204}, gbs.ServerConfig{})
	broken := make(chan error, 10)
	c := connect(t, n, gbs.ClientConfig{OnDisconnect: func(err error) { broken <- err }})
	if err := c.AddLease(t.Context(), storage.Index{}, leaseSecrets); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-broken:
		t.Fatalf("got %v, want no call while the server is there", err)
	case <-time.After(50 * time.Millisecond):
	}
	n.stop()
	select {
	case err := <-broken:
		if err == nil {
			t.Error("got no reason, want one")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nobody was told that the idle connection broke")
	}
	if err := c.AddLease(t.Context(), storage.Index{}, leaseSecrets); err == nil {
		t.Error("got no error from a server that has gone")
	}
	if len(broken) > 0 {
		t.Errorf("got %d more calls, want none for a connection that was not made", len(broken))
	}
}

func TestNoCallWhenClosed(t *testing.T) {
	called := make(chan error, 1)
	c := connect(t, serve(t, &scripted{status: 204}, gbs.ServerConfig{}), gbs.ClientConfig{OnDisconnect: func(err error) { called <- err }})
	if err := c.AddLease(t.Context(), storage.Index{}, leaseSecrets); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	select {
	case err := <-called:
		t.Errorf("got %v, want no call after Close", err)
	case <-time.After(30 * time.Millisecond):
	}
}

// A kept connection that the server closed does not cost an upload: its first bytes are sent again.
func TestStaleConnection(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{})
	n := serve(t, gbs.NewHandler(mem, swissnum(t), gbs.HandlerConfig{}), gbs.ServerConfig{Idle: 20 * time.Millisecond})
	c := connect(t, n, gbs.ClientConfig{})
	data := bytes.Repeat([]byte("x"), 1<<20)
	a, err := c.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: int64(len(data))})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(60 * time.Millisecond)
	if _, err := a.Writers[0].Write(t.Context(), storage.Span{Size: int64(len(data))}, bytes.NewReader(data)); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

// A server that takes the request and says nothing, and one that stops in the middle of an answer.
func TestSilentServer(t *testing.T) {
	for _, tc := range []struct {
		name   string
		some   bool
		config gbs.ClientConfig
		want   string
	}{
		{"no answer", false, gbs.ClientConfig{AnswerTimeout: 50 * time.Millisecond}, "timeout awaiting response headers"},
		{"half an answer", true, gbs.ClientConfig{Silence: 500 * time.Millisecond}, "the server stopped sending for 500ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			release := make(chan struct{})
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tc.some {
					w.Header().Set("Content-Range", "bytes 0-9/*")
					w.Header().Set("Content-Length", "10")
					w.WriteHeader(http.StatusPartialContent)
					_ = http.NewResponseController(w).Flush()
				}
				<-release
			})
			n := serve(t, h, gbs.ServerConfig{})
			defer close(release)
			c := connect(t, n, tc.config)
			_, err := c.ReadSlot(t.Context(), storage.Index{}, []storage.ShareNum{0}, []storage.Span{{Size: 10}})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// The context ends a request that waits, and the error says so.
// A server that sends all of a share and then does not end its answer holds nobody up.
func TestAnswerWithoutEnd(t *testing.T) {
	release := make(chan struct{})
	n := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/shares") {
			w.Header().Set("Content-Type", "application/cbor")
			_, _ = io.WriteString(w, "\xd9\x01\x02\x81\x00")
			return
		}
		w.Header().Set("Content-Range", "bytes 0-4/*")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, "hello")
		_ = http.NewResponseController(w).Flush()
		<-release
	}), gbs.ServerConfig{})
	defer close(release)
	shares, err := connect(t, n, gbs.ClientConfig{}).Buckets(t.Context(), storage.Index{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := shares[0].Read(t.Context(), storage.Span{Size: 5})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(stream); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v, want the share", got, err)
	}
	closed := make(chan struct{})
	go func() { _ = stream.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the stream's Close still waits for the server")
	}
}

func TestContextEnds(t *testing.T) {
	release := make(chan struct{})
	n := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), gbs.ServerConfig{})
	defer close(release)
	c := connect(t, n, gbs.ClientConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := c.Version(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "asking for the version at server") {
		t.Errorf("got %v, want the context's error with the operation", err)
	}
}

// A client that stops in the middle of a body is cut off, and what it was writing is not visible.
func TestSlowClient(t *testing.T) {
	r, mem := rawTo(t, gbs.HandlerConfig{Silence: 50 * time.Millisecond})
	r.send(allocation(t, 10, 0))
	got := verbatim(t, r.node, "PATCH "+immutable+"/0", upload, "Content-Range: bytes 0-9/*", "Content-Length: 10", "", "01234")
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "reading the body") {
		t.Errorf("got %q, want 400 and the reason", got)
	}
	if got := mem.Shares(fixedIndex(t)); len(got) > 0 {
		t.Errorf("got shares %v, want none", got)
	}
	r.want(patch("0", "bytes 0-9/*", "0123456789"), 201, "")
}

// A body that was announced and does not come holds no connection, whoever announced it and whether it is wanted or not.
func TestStalledBody(t *testing.T) {
	for _, tc := range []struct {
		name, request, auth string
		lines               []string
		status              string
	}{
		{"stranger", "POST " + immutable, "nothing", []string{"Content-Length: 100"}, "401"},
		{"stranger with a body in pieces", "POST " + immutable, "nothing", []string{"Transfer-Encoding: chunked"}, "401"},
		{"stranger with options", "OPTIONS *", "nothing", []string{"Content-Length: 100"}, "401"},
		{"stranger with options alone", "OPTIONS *", "nothing", []string{"Content-Length: 0"}, "401"},
		{"allocation", "POST " + immutable, swissText, []string{renew, cancel, upload, "Content-Length: 100"}, "400"},
		{"advice", "POST " + immutable + "/0/corrupt", swissText, []string{"Content-Length: 100"}, "400"},
		{"no such path", "POST /", swissText, []string{"Content-Length: 100"}, "404"},
		{"unwanted body", "PUT " + immutable + "/0/abort", swissText, []string{upload, "Content-Length: 100"}, "404"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, _ := rawTo(t, gbs.HandlerConfig{Silence: 100 * time.Millisecond})
			conn, err := tls.Dial("tcp", r.node.addr, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			auth := "Authorization: Tahoe-LAFS " + base64.StdEncoding.EncodeToString([]byte(tc.auth))
			_, _ = io.WriteString(conn, tc.request+" HTTP/1.1\r\nHost: x\r\n"+auth+"\r\n"+strings.Join(tc.lines, "\r\n")+"\r\n\r\n")
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 "+tc.status+" ") {
				t.Errorf("got %q, %v; want status %s and the end of the connection", got, err, tc.status)
			}
		})
	}
}

// verbatim sends lines that need not make sense together, and returns all that comes back until the connection closes.
func verbatim(t *testing.T, n *node, request string, lines ...string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", n.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	auth := "Authorization: Tahoe-LAFS " + base64.StdEncoding.EncodeToString([]byte(swissText))
	_, _ = io.WriteString(conn, request+" HTTP/1.1\r\nHost: x\r\n"+auth+"\r\n"+strings.Join(lines, "\r\n"))
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	got, _ := io.ReadAll(conn)
	return string(got)
}

func TestSlowHeaders(t *testing.T) {
	n := serve(t, &scripted{status: 204}, gbs.ServerConfig{Header: 50 * time.Millisecond, Decide: 50 * time.Millisecond})
	conn, err := tls.Dial("tcp", n.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost:")
	wantClosed(t, conn)

	silent, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, _ = io.WriteString(silent, "GET /i")
	wantClosed(t, silent)
}

func wantClosed(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is still open, want it closed")
	}
}

func TestSniff(t *testing.T) {
	foolscap := make(chan string, 1)
	n := serve(t, &scripted{status: 204}, gbs.ServerConfig{OnFoolscap: func(c net.Conn) {
		defer c.Close()
		b := make([]byte, 20)
		_, _ = io.ReadFull(c, b)
		foolscap <- string(b)
	}})
	plain := serve(t, &scripted{status: 204}, gbs.ServerConfig{})
	for _, tc := range []struct {
		name, addr, send, want string
	}{
		{"Foolscap", n.addr, "GET /id/abcdefghijkl HTTP/1.1\r\n", ""},
		{"Foolscap refused", plain.addr, "GET /id/abcdefghijkl HTTP/1.1\r\n", "does not speak Foolscap"},
		{"HTTP", n.addr, "GET /ideal HTTP/1.1\r\n\r\n", "which speaks TLS"},
		{"one byte", n.addr, "X", "which speaks TLS"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := net.Dial("tcp", tc.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for _, b := range []byte(tc.send[:min(len(tc.send), 8)]) { // byte by byte, as a slow network would
				_, _ = c.Write([]byte{b})
				time.Sleep(time.Millisecond)
			}
			_, _ = io.WriteString(c, tc.send[min(len(tc.send), 8):])
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			got, _ := io.ReadAll(c)
			if !strings.Contains(string(got), tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if got := <-foolscap; got != "GET /id/abcdefghijkl" {
		t.Errorf("got %q, want all the bytes that were sent", got)
	}
}

// A server that stops lets a request under way finish.
func TestStopFinishes(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	n := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		w.WriteHeader(http.StatusNoContent)
	}), gbs.ServerConfig{Grace: 10 * time.Second})
	c := connect(t, n, gbs.ClientConfig{})
	result := make(chan error, 1)
	go func() { result <- c.AddLease(t.Context(), storage.Index{}, leaseSecrets) }()
	<-entered
	stopped := make(chan struct{})
	go func() { n.stop(); close(stopped) }()
	time.Sleep(30 * time.Millisecond)
	if conn, err := net.Dial("tcp", n.addr); err == nil {
		_ = conn.Close()
		t.Error("a stopping server takes new connections")
	}
	close(release)
	if err := <-result; err != nil {
		t.Errorf("got %v, want the request under way to finish", err)
	}
	<-stopped
}

// A large change of a slot goes through a file, of which nothing is left afterwards; a small one needs no file.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	mem := storagetest.NewMem(storagetest.Config{})
	spooling := overTLS(t, mem, gbs.HandlerConfig{SpoolDir: dir, SpoolAbove: 1 << 10})
	noDir := overTLS(t, mem, gbs.HandlerConfig{SpoolDir: filepath.Join(dir, "absent"), SpoolAbove: 1 << 10})
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, size := range []int{100, 900, 1000, 1100, len(data)} {
		w := storage.SlotWrite{
			WriteEnabler: secret('w'), Lease: leaseSecrets,
			Shares: map[storage.ShareNum]storage.ShareWrite{3: {Writes: []storage.Write{
				{Offset: 0, Data: bytes.NewReader(data[:size/2])}, {Offset: int64(size / 2), Data: bytes.NewReader(data[size/2 : size])},
			}}},
		}
		if _, err := spooling.TestAndWrite(t.Context(), storage.Index{}, w); err != nil {
			t.Fatal(err)
		}
		if got := mem.Bytes(storage.Index{}, 3); !bytes.Equal(got[:size], data[:size]) {
			t.Errorf("%d bytes: the share differs from what was written", size)
		}
		_, err := noDir.TestAndWrite(t.Context(), storage.Index{}, w)
		if wantFile := size > 950; (err != nil) != wantFile { // beside the data there are names and numbers
			t.Errorf("%d bytes: got %v without a place for files, want an error: %v", size, err, wantFile)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("got %v left, want nothing", left)
	}
}

// What a process that was killed left of its spool is removed, and nothing else.
func TestRemoveSpools(t *testing.T) {
	dir := t.TempDir()
	stay := []string{"gbs-1.spool.txt", "my.spool", "shares", "spool-1"}
	for _, name := range append([]string{"gbs-1.spool", "gbs-4071834.spool"}, stay...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "gbs-2.spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := gbs.RemoveSpools(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := append([]string{"gbs-1.spool.txt", "gbs-2.spool"}, stay[1:]...); !slices.Equal(got, want) {
		t.Errorf("got %q left, want %q", got, want)
	}
	if err := gbs.RemoveSpools(filepath.Join(dir, "absent")); err == nil {
		t.Error("got no error for a directory that is not there")
	}
}

// Nothing is spooled for who does not know the swissnum or shows no secrets, for more than there is room for, or for a
// body whose length is not known.
func TestSpoolRefusals(t *testing.T) {
	dir := t.TempDir()
	mem := storagetest.NewMem(storagetest.Config{})
	config := gbs.HandlerConfig{SpoolDir: dir, SpoolAbove: 1 << 10, SpoolRoom: func() uint64 { return 5000 }}
	r := newRaw(t, serve(t, gbs.NewHandler(mem, swissnum(t), config), gbs.ServerConfig{}))
	slot := func(length int64, header ...string) message {
		return message{method: "POST", path: mutable + "/read-test-write", header: header, body: strings.Repeat("x", 6000), length: length}
	}
	r.want(slot(0, renew, cancel), 400, "no X-Tahoe-Authorization header with a write-enabler")
	r.want(slot(0, renew, cancel, enabler), 507, "there is room for 5000")
	r.want(slot(-1, renew, cancel, enabler), 411, "needs a Content-Length")
	got := verbatim(t, r.node, "POST "+mutable+"/read-test-write", renew, cancel, enabler, "Content-Length: 281474976710657", "Connection: close", "", "x")
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.Contains(got, "more than 281474976710656") {
		t.Errorf("got %q, want 413 and the limit", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("got %v, want no file", left)
	}
}

// A server that takes no new shares lets slots change, whether the change is spooled or not.
func TestSpoolOnReadOnlyServer(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{ReadOnly: true})
	c := overTLS(t, mem, gbs.HandlerConfig{SpoolDir: t.TempDir(), SpoolAbove: 1 << 10, SpoolRoom: func() uint64 { return 1 << 20 }})
	for _, size := range []int{100, 5000} {
		w := storage.SlotWrite{WriteEnabler: secret('w'), Lease: leaseSecrets, Shares: map[storage.ShareNum]storage.ShareWrite{
			3: {Writes: []storage.Write{{Data: bytes.NewReader(make([]byte, size))}}},
		}}
		if got, err := c.TestAndWrite(t.Context(), storage.Index{}, w); err != nil || !got.Wrote {
			t.Errorf("%d bytes: got %v, %v; want them written", size, got.Wrote, err)
		}
	}
}

// A client that stops to take an answer is cut off.
func TestReaderStops(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{})
	const size = 24 << 20
	mem.Put(storage.Index{}, 0, make([]byte, size))
	handler := gbs.NewHandler(mem, swissnum(t), gbs.HandlerConfig{})
	cut := make(chan struct{}, 1)
	watched := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			defer func() { cut <- struct{}{} }()
		}
		handler.ServeHTTP(w, r)
	})
	c := connect(t, serve(t, watched, gbs.ServerConfig{Silence: 100 * time.Millisecond}), gbs.ClientConfig{})
	shares, err := c.Buckets(t.Context(), storage.Index{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := shares[0].Read(t.Context(), storage.Span{Size: size})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	select {
	case <-cut:
	case <-time.After(30 * time.Second):
		t.Fatal("the server still waits for its client")
	}
	if n, err := io.Copy(io.Discard, stream); err == nil {
		t.Errorf("got all %d bytes, want to be cut off", n)
	}
}

// A write lasts as long as the peer takes a little of it now and then, and ends when the peer takes nothing.
func TestSlowIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer here.Close()
		conn := gbs.NewBatcher(here, time.Minute)
		go func() {
			for range 10 {
				time.Sleep(50 * time.Second)
				_, _ = io.ReadFull(there, make([]byte, 1))
			}
		}()
		begin := time.Now()
		if _, err := conn.Write(make([]byte, 10)); err != nil || time.Since(begin) != 500*time.Second {
			t.Errorf("slow peer: got %v after %v, want no error after 500s", err, time.Since(begin))
		}
		begin = time.Now()
		if _, err := conn.Write(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("silent peer: got %v after %v, want a timeout after a minute", err, time.Since(begin))
		}
	})
}

// Neither a client nor a handler shows its swissnum when it is printed.
func TestClientDoesNotPrintSwissnum(t *testing.T) {
	n := serve(t, &scripted{status: 204}, gbs.ServerConfig{})
	c := connect(t, n, gbs.ClientConfig{})
	h := gbs.NewHandler(storagetest.NewMem(storagetest.Config{}), swissnum(t), gbs.HandlerConfig{})
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		got := fmt.Sprintf(verb, c) + fmt.Sprintf(verb, h)
		if strings.Contains(got, swissText) || strings.Contains(got, base64.StdEncoding.EncodeToString([]byte(swissText))) {
			t.Errorf("%s: got text that holds the swissnum", verb)
		}
	}
}

// A server is reached although its first address swallows everything, long before that one is given up.
func TestOtherAddressesAreTriedBesideASlowOne(t *testing.T) {
	n := serve(t, gbs.NewHandler(storagetest.NewMem(storagetest.Config{}), swissnum(t), gbs.HandlerConfig{}), gbs.ServerConfig{})
	both, err := nurl.New(n.nurl.SPKI(), []string{"192.0.2.1:1", n.addr}, n.nurl.Swissnum(), false)
	if err != nil {
		t.Fatal(err)
	}
	client, err := gbs.NewClient(both, gbs.ClientConfig{DialTimeout: time.Hour, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != n.addr {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Version(t.Context()); err != nil {
		t.Errorf("Version: %v", err)
	}
}

// A server that announces more of an answer than it sends holds up nobody who needs no more of it.
func TestAnswersThatDoNotEnd(t *testing.T) {
	for _, status := range []int{http.StatusNoContent, http.StatusNotFound, http.StatusOK} {
		n := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status != http.StatusNoContent {
				w.Header().Set("Content-Length", "100")
			}
			w.WriteHeader(status)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}), gbs.ServerConfig{})
		client := connect(t, n, gbs.ClientConfig{Silence: time.Hour, AnswerTimeout: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		err := client.AddLease(ctx, storage.Index{1}, storage.LeaseSecrets{})
		if ctx.Err() != nil {
			t.Errorf("status %d: AddLease waited for the end of the answer: %v", status, err)
		}
		cancel()
	}
}

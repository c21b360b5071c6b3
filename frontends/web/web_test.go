package web_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/reactor/reactortest"
	"tahoe/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A shelf is a store of immutable files in memory.
type shelf struct {
	web.Store // for all else; nil in most tests
	mu        sync.Mutex
	files     map[caps.Cap]*file
	got       []byte // what the last Put stored
	sizes     []int64
	putErr    error
	block     func(done <-chan struct{}) error // is waited for in place of storing
}

func (s *shelf) Put(ctx context.Context, src io.Reader, o lafs.PutOptions) (res lafs.PutResult, err error) {
	b, err := io.ReadAll(src)
	if err != nil {
		return res, err
	}
	if s.block != nil {
		return res, s.block(ctx.Done())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.sizes = b, append(s.sizes, o.Size)
	if s.putErr != nil {
		return res, s.putErr
	}
	if len(b) > 55 {
		b = b[:55]
	}
	res.Cap, err = caps.NewLiteral(b)
	return res, err
}

func (s *shelf) OpenChild(ch lafs.Child) (lafs.Node, error) {
	switch c := ch.Cap().(type) {
	case caps.Literal:
		return &file{cap: c, data: c.Data()}, nil
	case caps.CHK:
		s.mu.Lock()
		defer s.mu.Unlock()
		if f := s.files[c]; f != nil {
			f.cap = c
			return f, nil
		}
		return &file{cap: c, size: c.Size(), err: errLost()}, nil
	}
	return s.Store.OpenChild(ch)
}

func (s *shelf) puts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sizes)
}

// A file fails with err after the first good bytes that are asked for.
type file struct {
	cap   caps.Cap
	data  []byte
	size  int64 // when there is no data
	err   error
	good  int64
	reads int
}

func (f *file) Cap() caps.Cap { return f.cap }

func (f *file) Size() int64 { return max(f.size, int64(len(f.data))) }

func (f *file) Read(_ context.Context, off, n int64, w io.Writer) error {
	f.reads++
	if f.err != nil {
		if f.good > 0 {
			if _, err := w.Write(f.data[off : off+f.good]); err != nil {
				return err
			}
		}
		return f.err
	}
	_, err := w.Write(f.data[off : off+n])
	return err
}

func testCap(t testing.TB, size int64) caps.CHK {
	t.Helper()
	c, err := caps.NewCHK(caps.CHKParams{Key: [16]byte{1, 2, 3}, UEBHash: [32]byte{4, 5, 6}, Needed: 3, Total: 10, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A gridOf stands for a grid of which so many servers are connected, and so many of those are full.
type gridOf struct{ servers, connected, full int }

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func (g gridOf) Statuses() []grid.Status {
	var all []grid.Status
	for i := range g.servers {
		s := grid.Status{ID: grid.ServerID("v0-" + string(rune('a'+i))), Nickname: "server " + string(rune('a'+i)), Since: epoch.Add(-time.Hour)}
		switch {
		case i >= g.connected:
			s.State, s.LastErr = grid.Disconnected, "connection refused"
		case i < g.full:
			s.State, s.LastSeen = grid.Connected, epoch
			s.Version = storage.Version{Application: "tahoe/2"}
		default:
			s.State, s.LastSeen = grid.Connected, epoch
			s.Version = storage.Version{Application: "tahoe/2", MaxImmutableShare: 1 << 40, Available: 5e9}
		}
		all = append(all, s)
	}
	return all
}

// A rig is a server under test with what it stands on.
type rig struct {
	*web.Server
	shelf *shelf
	log   *bytes.Buffer
	cap   caps.CHK
	text  string // of the file at cap
}

func newRig(t testing.TB, change ...func(*web.Config)) *rig {
	t.Helper()
	text := "0123456789abcdefghijABCDEFGHIJ+-*/0123456789abcdefghijABCDEFGHIJ+-*/!"
	r := &rig{shelf: &shelf{files: map[caps.Cap]*file{}}, log: new(bytes.Buffer), cap: testCap(t, int64(len(text))), text: text}
	r.shelf.files[r.cap] = &file{data: []byte(text)}
	c := web.Config{
		Nickname: "ada",
		NodeID:   "v0-node",
		Version:  "tahoe/2.0",
		Encoding: web.Encoding{Needed: 3, Happy: 7, Total: 10},
		Hosts:    []string{"Node.Example"},
		Log:      slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Clock:    reactortest.NewClock(epoch),
	}
	for _, f := range change {
		f(&c)
	}
	r.shelf.Store = newClient(t)
	r.Server = web.New(r.shelf, gridOf{servers: 10, connected: 10}, c)
	return r
}

func (r *rig) do(t testing.TB, method, target string, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	req := httptest.NewRequest(method, target, body)
	if strings.HasPrefix(target, "/") {
		req.Host = "127.0.0.1:3456"
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	return rec.Result()
}

func readAll(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func checkHeaders(t testing.TB, h http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := h.Get(name); got != value {
			t.Errorf("header %s: got %q, want %q", name, got, value)
		}
	}
}

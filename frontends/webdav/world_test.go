package webdav_test

import (
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
	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
	"tahoe/frontends/webdav"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// people knows accounts with the password "secret".
type people map[string]auth.Account

func (p people) Check(_ context.Context, l auth.Login) (auth.Account, error) {
	a, ok := p[l.Name]
	pw, isPW := l.Proof.(auth.Password)
	switch {
	case !ok:
		return auth.Account{}, auth.ErrUnhandled
	case !isPW || pw.Reveal() != "secret":
		return auth.Account{}, auth.ErrDenied
	}
	return a, nil
}

// A world is a door with two accounts, alice, and bob, who may only read.
type world struct {
	t    *testing.T
	grid *vfstest.Grid
	fs   *vfs.FS
	root caps.DirectoryWrite
	log  *lines
	http *httptest.Server
}

// lines is a log that tests look into.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func open(t *testing.T, c webdav.Config, v vfs.Config) *world {
	t.Helper()
	w := &world{t: t, grid: vfstest.NewGrid(), log: &lines{}}
	alice := w.grid.Account("alice")
	w.root = alice.Root.(caps.DirectoryWrite)
	bob := auth.Account{Name: "bob", Root: alice.Root, ReadOnly: true}
	small := w.grid.Account("small")
	small.Quota = 1000
	w.fs = vfstest.Open(t, w.grid, v)
	log := slog.New(slog.NewTextHandler(w.log, nil))
	c.Log, c.Prefix = log, "/dav"
	s := webdav.New(&auth.Portal[*vfs.View]{Realm: webdav.Realm(w.fs), Checkers: []auth.Checker{people{"alice": alice, "bob": bob, "small": small}}, Log: log}, c)
	t.Cleanup(s.Close)
	w.http = httptest.NewServer(s)
	t.Cleanup(w.http.Close)
	return w
}

// answered is an answer that has been read.
type answered struct {
	status int
	header http.Header
	body   string
}

// do makes a request; headers are pairs.
func (w *world) do(method, path, body string, headers ...string) answered {
	w.t.Helper()
	return w.as("alice", "secret", method, path, body, headers...)
}

func (w *world) as(name, password, method, path, body string, headers ...string) answered {
	w.t.Helper()
	a, err := w.try(name, password, method, path, strings.NewReader(body), headers...)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, text := range []string{a.body, w.log.String()} {
		if strings.Contains(text, "URI:") || strings.Contains(text, "secret") {
			w.t.Fatalf("%s %s: a secret is told: %s", method, path, text)
		}
	}
	return a
}

func (w *world) try(name, password, method, path string, body io.Reader, headers ...string) (answered, error) {
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+path, body)
	if err != nil {
		return answered{}, err
	}
	if name != "" {
		r.SetBasicAuth(name, password)
	}
	for k := 0; k < len(headers); k += 2 {
		r.Header.Set(headers[k], headers[k+1])
	}
	resp, err := w.http.Client().Do(r)
	if err != nil {
		return answered{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answered{resp.StatusCode, resp.Header, string(b)}, err
}

// wants fails unless a request has a status.
func (w *world) wants(status int, method, path, body string, headers ...string) answered {
	w.t.Helper()
	a := w.do(method, path, body, headers...)
	if a.status != status {
		w.t.Errorf("%s %s: got %d %q, want %d", method, path, a.status, a.body, status)
	}
	return a
}

// settle waits until all that was closed is on the grid.
func (w *world) settle() {
	w.t.Helper()
	for range 1000 {
		if len(w.fs.Queue()) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatal("the queue is not empty")
}

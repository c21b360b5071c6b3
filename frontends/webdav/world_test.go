package webdav_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tahoe/frontends/doortest"
	"tahoe/frontends/vfs"
	"tahoe/frontends/webdav"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a door with accounts.
type world struct {
	*doortest.World
	http *httptest.Server
}

func open(t *testing.T, c webdav.Config, v vfs.Config) *world {
	t.Helper()
	w := &world{World: doortest.New(t, v)}
	c.Log, c.Prefix = w.Logger(), "/dav"
	s := webdav.New(w.Portal(webdav.Realm(w.FS)), c)
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
	w.T.Helper()
	return w.as("alice", "secret", method, path, body, headers...)
}

func (w *world) as(name, password, method, path, body string, headers ...string) answered {
	w.T.Helper()
	a, err := w.try(name, password, method, path, strings.NewReader(body), headers...)
	if err != nil {
		w.T.Fatal(err)
	}
	for _, text := range []string{a.body, w.Log.String()} {
		if strings.Contains(text, "URI:") || strings.Contains(text, "secret") {
			w.T.Fatalf("%s %s: a secret is told: %s", method, path, text)
		}
	}
	return a
}

func (w *world) try(name, password, method, path string, body io.Reader, headers ...string) (answered, error) {
	r, err := http.NewRequestWithContext(w.T.Context(), method, w.http.URL+path, body)
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
	w.T.Helper()
	a := w.do(method, path, body, headers...)
	if a.status != status {
		w.T.Errorf("%s %s: got %d %q, want %d", method, path, a.status, a.body, status)
	}
	return a
}

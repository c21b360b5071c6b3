package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs/grid"
)

func TestWelcomeJSON(t *testing.T) {
	s := web.New(&shelf{}, gridOf{servers: 2, connected: 1}, web.Config{})
	r := &rig{Server: s}
	resp := r.do(t, "GET", "/?t=json", nil)
	const want = `{
 "introducers": {
  "statuses": []
 },
 "servers": [
  {
   "nodeid": "v0-a",
   "connection_status": "connected",
   "available_space": 5000000000,
   "nickname": "server a",
   "version": "tahoe/2",
   "last_received_data": 1795262400
  },
  {
   "nodeid": "v0-b",
   "connection_status": "not connected: connection refused",
   "available_space": null,
   "nickname": "server b",
   "version": null,
   "last_received_data": null
  }
 ]
}
`
	text := readAll(t, resp)
	if text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	checkHeaders(t, resp.Header, map[string]string{"Content-Type": "application/json; charset=utf-8"})
	var back wapi.Welcome
	if err := json.Unmarshal([]byte(text), &back); err != nil || len(back.Servers) != 2 {
		t.Errorf("read back: got %+v, %v", back, err)
	}
}

func TestNoServersJSON(t *testing.T) {
	r := &rig{Server: web.New(&shelf{}, gridOf{}, web.Config{})}
	if text := readAll(t, r.do(t, "GET", "/?t=json", nil)); !strings.Contains(text, `"servers": []`) {
		t.Errorf("got %s, want an empty list", text)
	}
}

func TestWelcomePage(t *testing.T) {
	tests := []struct {
		name string
		grid gridOf
		has  []string
	}{
		{
			"ready", gridOf{servers: 10, connected: 10},
			[]string{"Ready", "An upload would succeed now: it needs 7 storage servers, and 10 of 10 would take shares.", "Files can be read", "server a", "5.0 GB"},
		},
		{
			"exactly enough", gridOf{servers: 10, connected: 7},
			[]string{"An upload would succeed now: it needs 7 storage servers, and 7 of 10 would take shares.", "not connected: connection refused"},
		},
		{
			"too few", gridOf{servers: 10, connected: 8, full: 2},
			[]string{"Reading only", "An upload would fail now: it needs 7 storage servers, and only 6 of 10 would take shares.", "2 servers are not connected", "2 servers are full or read-only", "connected, takes no shares"},
		},
		{"far too few", gridOf{servers: 10, connected: 1}, []string{"Not ready", "9 servers are not connected", "Most files cannot be read now", "1 server is connected"}},
		{"none connected", gridOf{servers: 10}, []string{"none of 10 would take shares", "no server is connected"}},
		{"none", gridOf{}, []string{"Not ready", "this node knows of no storage server", "private/servers.yaml"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.Server = web.New(r.shelf, tt.grid, web.Config{Nickname: "<ada>", NodeID: "v0-node", Version: "tahoe/2.0", Encoding: web.Encoding{Needed: 3, Happy: 7, Total: 10}})
			resp := r.do(t, "GET", "/", nil)
			text := readAll(t, resp)
			for _, want := range append(tt.has, "&lt;ada&gt;", "v0-node", "tahoe/2.0", `name="uri"`, `enctype="multipart/form-data"`, "any 3 of 10 shares") {
				if !strings.Contains(text, want) {
					t.Errorf("page lacks %q", want)
				}
			}
			if strings.Contains(text, "<script") || strings.Contains(text, "<ada>") {
				t.Errorf("page has a script or unescaped text")
			}
			csp := resp.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'") || resp.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("headers: got %v", resp.Header)
			}
		})
	}
}

func TestSmallRoutes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.html": "<p>hi", "index.html": "front"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out": "/etc/passwd", "circle": "circle", "dangling": "nothing", "good": "a.html"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, func(c *web.Config) { c.StaticDir = dir })
	bare := newRig(t)
	gone := newRig(t, func(c *web.Config) { c.StaticDir = filepath.Join(dir, "none") })
	tests := []struct {
		name   string
		rig    *rig
		method string
		target string
		status int
		body   string
		want   map[string]string
	}{
		{name: "health", target: "/healthz", status: 200, body: "ok\n"},
		{name: "health by HEAD", method: "HEAD", target: "/healthz", status: 200},
		{name: "health by PUT", method: "PUT", target: "/healthz", status: 405, want: map[string]string{"Allow": "GET, HEAD"}},
		{name: "root by POST", method: "POST", target: "/", status: 405},
		{name: "root by HEAD", method: "HEAD", target: "/", status: 200},
		{name: "root, bad t", target: "/?t=zz", status: 400, body: "Unknown t value: 'zz'\n"},
		{name: "style", target: "/tahoe.css", status: 200, want: map[string]string{"Content-Type": "text/css; charset=utf-8"}},
		{name: "icon", target: "/icon.svg", status: 200, want: map[string]string{"Content-Type": "image/svg+xml"}},
		{name: "unknown", target: "/storage", status: 404, body: "there is no such page on this node\n", want: map[string]string{"X-Frame-Options": "DENY", "Content-Type": "text/plain;charset=utf-8"}},
		{name: "static", target: "/static/a.html", status: 200, body: "<p>hi", want: map[string]string{"Content-Security-Policy": "", "X-Frame-Options": "DENY"}},
		{name: "static, escaped", target: "/static/%61.html", status: 200, body: "<p>hi"},
		{name: "static index", target: "/static/", status: 200, body: "front"},
		{name: "static, missing", target: "/static/b", status: 404},
		{name: "static, outside", target: "/static/..%2f..%2fetc/passwd", status: 404},
		{name: "static, a link that leads out", target: "/static/out", status: 404},
		{name: "static, a link to itself", target: "/static/circle", status: 404},
		{name: "static, a link to nothing", target: "/static/dangling", status: 404},
		{name: "static, a good link", target: "/static/good", status: 200, body: "<p>hi"},
		{name: "static, a name that no file has", target: "/static/a%00b", status: 404},
		{name: "static, below a file", target: "/static/a.html/b", status: 404},
		{name: "static by PUT", method: "PUT", target: "/static/a.html", status: 405},
		{name: "no static", rig: bare, target: "/static/a.html", status: 404, body: "this node has no static files\n"},
		{name: "static directory missing", rig: gone, target: "/static/a.html", status: 404, body: "this node has no static files\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method, on := "GET", r
			if tt.method != "" {
				method = tt.method
			}
			if tt.rig != nil {
				on = tt.rig
			}
			resp := on.do(t, method, tt.target, nil)
			if body := readAll(t, resp); resp.StatusCode != tt.status || tt.body != "" && body != tt.body {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, tt.status, tt.body)
			}
			checkHeaders(t, resp.Header, tt.want)
		})
	}
}

// The pages and what they load are small enough for a slow line.
func TestFirstLoadIsSmall(t *testing.T) {
	r := newRig(t)
	total := 0
	for _, target := range []string{"/", "/tahoe.css", "/icon.svg"} {
		total += len(readAll(t, r.do(t, "GET", target, nil)))
	}
	if total > 40_000 {
		t.Errorf("first load: got %d bytes, want at most 40000", total)
	}
}

func TestServersAreSortedAsPeopleCount(t *testing.T) {
	names := []string{"storage-10", "storage-2", "attic", "storage-1", "storage-02", "", "storage", "9"}
	g := make(namedGrid, len(names))
	for i, n := range names {
		g[i] = grid.Status{ID: grid.ServerID(fmt.Sprintf("v0-%d", i)), Nickname: n}
	}
	rec := httptest.NewRecorder()
	web.New(&shelf{}, g, web.Config{}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/?t=json", nil))
	var page wapi.Welcome
	if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range page.Servers {
		got = append(got, s.Nickname)
	}
	if want := []string{"", "9", "attic", "storage", "storage-1", "storage-2", "storage-02", "storage-10"}; !slices.Equal(got, want) {
		t.Errorf("servers are listed as %q, want %q", got, want)
	}
}

type namedGrid []grid.Status

func (g namedGrid) Statuses() []grid.Status { return slices.Clone([]grid.Status(g)) }

// Who gets no file, or cannot store one, is told which servers might help and are not there.
func TestMissingServersAreNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		grid gridOf
		want string
	}{
		{"all there", gridOf{servers: 3, connected: 3}, "no server could be asked\n"},
		{"two missing", gridOf{servers: 3, connected: 1}, "no server could be asked; not connected: server b, server c\n"},
		{"many missing", gridOf{servers: 15}, ", server l and 3 more\n"},
	} {
		s := web.New(&shelf{}, c.grid, web.Config{})
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/uri/"+testCap(t, 100).Encode(), nil))
		if rec.Code != http.StatusGone || !strings.HasSuffix(rec.Body.String(), c.want) {
			t.Errorf("%s: %d %q, want 410 and %q", c.name, rec.Code, rec.Body.String(), c.want)
		}
	}
}

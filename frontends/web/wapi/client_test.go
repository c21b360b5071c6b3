package wapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tahoe/frontends/web/wapi"
)

// A seen request is what a node was asked for.
type seen struct{ line, body, kind string }

// recorder is a client of a node that gives one answer and tells what it was asked for.
func recorder(t testing.TB, status int, answer string) (*wapi.Client, *seen) {
	t.Helper()
	s := &seen{}
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		line, err := url.QueryUnescape(strings.ReplaceAll(r.RequestURI, "%3A", ":"))
		if err != nil {
			t.Error(err)
		}
		*s = seen{line: r.Method + " " + line, body: string(b), kind: r.Header.Get("Content-Type")}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	})
	return c, s
}

func TestRequests(t *testing.T) {
	ctx := t.Context()
	path := []string{"a", "b c"}
	children := wapi.NewChildren{"x": {Kind: wapi.KindFile, ReadURI: "URI:LIT:me"}}
	const body = `{"x":["filenode",{"ro_uri":"URI:LIT:me"}]}`
	tests := []struct {
		name       string
		call       func(c *wapi.Client) error
		line, body string
	}{
		{"uri", func(c *wapi.Client) error { _, err := c.URI(ctx, "URI:d", path); return err }, "GET /uri/URI:d/a/b c?t=uri", ""},
		{"read uri", func(c *wapi.Client) error { _, err := c.ReadURI(ctx, "URI:d", nil); return err }, "GET /uri/URI:d?t=readonly-uri", ""},
		{"mkdir", func(c *wapi.Client) error {
			_, err := c.Mkdir(ctx, wapi.MkdirOptions{Format: "MDMF", PrivateKey: []byte{0xfb, 0xff}})
			return err
		}, "POST /uri?format=MDMF&private-key=-_8=&t=mkdir", ""},
		{"mkdir at", func(c *wapi.Client) error { _, err := c.MkdirAt(ctx, "URI:d", path, wapi.MkdirOptions{}); return err }, "POST /uri/URI:d/a/b c?t=mkdir", ""},
		{"mkdir with", func(c *wapi.Client) error { _, err := c.MkdirWith(ctx, children); return err }, "POST /uri?t=mkdir-with-children", body},
		{"mkdir immutable", func(c *wapi.Client) error { _, err := c.MkdirImmutable(ctx, children); return err }, "POST /uri?t=mkdir-immutable", body},
		{"mkdir immutable, empty", func(c *wapi.Client) error { _, err := c.MkdirImmutable(ctx, nil); return err }, "POST /uri?t=mkdir-immutable", "{}"},
		{"set children", func(c *wapi.Client) error { return c.SetChildren(ctx, "URI:d", path, children, wapi.ReplaceNever) },
			"POST /uri/URI:d/a/b c?replace=false&t=set_children", body},
		{"unlink", func(c *wapi.Client) error { _, err := c.Unlink(ctx, "URI:d", path); return err }, "DELETE /uri/URI:d/a/b c", ""},
		{"link", func(c *wapi.Client) error { return c.PutURI(ctx, "URI:d", path, "URI:c", wapi.ReplaceOnlyFiles) },
			"PUT /uri/URI:d/a/b c?replace=only-files&t=uri", "URI:c"},
		{"rename", func(c *wapi.Client) error { return c.Rename(ctx, "URI:d", nil, "from", "to&", wapi.ReplaceAny) },
			"POST /uri/URI:d", "from_name=from&t=rename&to_name=to%26"},
		{"relink", func(c *wapi.Client) error {
			return c.Relink(ctx, "URI:d", nil, "from", "URI:e", []string{"x", "y/z"}, "to", wapi.ReplaceNever)
		}, "POST /uri/URI:d", "from_name=from&replace=false&t=relink&to_dir=URI%3Ae%2Fx%2Fy%252Fz&to_name=to"},
		{"put at", func(c *wapi.Client) error {
			_, _, err := c.PutAt(ctx, "URI:d", path, strings.NewReader("file"), 4, wapi.PutOptions{Mutable: true, Replace: wapi.ReplaceNever})
			return err
		}, "PUT /uri/URI:d/a/b c?mutable=true&replace=false", "file"},
		{"check", func(c *wapi.Client) error {
			_, err := c.CheckJSON(ctx, "URI:d", nil, wapi.CheckOptions{Verify: true, Repair: true, AddLease: true})
			return err
		}, "POST /uri/URI:d?add-lease=true&output=JSON&repair=true&t=check&verify=true", ""},
		{"cancel", func(c *wapi.Client) error { return c.Cancel(ctx, "h") }, "POST /operations/h?output=JSON&t=cancel", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, got := recorder(t, 200, "URI:new\n")
			if err := tt.call(c); err != nil {
				t.Fatal(err)
			}
			if got.line != tt.line || got.body != tt.body {
				t.Errorf("sent %s\n%s\nwant %s\n%s", got.line, got.body, tt.line, tt.body)
			}
			if strings.HasPrefix(tt.body, "{") && got.kind != "application/json" {
				t.Errorf("the body is %s", got.kind)
			}
		})
	}
}

// Every name arrives as it was, as one element of the path.
func TestNames(t *testing.T) {
	names := []string{"..", ".", "a/b", "?#%", "é ü", "a:b", "%2F", "+&;="}
	var got []string
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		got = nil
		for _, part := range strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/uri/"), "/")[1:] {
			name, err := url.PathUnescape(part)
			if err != nil {
				t.Error(err)
			}
			got = append(got, name)
			if part == "." || part == ".." {
				t.Errorf("%q was sent as it is", part)
			}
		}
		_, _ = io.WriteString(w, "URI:x")
	})
	if _, err := c.URI(t.Context(), "URI:d", names); err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", names) {
		t.Errorf("got %q, %v, want %q", got, err, names)
	}
}

func TestNodeOf(t *testing.T) {
	c, _ := recorder(t, 200, `["dirnode",{"mutable":true,"ro_uri":"URI:r","rw_uri":"URI:w","children":{"z":["filenode",{"size":5}],"a":["unknown",{}]}}]`)
	n, err := c.Node(t.Context(), "URI:d", nil)
	if err != nil || n.Kind != wapi.KindDirectory || n.URI() != "URI:w" || len(n.Children) != 2 || n.Children[0].Name != "z" || *n.Children[0].Size != 5 {
		t.Errorf("got %+v, %v", n, err)
	}
	for _, bad := range []string{"", "<html>", `{}`, `["dirnode"]`, `[1,2]`} {
		c, _ := recorder(t, 200, bad)
		if _, err := c.Node(t.Context(), "URI:d", nil); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// What needs a name does not touch the directory that has none.
func TestNoName(t *testing.T) {
	c, got := recorder(t, 200, "URI:x")
	if _, err := c.Unlink(t.Context(), "URI:d", nil); err == nil {
		t.Error("unlinked")
	}
	if err := c.PutURI(t.Context(), "URI:d", nil, "URI:x", wapi.ReplaceAny); err == nil {
		t.Error("linked")
	}
	if got.line != "" {
		t.Errorf("sent %s", got.line)
	}
}

func TestErrorsOfANode(t *testing.T) {
	page := func(title, paragraph string) string {
		return "<html><head><title>" + title + "</title></head><body><h1>x</h1><p>" + paragraph + "</p></body></html>"
	}
	tests := []struct {
		name    string
		status  int
		kind    string
		text    string
		is      error
		message string
	}{
		{"ours", 404, "text/plain;charset=utf-8", "no such child: a\n", wapi.ErrNotFound, "no such child: a (status 404)"},
		{"page", 404, "text/html", page("404 - Error", "No such child: &lt;a&gt;"), wapi.ErrNotFound, "No such child: <a> (status 404)"},
		{"page without details", 409, "text/html", page("409 - a file was in the way", "no details"), wapi.ErrConflict, "a file was in the way (status 409)"},
		{"page of others", 502, "text/html", "<html>bad gateway", nil, "node answered 502 Bad Gateway"},
		{"traceback", 500, "text/plain", "Traceback (most recent call last):\n  File x\nallmydata.interfaces.UploadUnhappinessError: shares could not be placed\n",
			wapi.ErrNotEnoughServers, "allmydata.interfaces.UploadUnhappinessError: shares could not be placed (status 500)"},
		{"lost", 410, "text/plain", "NotEnoughSharesError: only 1", wapi.ErrNotEnoughShares, "NotEnoughSharesError: only 1 (status 410)"},
		{"capability", 400, "text/plain", "bad cap: URI:CHK:secret:secret:3:10:5", nil, "bad cap: URI:… (status 400)"},
	}
	for _, tt := range tests {
		c := node(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.text)
		})
		_, err := c.URI(t.Context(), "URI:d", nil)
		if err == nil || err.Error() != tt.message || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.message)
		}
	}
}

func TestStreams(t *testing.T) {
	const unit = `{"path":["a"],"cap":"URI:x","type":"file","verifycap":"","repaircap":"","storage-index":""}` + "\n"
	const last = `{"type":"stats","stats":{"count-files":1}}` + "\n"
	tests := []struct {
		name   string
		answer string
		lines  int
		is     error
		has    string
	}{
		{"whole", unit + unit + last, 3, nil, ""},
		{"blank lines, no end of line", "\n" + unit + "\r\n" + strings.TrimSpace(last), 2, nil, ""},
		{"without the last line", unit, 1, wapi.ErrTruncated, "last line is missing"},
		{"nothing", "", 0, wapi.ErrTruncated, ""},
		{"error", unit + "ERROR: NotEnoughSharesError(URI:CHK:secret:x)\nTraceback:\n  x\n", 1, wapi.ErrNotEnoughShares, "NotEnoughSharesError(URI:…)"},
		{"error of another kind", "ERROR: boom\n", 0, nil, "boom"},
		{"nonsense", unit + "<html>\n", 1, nil, "read line"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, got := recorder(t, 200, tt.answer)
			lines := 0
			var err error
			for line, e := range c.StreamManifest(t.Context(), "URI:d", []string{"a"}) {
				if err = e; e != nil {
					break
				}
				lines++
				if !json.Valid(line.JSON) {
					t.Errorf("line %q", line.JSON)
				}
			}
			if lines != tt.lines || (err == nil) != (tt.is == nil && tt.has == "") || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %d lines, %v", lines, err)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.has) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("got %v, want %q", err, tt.has)
			}
			if got.line != "POST /uri/URI:d/a?t=stream-manifest" {
				t.Errorf("sent %s", got.line)
			}
		})
	}
}

// A stream that nobody reads on ends at the node, and so does one whose context ends.
func TestStreamLeft(t *testing.T) {
	for _, left := range []bool{true, false} {
		ended := make(chan struct{})
		c := node(t, func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			_, _ = io.WriteString(w, `{"type":"file"}`+"\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, err := range c.StreamDeepCheck(ctx, "URI:d", nil, wapi.CheckOptions{}) {
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if left {
				break
			}
			cancel()
		}
		<-ended
	}
}

func TestOperations(t *testing.T) {
	polls := 0
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case q.Get("t") == "start-deep-stats" && r.Method == http.MethodPost && q.Get("ophandle") != "":
			http.Redirect(w, r, "/operations/"+q.Get("ophandle"), http.StatusFound)
		case q.Get("t") == "status" && q.Get("release-after-complete") == "true":
			polls++
			fmt.Fprintf(w, `{"finished":%v,"count-files":%d}`, polls == 3, polls)
		default:
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
	})
	s, err := c.DeepStats(t.Context(), "URI:d", nil)
	if err != nil || s.CountFiles != 3 || polls != 3 {
		t.Errorf("got %+v, %v after %d polls", s, err, polls)
	}
}

func TestStartFails(t *testing.T) {
	c, _ := recorder(t, 400, "no directory")
	if _, err := c.DeepStats(t.Context(), "URI:d", nil); err == nil {
		t.Error("no error")
	}
}

// An operation for which nobody waits any more is cancelled.
func TestAwaitInterrupted(t *testing.T) {
	var cancelled atomic.Bool
	ctx, interrupt := context.WithCancel(t.Context())
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Query().Get("t") == "cancel" {
			cancelled.Store(true)
		}
		_, _ = io.WriteString(w, `{"finished":false}`)
	})
	_, err := c.Await(ctx, "h", func([]byte) { interrupt() })
	if !errors.Is(err, context.Canceled) || !cancelled.Load() {
		t.Errorf("got %v, cancelled %v", err, cancelled.Load())
	}
}

func TestStatusOfTheOriginal(t *testing.T) {
	c, _ := recorder(t, 200, `{"active":[],"recent":[{"type":"mapupdate","total-size":"-NA-","mode":"MODE_READ","storage-index-string":"x","status":"Finished"},
		{"type":"upload","total-size":5,"storage-index-string":null,"status":"Finished"},{"type":"upload","total-size":null}]}`)
	s, err := c.Status(t.Context())
	if err != nil || len(s.Recent) != 3 || s.Recent[0].TotalSize != nil || s.Recent[0].Mode != "MODE_READ" || *s.Recent[1].TotalSize != 5 || s.Recent[2].TotalSize != nil {
		t.Errorf("got %+v, %v", s, err)
	}
}

// Many requests share few connections.
func TestConnectionsAreUsedAgain(t *testing.T) {
	var made atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(404)
		}
		_, _ = io.WriteString(w, "URI:x")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c, err := wapi.NewClient(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 100 {
		_, err1 := c.Mkdir(t.Context(), wapi.MkdirOptions{})
		_, _, err2 := c.Put(t.Context(), strings.NewReader("x"), -1, wapi.PutOptions{})
		_, err3 := c.Unlink(t.Context(), "URI:d", []string{"a"})
		if err1 != nil || err2 != nil || !errors.Is(err3, wapi.ErrNotFound) {
			t.Fatal(err1, err2, err3)
		}
	}
	if n := made.Load(); n != 1 {
		t.Errorf("300 requests one after the other took %d connections", n)
	}
}

// A client that is told to gives up a node that is silent, and no node that is slow.
func TestSilence(t *testing.T) {
	const silence = 300 * time.Millisecond
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 6 {
			if r.URL.Path == "/uri/URI:silent" {
				<-r.Context().Done()
				return
			}
			_, _ = io.WriteString(w, "slow")
			w.(http.Flusher).Flush()
			time.Sleep(silence / 3)
		}
	}))
	defer s.Close()
	c, err := wapi.NewClient(s.URL, wapi.NewHTTP(silence))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.URI(t.Context(), "URI:slow", nil); err != nil {
		t.Errorf("slow: got %v", err)
	}
	begin := time.Now()
	if _, err := c.URI(t.Context(), "URI:silent", nil); !errors.Is(err, wapi.ErrUnreachable) || time.Since(begin) > 10*silence {
		t.Errorf("silent: got %v after %v", err, time.Since(begin))
	}
}

func TestRangeThatIsAnother(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-4/5")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, "hello")
	})
	if _, err := c.Get(t.Context(), "URI:x", wapi.Range{Offset: 2}); err == nil || !strings.Contains(err.Error(), "another byte") {
		t.Errorf("got %v", err)
	}
	whole, _ := recorder(t, 200, "hello")
	if _, err := whole.Get(t.Context(), "URI:x", wapi.Range{Offset: 2}); err == nil {
		t.Error("the whole file was taken for its end")
	}
}

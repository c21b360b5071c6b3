package web_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tahoe/frontends/web"

	"golang.org/x/text/unicode/norm"
)

func TestRangeOf(t *testing.T) {
	tests := []struct {
		header    string
		size      int64
		off, n    int64
		ok, isErr bool
	}{
		{header: "bytes=0-0", size: 10, n: 1, ok: true},
		{header: "bytes=0-", size: 10, n: 10, ok: true},
		{header: "bytes=9-", size: 10, off: 9, n: 1, ok: true},
		{header: "bytes=3-99", size: 10, off: 3, n: 7, ok: true},
		{header: "bytes=-3", size: 10, off: 7, n: 3, ok: true},
		{header: "bytes=-99", size: 10, n: 10, ok: true},
		{header: "bytes= 1 - 2 , 4-", size: 10, off: 1, n: 2, ok: true},
		{header: "bytes=10-", size: 10, isErr: true},
		{header: "bytes=10-20", size: 10, isErr: true},
		{header: "bytes=99999999999999999999-", size: 10, isErr: true},
		{header: "bytes=1-99999999999999999999", size: 10, off: 1, n: 9, ok: true},
		{header: "bytes=0-0", size: 0, isErr: true},
		{header: "bytes=0-", size: 0},
		{header: "bytes=-0", size: 10},
		{header: "bytes=-5", size: 0, isErr: true},
		{header: "bytes=2-1", size: 10},
		{header: "bytes=1-2,x", size: 10},
		{header: "bytes=", size: 10},
		{header: "bytes=-", size: 10},
		{header: "bytes=+1-2", size: 10},
		{header: "bytes=1--2", size: 10},
		{header: "items=1-2", size: 10},
		{header: "bytes 1-2", size: 10},
		{header: "", size: 10},
	}
	for _, tt := range tests {
		s, ok, err := web.RangeOf(tt.header, tt.size)
		off, n := s.Bounds()
		if !ok {
			off, n = 0, 0
		}
		if off != tt.off || n != tt.n || ok != tt.ok || (err != nil) != tt.isErr {
			t.Errorf("%q of %d: got %d+%d %v %v, want %d+%d %v", tt.header, tt.size, off, n, ok, err, tt.off, tt.n, tt.ok)
		}
	}
}

// Whatever the header, what it selects lies within the file and is not empty.
func FuzzRangeOf(f *testing.F) {
	f.Add("bytes=0-0", int64(1))
	f.Add("bytes=-5,7-", int64(math.MaxInt64))
	f.Add("bytes=9223372036854775806-9223372036854775807", int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		s, ok, err := web.RangeOf(header, size)
		if off, n := s.Bounds(); ok && (err != nil || off < 0 || n < 1 || off >= size || n > size-off) {
			t.Errorf("%q of %d: got %d+%d %v", header, size, off, n, err)
		}
	})
}

// A capability and a name survive being put into a path, and the shape of a path holds neither.
func FuzzParseRoute(f *testing.F) {
	f.Add("URI:CHK:abc:def:3:10:5", "a b/c?d%")
	f.Add("x-future:/%2F", "..")
	f.Add(".", "@@named=")
	f.Fuzz(func(t *testing.T, capability, name string) {
		if strings.TrimRight(capability, " \t\r\n") != capability || capability == "" || name == "" || !utf8.ValidString(name) {
			return
		}
		path := "/uri/" + url.PathEscape(capability) + "/" + url.PathEscape(name)
		shape, gotCap, names, err := web.ParseRoute(path)
		if err != nil || gotCap != capability || len(names) != 1 || names[0] != norm.NFC.String(name) {
			t.Errorf("%q: got %q %q %v", path, gotCap, names, err)
		}
		if shape != "/uri/[cap]/[path]" {
			t.Errorf("%q: got shape %q", path, shape)
		}
	})
}

// No request line makes the server fall over, and none that is refused is refused as a fault of the server.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/uri/URI:CHK:a:b:3:10:5?t=json", "bytes=0-")
	f.Add("POST", "/file/URI%3ALIT%3A/@@named=/%2e%2e", "")
	f.Add("HEAD", "//cap//URI:LIT:me/", "x")
	f.Add("OPTIONS", "*", "")
	r := newRig(f)
	f.Fuzz(func(t *testing.T, method, target, rangeHeader string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" {
			return
		}
		req := &http.Request{Method: method, URL: u, Host: "localhost", Header: http.Header{"Range": {rangeHeader}}, Body: http.NoBody}
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, req.WithContext(t.Context()))
		if rec.Code == http.StatusInternalServerError {
			t.Errorf("%q %q: got 500: %s", method, target, rec.Body)
		}
	})
}

func TestParseRoute(t *testing.T) {
	tests := []struct{ path, shape, cap, names string }{
		{path: "/", shape: "/"},
		{path: "", shape: "/"},
		{path: "//", shape: "/"},
		{path: "/uri", shape: "/uri"},
		{path: "/uri/", shape: "/uri"},
		{path: "//uri//", shape: "/uri"},
		{path: "/cap/", shape: "/cap"},
		{path: "/uri/URI:x", shape: "/uri/[cap]", cap: "URI:x"},
		{path: "/uri/a%2Fb%3Ac", shape: "/uri/[cap]", cap: "a/b:c"},
		{path: "/cap/a/b/c", shape: "/cap/[cap]/[path]", cap: "a", names: "b|c"},
		{path: "/uri/../x", shape: "/uri/[cap]/[path]", cap: "..", names: "x"},
		{path: "/file/a/b", shape: "/file/[cap]/[name]", cap: "a", names: "b"},
		{path: "/named/a", shape: "/named/[cap]/[name]", cap: "a"},
		{path: "/static/a/b", shape: "/static/[path]"},
		{path: "/healthz", shape: "/healthz"},
		{path: "/healthz/x", shape: "[unknown]"},
		{path: "/tahoe.css", shape: "/tahoe.css"},
		{path: "/URI:CHK:secret", shape: "[unknown]"},
		{path: "/URI/secret", shape: "[unknown]"},
		{path: "*", shape: "[unknown]"},
	}
	for _, tt := range tests {
		shape, capability, names, err := web.ParseRoute(tt.path)
		if got := strings.Join(names, "|"); shape != tt.shape || capability != tt.cap || got != tt.names || err != nil {
			t.Errorf("%q: got %q %q %q %v, want %q %q %q", tt.path, shape, capability, got, err, tt.shape, tt.cap, tt.names)
		}
	}
}

func TestMediaType(t *testing.T) {
	tests := []struct{ name, kind, encoding string }{
		{"", "text/plain", ""},
		{"README", "text/plain", ""},
		{"a.jpg", "image/jpeg", ""},
		{"a.JPEG", "image/jpeg", ""},
		{"a.b.html", "text/html", ""},
		{"a.tar.gz", "application/x-tar", "gzip"},
		{"a.tar.bz2", "application/x-tar", "bzip2"},
		{"a.gz", "text/plain", "gzip"},
		{".gz", "text/plain", "gzip"},
		{"a.patch", "text/plain", ""},
		{"a.unheard-of", "text/plain", ""},
		{"dir.html/a", "text/plain", ""},
	}
	for _, tt := range tests {
		if kind, encoding := web.MediaType(tt.name); kind != tt.kind || encoding != tt.encoding {
			t.Errorf("%q: got %q %q, want %q %q", tt.name, kind, encoding, tt.kind, tt.encoding)
		}
	}
}

func TestWordsForPeople(t *testing.T) {
	sizes := map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 99_400: "99.4 kB", 99_600: "100 kB", 999_600: "1.0 MB", 5e9: "5.0 GB", 1 << 63: "9.2 EB"}
	for n, want := range sizes {
		if got := web.Size(n); got != want {
			t.Errorf("size %d: got %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Hour: "now", time.Second: "now", time.Minute: "60 s ago", time.Hour: "60 min ago", 3 * time.Hour: "3 h ago", 72 * time.Hour: "3 days ago"} {
		if got := web.Ago(epoch.Add(-d), epoch); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
	if got := web.Ago(time.Time{}, epoch); got != "never" {
		t.Errorf("no time: got %q", got)
	}
}

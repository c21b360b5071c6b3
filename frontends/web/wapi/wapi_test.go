package wapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"tahoe/frontends/web/wapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "URI:CHK:aaaasecretaaaa:bbbbsecretbbbb:3:10:99"

// node is something that answers as h does.
func node(t testing.TB, h http.HandlerFunc) *wapi.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := wapi.NewClient(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestPutRequest(t *testing.T) {
	tests := []struct {
		name    string
		size    int64
		format  string
		answer  int
		uri     string
		created bool
	}{
		{name: "known size", size: 5, answer: 200, uri: "/uri"},
		{name: "unknown size", size: -1, answer: 200, uri: "/uri"},
		{name: "part of a source", size: 3, answer: 200, uri: "/uri"},
		{name: "nothing", size: 0, answer: 200, uri: "/uri"},
		{name: "created, with a format", size: 5, format: "CHK", answer: 201, uri: "/uri?format=CHK", created: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []byte
			var length int64
			var uri, method string
			c := node(t, func(w http.ResponseWriter, r *http.Request) {
				got, _ = io.ReadAll(r.Body)
				length, uri, method = r.ContentLength, r.RequestURI, r.Method
				w.WriteHeader(tt.answer)
				_, _ = io.WriteString(w, secret+"\n")
			})
			text, created, err := c.Put(t.Context(), strings.NewReader("hello"), tt.size, wapi.PutOptions{Format: tt.format})
			if text != secret || created != tt.created || err != nil {
				t.Errorf("got %q %v %v", text, created, err)
			}
			want := "hello"
			if tt.size >= 0 {
				want = want[:tt.size]
			}
			if string(got) != want || length != tt.size || uri != tt.uri || method != http.MethodPut {
				t.Errorf("sent %s %s with %q of %d, want %s with %q of %d", method, uri, got, length, tt.uri, want, tt.size)
			}
		})
	}
}

func TestPutFailures(t *testing.T) {
	broken := errors.New("disk on fire")
	answer := func(status int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/plain;charset=utf-8")
			w.Header().Set(wapi.KindHeader, kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	tests := []struct {
		name string
		node http.HandlerFunc
		src  io.Reader
		size int64
		is   error
		has  string
	}{
		{"source fails", answer(200, "", secret), iotest.ErrReader(broken), -1, broken, "read source"},
		{"source is short", answer(200, "", secret), strings.NewReader("abc"), 5, io.ErrUnexpectedEOF, "ended after 3 of 5 bytes"},
		{"too few servers", answer(500, wapi.KindNotEnoughServers, "only 2 servers\n"), strings.NewReader("abc"), 3, wapi.ErrNotEnoughServers, "only 2 servers (status 500)"},
		{"no capability", answer(200, "", "<html>\nhi"), strings.NewReader("abc"), 3, nil, "not a capability"},
		{"empty answer", answer(200, "", ""), strings.NewReader("abc"), 3, nil, "not a capability"},
		{"moved", answer(302, "", ""), strings.NewReader("abc"), 3, nil, "node answered 302 Found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := node(t, tt.node).Put(t.Context(), tt.src, tt.size, wapi.PutOptions{})
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.has) {
				t.Errorf("got %v, want %v with %q", err, tt.is, tt.has)
			}
			if errors.Is(err, wapi.ErrUnreachable) {
				t.Errorf("the node is blamed: %v", err)
			}
		})
	}
}

func TestGet(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		if want := "/uri/" + strings.ReplaceAll(secret, ":", "%3A"); r.RequestURI != want {
			t.Errorf("asked for %s, want %s", r.RequestURI, want)
		}
		http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader("0123456789"))
	})
	tests := []struct {
		r    wapi.Range
		want string
	}{
		{wapi.Range{}, "0123456789"},
		{wapi.Range{Offset: 4}, "456789"},
		{wapi.Range{Offset: 4, Size: 2}, "45"},
		{wapi.Range{Size: 2}, "01"},
		{wapi.Range{Offset: 8, Size: 100}, "89"},
	}
	for _, tt := range tests {
		body, err := c.Get(t.Context(), secret, tt.r)
		if err != nil {
			t.Errorf("%v: %v", tt.r, err)
			continue
		}
		if got := read(t, body); got != tt.want || body.Size != int64(len(tt.want)) {
			t.Errorf("%v: got %q of %d, want %q", tt.r, got, body.Size, tt.want)
		}
	}
	var answer *wapi.Error
	if _, err := c.Get(t.Context(), secret, wapi.Range{Offset: 99}); !errors.As(err, &answer) || answer.Status != 416 {
		t.Errorf("range behind the end: got %v", err)
	}
}

// A file that is stored compressed comes as it is stored.
func TestGetDoesNotUnpack(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, "hello")
	w.Close()
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	})
	body, err := c.Get(t.Context(), secret, wapi.Range{})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, body); got != packed.String() {
		t.Errorf("got %q, want the packed bytes", got)
	}
}

func TestErrorsHoldNoCapability(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	unreachable, err := wapi.NewClient(gone.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	html := node(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		_, _ = io.WriteString(w, "<html>no "+r.URL.Path)
	})
	cut := node(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write(make([]byte, 50))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		c    *wapi.Client
		is   error
	}{
		{"unreachable", t.Context(), unreachable, wapi.ErrUnreachable},
		{"page", t.Context(), html, nil},
		{"cut", t.Context(), cut, wapi.ErrTruncated},
		{"cancelled", stopped, cut, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body, err := tt.c.Get(tt.ctx, secret, wapi.Range{})
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				body.Close()
			}
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the capability is in the error: %v", err)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(410)
		_, _ = io.WriteString(w, "gone \x1b[31m"+strings.Repeat("x", 1<<20))
	})
	_, err := c.Get(t.Context(), secret, wapi.Range{})
	if !errors.Is(err, wapi.ErrNotEnoughShares) || strings.ContainsRune(err.Error(), 0x1b) || len(err.Error()) > 5000 {
		t.Errorf("got an error of %d bytes: %.50q", len(err.Error()), err)
	}
}

func TestNodeURL(t *testing.T) {
	tests := []struct{ in, want string }{
		{"http://127.0.0.1:3456/", "http://127.0.0.1:3456/"},
		{"http://127.0.0.1:3456", "http://127.0.0.1:3456/"},
		{"https://node.example", "https://node.example/"},
		{"http://[::1]:99/", "http://[::1]:99/"},
		{"", ""},
		{"127.0.0.1:3456", ""},
		{"ftp://127.0.0.1/", ""},
		{"http:///", ""},
		{"http://:80/", ""},
		{"http://a/uri/" + secret, ""},
		{"http://a/?x=y", ""},
		{"http://a/#x", ""},
		{"http://user:password@a/", ""},
		{"http://a b/", ""},
		{"http://%zz/", ""},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, wapi.NodeURLFile), []byte(tt.in+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := wapi.ReadNodeURL(dir)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: got %q, %v", tt.in, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "password")) {
			t.Errorf("%q: the error holds a secret: %v", tt.in, err)
		}
	}
	if _, err := wapi.ReadNodeURL(t.TempDir()); err == nil || !strings.Contains(err.Error(), "tahoe run") {
		t.Errorf("no file: got %v", err)
	}
}

func FuzzParseNodeURL(f *testing.F) {
	f.Add("http://127.0.0.1:3456/")
	f.Add("http://[::1%25lo]:1")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := wapi.ParseNodeURL(s)
		if err != nil {
			return
		}
		again, err := wapi.ParseNodeURL(u.String())
		if err != nil || again.String() != u.String() {
			t.Errorf("%q: %q reads back as %q, %v", s, u, again, err)
		}
	})
}

func read(t testing.TB, body *wapi.Body) string {
	t.Helper()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

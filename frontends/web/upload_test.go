package web_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/lafs/immutable"
)

func literalOf(t testing.TB, text string) string {
	t.Helper()
	c, err := caps.NewLiteral([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c.Encode()
}

func TestPut(t *testing.T) {
	tests := []struct {
		name    string
		target  string
		headers []string
		status  int
		body    string
		kind    string
	}{
		{name: "plain", target: "/uri", status: 200},
		{name: "slash", target: "/uri/", status: 200},
		{name: "doubled slash", target: "//uri", status: 200},
		{name: "alias", target: "/cap", status: 200},
		{name: "format", target: "/uri?format=chk", status: 200},
		{name: "not mutable", target: "/uri?mutable=False", status: 200},
		{name: "mutable is no boolean", target: "/uri?mutable=perhaps", status: 400},
		{name: "unknown format", target: "/uri?format=zip", status: 400, body: "Unknown format: zip, I know CHK, SDMF, MDMF\n"},
		{name: "bad t", target: "/uri?t=uri", status: 400, body: "/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir\n"},
		{name: "part of a file", target: "/uri", headers: []string{"Content-Range", "bytes 0-4/100"}, status: 501, body: "Content-Range in PUT not yet supported\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			resp := r.do(t, "PUT", tt.target, strings.NewReader("hello"), tt.headers...)
			body := readAll(t, resp)
			if tt.status == 200 {
				tt.body = literalOf(t, "hello")
				if string(r.shelf.got) != "hello" || r.shelf.sizes[0] != 5 {
					t.Errorf("stored %q of size %v", r.shelf.got, r.shelf.sizes)
				}
			} else if r.shelf.puts() != 0 {
				t.Errorf("something was stored")
			}
			if resp.StatusCode != tt.status || tt.body != "" && body != tt.body {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, tt.status, tt.body)
			}
			checkHeaders(t, resp.Header, map[string]string{"Tahoe-Error": tt.kind})
		})
	}
}

func TestCollectionMethods(t *testing.T) {
	r := newRig(t)
	uri := r.cap.Encode()
	escaped := strings.ReplaceAll(uri, ":", "%3A")
	tests := []struct {
		name, method, target string
		status               int
		body                 string
		want                 map[string]string
	}{
		{name: "redirect", target: "/uri?uri=" + escaped, status: 302, want: map[string]string{"Location": "/uri/" + escaped}},
		{name: "redirect with blanks", target: "/uri/?uri=%20" + escaped + "%0A", status: 302, want: map[string]string{"Location": "/uri/" + escaped}},
		{
			name: "redirect with arguments", target: "/cap?save=true&filename=a+b&uri=" + escaped, status: 302,
			want: map[string]string{"Location": "/uri/" + escaped + "?filename=a+b&save=true"},
		},
		{name: "redirect to a directory", target: "/uri?uri=" + dirCap, status: 302},
		{name: "no capability", target: "/uri", status: 400, body: "GET /uri requires uri=\n"},
		{name: "malformed", target: "/uri?uri=http://evil.example/", status: 400},
		{name: "unknown", target: "/uri?uri=x-future:y", status: 400},
		{name: "delete", method: "DELETE", target: "/uri", status: 405, want: map[string]string{"Allow": "GET, HEAD, PUT, POST"}},
		{name: "bad t", method: "POST", target: "/uri?t=check", status: 400},
		{name: "no form", method: "POST", target: "/uri?t=upload", status: 400, body: "POST /uri?t=upload needs a body of type multipart/form-data with a field named file\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method := tt.method
			if method == "" {
				method = "GET"
			}
			resp := r.do(t, method, tt.target, nil)
			if body := readAll(t, resp); resp.StatusCode != tt.status || tt.body != "" && body != tt.body {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, tt.status, tt.body)
			}
			checkHeaders(t, resp.Header, tt.want)
		})
	}
}

// form builds a form: a field's name, then its value; a name with a @ makes a file of what follows it.
func form(t testing.TB, fields ...string) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		var part io.Writer
		var err error
		if field, name, isFile := strings.Cut(fields[i], "@"); isFile {
			part, err = w.CreateFormFile(field, name)
		} else {
			part, err = w.CreateFormField(field)
		}
		if err == nil {
			_, err = io.WriteString(part, fields[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, w.FormDataContentType()
}

func TestForm(t *testing.T) {
	hello := literalOf(t, "hello")
	escaped := strings.ReplaceAll(hello, ":", "%3A")
	long := strings.Repeat("x", 1<<17)
	many := []string{}
	for i := range 200 {
		many = append(many, fmt.Sprint("f", i), "x")
	}
	tests := []struct {
		name     string
		target   string
		fields   []string
		status   int
		has      string // in the body
		location string
		stored   bool
	}{
		{name: "file", target: "/uri?t=upload", fields: []string{"file@a b.jpg", "hello"}, status: 200, has: "/file/" + escaped + "/@@named=/a%20b.jpg?save=true", stored: true},
		{name: "file without t", target: "/uri", fields: []string{"file@a", "hello"}, status: 200, has: hello, stored: true},
		{name: "t in the form", target: "/uri", fields: []string{"t", "upload", "file@a", "hello"}, status: 200, has: hello, stored: true},
		{name: "no file name", target: "/uri", fields: []string{"file", "hello"}, status: 200, has: `href="/uri/` + escaped, stored: true},
		{name: "file name with markup", target: "/uri", fields: []string{"file@<b>x", "hello"}, status: 200, has: "&lt;b&gt;x", stored: true},
		{name: "empty file", target: "/uri", fields: []string{"file@empty", ""}, status: 200, has: "0 B", stored: true},
		{name: "none chosen", target: "/uri", fields: []string{"file@", ""}, status: 400, has: "no file was chosen"},
		{name: "no file", target: "/uri?t=upload", fields: []string{"x", "y"}, status: 400, has: "with a field named file"},
		{name: "two files", target: "/uri", fields: []string{"file@a", "x", "file@b", "y"}, status: 400, has: "two fields named file"},
		{name: "query wins", target: "/uri?t=upload", fields: []string{"t", "mkdir", "file@a", "hello"}, status: 200, has: hello, stored: true},
		{name: "long field", target: "/uri", fields: []string{"x", long, "file@a", "y"}, status: 413, has: "64 KiB"},
		{name: "many fields", target: "/uri", fields: many, status: 400, has: "more than 100"},
		{name: "long file", target: "/uri", fields: []string{"file@a", long}, status: 200, has: "131 kB", stored: true},
		{name: "when done", target: "/uri?when_done=/done%3Fcap=%25(uri)s", fields: []string{"file@a", "hello"}, status: 302, location: "/done?cap=" + escaped, stored: true},
		{name: "when done in the form", target: "/uri", fields: []string{"when_done", ".", "file@a", "hello"}, status: 302, location: ".", stored: true},
		{name: "when done on this node", target: "/uri?when_done=http://127.0.0.1:3456/x", fields: []string{"file@a", "hello"}, status: 302, location: "http://127.0.0.1:3456/x", stored: true},
		{name: "when done elsewhere", target: "/uri?when_done=http://evil.example/", fields: []string{"when_done", "/", "file@a", "hello"}, status: 400, has: "only to pages of this node"},
		{name: "when done elsewhere, sly", target: "/uri?when_done=//evil.example/", fields: []string{"file@a", "hello"}, status: 400},
		{name: "when done elsewhere, slyer", target: "/uri?when_done=/%5Cevil.example/", fields: []string{"file@a", "hello"}, status: 400},
		{name: "when done is a script", target: "/uri?when_done=javascript:alert(1)", fields: []string{"file@a", "hello"}, status: 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			body, kind := form(t, tt.fields...)
			resp := r.do(t, "POST", tt.target, body, "Content-Type", kind)
			text := readAll(t, resp)
			if resp.StatusCode != tt.status || !strings.Contains(text, tt.has) {
				t.Errorf("got %d, want %d with %q in %s", resp.StatusCode, tt.status, tt.has, text)
			}
			if got := resp.Header.Get("Location"); got != tt.location {
				t.Errorf("location: got %q, want %q", got, tt.location)
			}
			if got := r.shelf.puts() > 0; got != tt.stored {
				t.Errorf("stored: got %v, want %v", got, tt.stored)
			}
			if tt.status == 200 && (resp.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")) {
				t.Errorf("headers of the page: got %v", resp.Header)
			}
		})
	}
}

func TestTruncatedForm(t *testing.T) {
	r := newRig(t)
	body, kind := form(t, "file@a", strings.Repeat("hello", 100))
	resp := r.do(t, "POST", "/uri", io.LimitReader(body, 300), "Content-Type", kind)
	if text := readAll(t, resp); resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, "before its file does") || r.shelf.puts() != 0 {
		t.Errorf("got %d %q with %d stored, want an error and nothing", resp.StatusCode, text, r.shelf.puts())
	}
}

func TestUploadFailures(t *testing.T) {
	for _, tt := range failures {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.shelf.putErr = tt.err
			resp := r.do(t, "PUT", "/uri", strings.NewReader("x"))
			text := readAll(t, resp)
			if resp.StatusCode != tt.status || resp.Header.Get("Tahoe-Error") != tt.kind {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, resp.Header.Get("Tahoe-Error"), tt.status, tt.kind)
			}
			if strings.Count(text, "\n") != 1 || strings.Contains(text, "/secret/place") {
				t.Errorf("not one sentence that may be seen: %q", text)
			}
		})
	}
}

func unhappy() error {
	return &immutable.UnhappyError{Needed: 3, Happy: 7, Total: 10, Happiness: 5, Servers: 5, Placed: 5}
}

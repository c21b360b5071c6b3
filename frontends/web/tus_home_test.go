package web_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/web"
	"tahoe/frontends/web/uploads"
)

// openDock is a lobby that takes uploads by tus.
func openDock(t *testing.T) *lobby {
	t.Helper()
	s, err := uploads.Open(t.TempDir(), uploads.Config{Secret: []byte("a secret"), Limit: 1 << 20, Keep: 7 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return openLobby(t, func(c *web.Config) { c.Uploads = s })
}

// tus sends a request of that protocol.
func (v *visitor) tus(method, path, body string, headers ...string) reply {
	v.t.Helper()
	return v.do(method, path, body, append(headers, "Tus-Resumable", "1.0.0")...)
}

func (v *visitor) begin(to string, size int, headers ...string) reply {
	v.t.Helper()
	return v.tus(http.MethodPost, "/uploads", "", append(headers, "Upload-Length", strconv.Itoa(size), "Upload-Metadata", "to "+base64.StdEncoding.EncodeToString([]byte(to)))...)
}

func (v *visitor) send(at string, offset int, body string, headers ...string) reply {
	v.t.Helper()
	return v.tus(http.MethodPatch, at, body, append(headers, "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream")...)
}

// An upload to an account goes on in another session of that account, and in none of anybody else's.
func TestUploadToHome(t *testing.T) {
	l := openDock(t)
	v := l.as("alice")
	v.wants(http.StatusOK, v.do(http.MethodPut, "/home/Photos?t=mkdir", ""))
	begun := v.wants(http.StatusCreated, v.begin("/home/Photos/a%20film.mkv?replace=false", 10))
	at := begun.header.Get("Location")
	v.wants(http.StatusNoContent, v.send(at, 0, "01234"))

	for name, who := range map[string]struct {
		*visitor
		status int
	}{"nobody": {l.visitor(), 401}, "another account": {l.as("small"), 404}, "another one of the same files": {l.as("nocaps"), 404}} {
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			if a := who.tus(method, at, ""); a.status != who.status || a.header.Get("Upload-Offset") != "" {
				t.Errorf("%s, %s: got %d %v", name, method, a.status, a.header)
			}
		}
		who.wants(who.status, who.send(at, 5, "56789"))
	}
	v.wants(http.StatusForbidden, v.send(at, 5, "56789", "Sec-Fetch-Site", "cross-site"))

	v.post("/logout", nil)
	v.wants(http.StatusUnauthorized, v.send(at, 5, "56789"))
	v = l.as("alice")
	if a := v.wants(http.StatusOK, v.tus(http.MethodHead, at, "")); a.header.Get("Upload-Offset") != "5" || a.header.Get("Upload-Metadata") != "" || a.header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
		t.Errorf("got %v", a.header)
	}
	if a := v.wants(http.StatusNoContent, v.send(at, 5, "56789")); a.header.Get("Tahoe-Upload-State") != "stored" || a.header.Get("Tahoe-Upload-Cap") != "" {
		t.Errorf("stored: got %v", a.header)
	}
	if a := v.wants(http.StatusOK, v.get("/home/Photos/a%20film.mkv")); a.body != "0123456789" {
		t.Errorf("there is %q", a.body)
	}
	l.settle()
	if a := v.wants(http.StatusOK, v.get(at)); !strings.Contains(a.body, `"state": "stored"`) || strings.Contains(a.body, "cap") {
		t.Errorf("got %s", a.body)
	}
	v.wants(http.StatusConflict, v.begin("/home/Photos/a%20film.mkv?replace=false", 10))
}

// What came is kept when it cannot be stored, and is stored when its owner asks again.
func TestUploadToHomeIsTriedAgain(t *testing.T) {
	l := openDock(t)
	v := l.as("alice")
	v.wants(http.StatusOK, v.do(http.MethodPut, "/home/Photos?t=mkdir", ""))
	at := v.wants(http.StatusCreated, v.begin("/home/Photos/x", 3)).header.Get("Location")
	v.wants(http.StatusNoContent, v.send(at, 0, "ab"))
	v.wants(http.StatusOK, v.post("/home/", url.Values{"t": {"unlink"}, "name": {"Photos"}}))
	if a := v.wants(http.StatusNotFound, v.send(at, 2, "c")); a.header.Get("Tahoe-Upload-State") != "failed" || a.header.Get("Upload-Offset") != "2" {
		t.Errorf("got %v", a.header)
	}
	v.wants(http.StatusOK, v.do(http.MethodPut, "/home/Photos?t=mkdir", ""))
	v.wants(http.StatusNoContent, v.send(at, 2, "c"))
	if a := v.get("/home/Photos/x"); a.body != "abc" {
		t.Errorf("got %q", a.body)
	}
}

// What a PUT would refuse is refused before anything is sent.
func TestUploadToHomeIsRefused(t *testing.T) {
	l := openDock(t)
	alice, small := l.as("alice"), l.as("small")
	alice.wants(http.StatusOK, alice.do(http.MethodPut, "/home/dir?t=mkdir", ""))
	for _, tt := range []struct {
		name   string
		who    *visitor
		to     string
		size   int
		status int
	}{
		{"not signed in", l.visitor(), "/home/f", 1, 401},
		{"may only read", l.as("reader"), "/home/f", 1, 403},
		{"no name", alice, "/home/", 1, 400},
		{"no name either", alice, "/home", 1, 400},
		{"a step", alice, "/home/../f", 1, 404},
		{"an operation", alice, "/home/f?t=mkdir", 1, 400},
		{"not there", alice, "/home/nowhere/f", 1, 404},
		{"a directory", alice, "/home/dir", 1, 409},
		{"more than its quota", small, "/home/f", 1001, 507},
		{"more than the room", alice, "/home/f", 1<<20 + 1, 413},
		{"some of the quota", small, "/home/f", 600, 201},
		{"and more than the rest", small, "/home/g", 401, 507},
		{"and the rest", small, "/home/g", 400, 201},
	} {
		if a := tt.who.begin(tt.to, tt.size); a.status != tt.status {
			t.Errorf("%s: got %d %s, want %d", tt.name, a.status, a.body, tt.status)
		}
	}
	to := base64.StdEncoding.EncodeToString([]byte("/home/f"))
	alice.wants(http.StatusBadRequest, alice.tus(http.MethodPost, "/uploads", "", "Upload-Defer-Length", "1", "Upload-Metadata", "to "+to))
	alice.wants(http.StatusForbidden, alice.begin("/home/f", 1, "Sec-Fetch-Site", "cross-site"))

	r := newTusRig(t)
	r.ask(t, "POST", "/uploads", "", 404, "Upload-Length", "1", "Upload-Metadata", "to "+to)
}

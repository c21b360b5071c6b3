package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tahoe/caps"
)

// names are those on the page of a directory.
func (v *visitor) names(path string) string {
	v.t.Helper()
	a := v.wants(http.StatusOK, v.get(path))
	var all []string
	for _, m := range regexp.MustCompile(`<a class="name" href="[^"]*">([^<]*)</a>`).FindAllStringSubmatch(a.body, -1) {
		all = append(all, m[1])
	}
	return strings.Join(all, "|")
}

func TestHomeFiles(t *testing.T) {
	l := openLobby(t, nil)
	v := l.as("alice")
	big := strings.Repeat("0123456789", 100_000)
	v.wants(http.StatusOK, v.do(http.MethodPut, "/home/Photos/2026?t=mkdir", ""))
	v.wants(http.StatusCreated, v.do(http.MethodPut, "/home/Photos/2026/big%20one%3F.txt", big))
	v.wants(http.StatusConflict, v.do(http.MethodPut, "/home/Photos/2026/big%20one%3F.txt?replace=false", "x"))
	v.wants(http.StatusNotFound, v.do(http.MethodPut, "/home/nowhere/f", "x"))
	l.settle()
	readAtHome(v, big)
	changeAtHome(v)
	undoAtHome(v)
}

func readAtHome(v *visitor, big string) {
	t := v.t
	a := v.wants(http.StatusOK, v.get("/home/Photos/2026/big%20one%3F.txt"))
	tag := a.header.Get("Etag")
	for name, want := range map[string]string{
		"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache", "Content-Type": "text/plain",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if a.body != big || !strings.HasPrefix(tag, `"`) {
		t.Errorf("got %d bytes, tag %s", len(a.body), tag)
	}
	a = v.wants(http.StatusPartialContent, v.get("/home/Photos/2026/big%20one%3F.txt", "Range", "bytes=999995-"))
	if a.body != "56789" || a.header.Get("Content-Range") != "bytes 999995-999999/1000000" {
		t.Errorf("got %q, %q", a.body, a.header.Get("Content-Range"))
	}
	v.wants(http.StatusNotModified, v.get("/home/Photos/2026/big%20one%3F.txt", "If-None-Match", tag))
	v.wants(http.StatusRequestedRangeNotSatisfiable, v.get("/home/Photos/2026/big%20one%3F.txt", "Range", "bytes=1000000-"))
	a = v.wants(http.StatusOK, v.do(http.MethodHead, "/home/Photos/2026/big%20one%3F.txt?save=true", ""))
	if got := a.header.Get("Content-Disposition"); got != `attachment; filename="big one?.txt"` {
		t.Errorf("Content-Disposition is %q", got)
	}
	v.wants(http.StatusFound, v.get("/home/Photos"))
	v.wants(http.StatusFound, v.get("/home"))
	for _, path := range []string{"/home/none", "/home/Photos/2026/big%20one%3F.txt/x", "/home/%2e%2e/uri", "/home/Photos/%2e/2026", "/home/a%2fb", "/home/uri/" + "X:Y/", "/home/x%00"} {
		v.wants(http.StatusNotFound, v.get(path))
	}
	v.wants(http.StatusBadRequest, v.get("/home/Photos/2026/big%20one%3F.txt/"))
	v.wants(http.StatusBadRequest, v.get("/home/?t=json"))
	v.wants(http.StatusMethodNotAllowed, v.do(http.MethodDelete, "/home/Photos", ""))
}

func fields(pairs ...string) url.Values {
	f := url.Values{}
	for k := 0; k < len(pairs); k += 2 {
		f.Set(pairs[k], pairs[k+1])
	}
	return f
}

func changeAtHome(v *visitor) {
	t := v.t
	v.wants(http.StatusOK, v.post("/home/", fields("t", "mkdir", "name", "Work")))
	v.wants(http.StatusConflict, v.post("/home/", fields("t", "mkdir", "name", "Work")))
	v.wants(http.StatusFound, v.post("/home/Photos/2026/", fields("t", "rename", "from_name", "big one?.txt", "to_name", "big.txt", "replace", "false", "when_done", ".")))
	v.wants(http.StatusOK, v.post("/home/Photos/2026/", fields("t", "copy", "from_name", "big.txt", "to_dir", "/Work")))
	v.wants(http.StatusConflict, v.post("/home/Photos/2026/", fields("t", "relink", "from_name", "big.txt", "to_dir", "/Work", "replace", "false")))
	v.wants(http.StatusOK, v.post("/home/", fields("t", "copy", "from_name", "Photos", "to_dir", "/Work")))
	v.wants(http.StatusBadRequest, v.post("/home/", fields("t", "copy", "from_name", "Work", "to_dir", "/Work/Photos")))
	v.wants(http.StatusBadRequest, v.post("/home/", fields("t", "relink", "from_name", "Work", "to_dir", "/Work/Photos")))
	v.wants(http.StatusOK, v.post("/home/Photos/2026/", fields("t", "relink", "from_name", "big.txt", "to_dir", "/")))
	for path, want := range map[string]string{"/home/": "Photos|Work|big.txt", "/home/Work/": "Photos|big.txt", "/home/Work/Photos/2026/": "big.txt", "/home/Photos/2026/": ""} {
		if got := v.names(path); got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	for _, bad := range []string{"", ".", "..", "a/b", "\x00"} {
		v.wants(http.StatusBadRequest, v.post("/home/", fields("t", "mkdir", "name", bad)))
	}
	v.wants(http.StatusBadRequest, v.post("/home/", fields("t", "set_children")))
	v.wants(http.StatusBadRequest, v.post("/home/", fields("t", "uri", "name", "x", "uri", "x")))
}

func undoAtHome(v *visitor) {
	t := v.t
	id := v.wants(http.StatusOK, v.post("/home/", fields("t", "unlink", "name", "Work"))).body
	if got := v.names("/home/"); got != "Photos|big.txt" {
		t.Errorf("after deleting: %s", got)
	}
	if a := v.get("/home/"); !strings.Contains(a.body, id) {
		t.Error("the page has no button to put it back")
	}
	other := v.as("alice")
	other.wants(http.StatusNotFound, other.post("/home/", fields("t", "undelete", "id", id)))
	v.wants(http.StatusOK, v.post("/home/", fields("t", "undelete", "id", id)))
	v.wants(http.StatusNotFound, v.post("/home/", fields("t", "undelete", "id", id)))
	if got := v.names("/home/Work/Photos/2026/"); got != "big.txt" {
		t.Errorf("put back: %s", got)
	}
}

func TestHomeFormUpload(t *testing.T) {
	l := openLobby(t, nil)
	v := l.as("alice")
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, f := range [][2]string{{"t", "upload"}, {"when_done", "."}} {
		if err := m.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := m.CreateFormFile("file", `folder\naïve.html`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte("<script>alert(1)</script>")); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	a := v.wants(http.StatusFound, v.do(http.MethodPost, "/home/", b.String(), "Content-Type", m.FormDataContentType()))
	if got := a.header.Get("Location"); got != "." {
		t.Errorf("leads to %q", got)
	}
	a = v.wants(http.StatusOK, v.get("/home/na%C3%AFve.html"))
	if a.header.Get("Content-Security-Policy") != "sandbox" || a.header.Get("Content-Type") != "text/html" {
		t.Errorf("stored HTML comes with %q, %q", a.header.Get("Content-Security-Policy"), a.header.Get("Content-Type"))
	}
}

func TestBrokenUploadIsNotStored(t *testing.T) {
	l := openLobby(t, nil)
	v := l.as("alice")
	v.wants(http.StatusCreated, v.do(http.MethodPut, "/home/f", "old"))
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, l.http.URL+"/home/f", r)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range v.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	go func() {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		_ = w.CloseWithError(errors.New("the line broke"))
	}()
	if resp, err := l.client.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Errorf("answered %d", resp.StatusCode)
	}
	for range 4000 { // until the node has seen that the line broke
		if v.get("/home/f").body == "old" {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("what was there before does not come back: there are %d bytes", len(v.get("/home/f").body))
}

func TestFilesOnTheirWayAreShown(t *testing.T) {
	l := openLobby(t, nil)
	held := make(chan struct{})
	l.grid.Hook(func(ctx context.Context, op string) error {
		if op != "put" {
			return nil
		}
		select {
		case <-held:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	v := l.as("alice")
	v.wants(http.StatusCreated, v.do(http.MethodPut, "/home/new%20one.txt", strings.Repeat("x", 1234)))
	for _, path := range []string{"/home/", "/account"} {
		if a := v.wants(http.StatusOK, v.get(path)); !strings.Contains(a.body, "new one.txt") || !regexp.MustCompile(`uploading|queued`).MatchString(a.body) || !strings.Contains(a.body, "1.2 kB") {
			t.Errorf("%s does not tell of it: %s", path, a.body)
		}
	}
	if a := l.as("small"); strings.Contains(a.get("/account").body, "new one.txt") {
		t.Error("others are told of it")
	}
	v.wants(http.StatusOK, v.get("/home/new%20one.txt"))
	v.wants(http.StatusConflict, v.post("/home/", url.Values{"t": {"share"}, "name": {"new one.txt"}}))
	close(held)
	l.settle()
	if a := v.get("/home/"); strings.Contains(a.body, `data-w="`) {
		t.Errorf("it has arrived, and is said to be on its way: %s", a.body)
	}
}

func TestShare(t *testing.T) {
	l := openLobby(t, nil)
	l.grid.Add(l.root, "dir", l.grid.NewDir(), "")
	l.grid.Add(l.root, "f", l.grid.PutData(strings.Repeat("x", 100)), "")
	dir, _ := l.grid.Child(l.root, "dir")
	writing := dir.Cap.Encode()
	ro, _ := caps.ReadOnly(dir.Cap)
	for _, test := range []struct {
		account      string
		status       int
		read, writes bool
	}{{"alice", http.StatusOK, true, true}, {"reader", http.StatusOK, true, false}, {"nocaps", http.StatusForbidden, false, false}} {
		v := l.as(test.account)
		a := v.wants(test.status, v.post("/home/", url.Values{"t": {"share"}, "name": {"dir"}}))
		if got := strings.Contains(a.body, ro.Encode()); got != test.read {
			t.Errorf("%s: the capability to read is there: %v", test.account, got)
		}
		if got := strings.Contains(a.body, writing); got != test.writes {
			t.Errorf("%s: the capability to write is there: %v", test.account, got)
		}
		if got := a.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control is %q", got)
		}
		if a.status == http.StatusOK && (!strings.Contains(a.body, "<svg xmlns") || strings.Contains(a.body, "src=\"/uri")) {
			t.Errorf("the QR code is not on the page: %s", a.body)
		}
		v.wants(http.StatusBadRequest, v.get("/home/?t=share&name=dir"))
	}
	v := l.as("alice")
	v.wants(http.StatusOK, v.post("/home/f", url.Values{"t": {"share"}}))
	for account, offered := range map[string]bool{"alice": true, "nocaps": false} {
		v := l.as(account)
		if got := strings.Contains(v.get("/home/").body, `data-do="share"`); got != offered {
			t.Errorf("%s is offered to share: %v", account, got)
		}
		if got := strings.Contains(v.get("/home/f?t=info").body, `value="share"`); got != offered {
			t.Errorf("%s is offered to share a file: %v", account, got)
		}
	}
}

// TestNothingTellsACapability visits every page that is linked; do looks at each answer and at the log.
func TestNothingTellsACapability(t *testing.T) {
	l := openLobby(t, nil)
	sub := l.grid.NewDir()
	l.grid.Add(l.root, "sub", sub, "")
	l.grid.Add(sub, "mutable", l.grid.NewMutable("m"), "")
	l.grid.Add(sub, "pic.png", l.grid.PutData(strings.Repeat("x", 100)), `{"mtime": 1}`)
	l.grid.Add(sub, "small.txt", l.grid.PutData("small"), "")
	l.grid.Add(sub, `quote " & <b> 'x'.txt`, l.grid.PutData("odd"), "")
	l.grid.Hook(func(_ context.Context, op string) error {
		if op == "put" {
			return errors.New("no server")
		}
		return nil
	})
	for _, account := range []string{"alice", "reader", "small", "nocaps"} {
		v := l.as(account)
		if account == "alice" {
			v.wants(http.StatusCreated, v.do(http.MethodPut, "/home/sub/waits", strings.Repeat("x", 100)))
		}
		v.post("/home/sub/", url.Values{"t": {"unlink"}, "name": {"pic.png"}})
		seen := map[string]bool{"/": true}
		todo := []string{"/home/", "/account", "/login"}
		for len(todo) > 0 {
			at := todo[0]
			todo = todo[1:]
			if seen[at] || strings.HasSuffix(at, ".css") || strings.HasSuffix(at, ".js") || strings.HasSuffix(at, ".svg") {
				continue
			}
			seen[at] = true
			a := v.wants(http.StatusOK, v.get(at))
			if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html;") {
				continue
			}
			base, err := url.Parse(v.http.URL + at)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?:href|src)="([^"#]+)"`).FindAllStringSubmatch(a.body, -1) {
				u, err := base.Parse(unescape(m[1]))
				if err != nil || !strings.HasPrefix(u.String(), v.http.URL) {
					t.Fatalf("%s leads to %q", at, m[1])
				}
				todo = append(todo, strings.TrimPrefix(u.String(), v.http.URL))
			}
		}
		if want := map[string]int{"alice": 15, "small": 5}[account]; len(seen) < want {
			t.Errorf("%s: visited %d pages only", account, len(seen))
		}
	}
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">").Replace(s)
}

func TestReadOnlyAndQuotaAtHome(t *testing.T) {
	l := openLobby(t, nil)
	l.grid.Add(l.root, "f", l.grid.PutData("data"), "")
	v := l.as("reader")
	v.wants(http.StatusForbidden, v.do(http.MethodPut, "/home/f", "x"))
	v.wants(http.StatusForbidden, v.do(http.MethodPut, "/home/d?t=mkdir", ""))
	for _, form := range []url.Values{
		{"t": {"mkdir"}, "name": {"d"}}, {"t": {"unlink"}, "name": {"f"}}, {"t": {"rename"}, "from_name": {"f"}, "to_name": {"g"}}, {"t": {"copy"}, "from_name": {"f"}, "to_name": {"g"}},
	} {
		v.wants(http.StatusForbidden, v.post("/home/", form))
	}
	if a := v.get("/home/"); !strings.Contains(a.body, "read-only") || strings.Contains(a.body, `data-do="upload"`) {
		t.Errorf("the page offers to change something: %s", a.body)
	}
	if a := v.get("/account"); !strings.Contains(a.body, "not change them") {
		t.Errorf("the page of the account does not tell: %s", a.body)
	}

	v = l.as("small")
	v.wants(http.StatusCreated, v.do(http.MethodPut, "/home/a", strings.Repeat("x", 600)))
	v.wants(http.StatusInsufficientStorage, v.do(http.MethodPut, "/home/b", strings.Repeat("x", 401)))
	for _, path := range []string{"/home/", "/account"} {
		if a := v.get(path); !strings.Contains(a.body, "600 B of 1.0 kB used") {
			t.Errorf("%s does not tell of the quota: %s", path, a.body)
		}
	}
	if got := v.names("/home/"); got != "a" {
		t.Errorf("there is %q", got)
	}
}

func TestAccountPageTellsTheDoors(t *testing.T) {
	l := openLobby(t, nil)
	v := l.as("alice")
	a := v.wants(http.StatusOK, v.get("/account"))
	for _, want := range []string{"sftp -P 8022 alice@127.0.0.1", "SHA256:x", "curl -u alice -T FILE " + l.http.URL + "/dav/"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
}

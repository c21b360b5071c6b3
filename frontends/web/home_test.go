package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/doortest"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
	"tahoe/frontends/web"
	"tahoe/lafs/grid"
)

// noGrid knows no servers.
type noGrid struct{}

func (noGrid) Statuses() []grid.Status { return nil }

// A lobby is a web port where alice, reader, small (who has 1000 bytes) and nocaps can sign in, all with the password "wonderland".
type lobby struct {
	t        *testing.T
	grid     *vfstest.Grid
	fs       *vfs.FS
	root     caps.DirectoryWrite
	accounts string // the file
	log      *doortest.Log
	http     *httptest.Server
	client   *http.Client
}

const password = "wonderland"

func openLobby(t *testing.T, change func(*web.Config)) *lobby {
	t.Helper()
	l := &lobby{t: t, grid: vfstest.NewGrid(), log: &doortest.Log{}, accounts: filepath.Join(t.TempDir(), "accounts")}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	alice, small := l.grid.Account("alice"), l.grid.Account("small")
	l.root = alice.Root.(caps.DirectoryWrite)
	var text strings.Builder
	for _, line := range [][3]string{
		{"alice", alice.Root.Encode(), ""}, {"reader", alice.Root.Encode(), " read-only"}, {"small", small.Root.Encode(), " quota=1000"}, {"nocaps", alice.Root.Encode(), " no-uri"},
	} {
		text.WriteString(line[0] + " " + string(hash) + " " + line[1] + line[2] + "\n")
	}
	if err := os.WriteFile(l.accounts, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(l.log, nil))
	people, err := auth.OpenAccountFile(l.accounts, auth.FileConfig{})
	if err != nil {
		t.Fatal(err)
	}
	l.fs = vfstest.Open(t, l.grid, vfs.Config{Log: log})
	c := web.Config{Log: log, Home: &web.HomeConfig{
		FS: l.fs, Checkers: []auth.Checker{people}, Guard: auth.NewGuard(nil),
		Ways: func() []web.Way {
			return []web.Way{{Protocol: "SFTP", Address: "0.0.0.0:8022", Note: "SHA256:x"}, {Protocol: "WebDAV"}}
		},
	}}
	if change != nil {
		change(&c)
	}
	s := web.New(&shelf{}, noGrid{}, c)
	t.Cleanup(s.Close)
	l.http = httptest.NewServer(s)
	t.Cleanup(l.http.Close)
	l.client = l.http.Client()
	l.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return l
}

// A visitor is a browser: it shows the cookies that it was given.
type visitor struct {
	*lobby
	cookies map[string]string
}

func (l *lobby) visitor() *visitor { return &visitor{l, map[string]string{}} }

// as has signed in.
func (l *lobby) as(name string) *visitor {
	l.t.Helper()
	v := l.visitor()
	if a := v.login(name, password); a.status != http.StatusSeeOther {
		l.t.Fatalf("sign in as %s: %d %s", name, a.status, a.body)
	}
	return v
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (v *visitor) login(name, pw string, more ...string) reply {
	form := url.Values{"name": {name}, "password": {pw}}
	for k := 0; k < len(more); k += 2 {
		form.Set(more[k], more[k+1])
	}
	return v.post("/login", form)
}

func (v *visitor) post(path string, form url.Values, headers ...string) reply {
	v.t.Helper()
	return v.do(http.MethodPost, path, form.Encode(), append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
}

func (v *visitor) get(path string, headers ...string) reply {
	v.t.Helper()
	return v.do(http.MethodGet, path, "", headers...)
}

// do makes a request. No answer and no line of the log may tell a secret, unless it is asked for by name.
func (v *visitor) do(method, path, body string, headers ...string) reply {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.http.URL+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for k := 0; k < len(headers); k += 2 {
		r.Header.Set(headers[k], headers[k+1])
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if v.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	a := reply{resp.StatusCode, resp.Header, string(b)}
	v.checkSecrets(method+" "+path+" "+body, a)
	return a
}

func (v *visitor) checkSecrets(what string, a reply) {
	v.t.Helper()
	texts := []string{v.log.String(), strings.Join(slices.Collect(values(a.header)), "\n")}
	if !strings.Contains(what, "t=share") {
		texts = append(texts, a.body)
	}
	for _, text := range texts {
		if strings.Contains(text, "URI:") || strings.Contains(text, "URI%3A") || strings.Contains(text, password) {
			v.t.Fatalf("%s: a secret is told:\n%s", what, text)
		}
	}
	for _, ticket := range v.cookies {
		if strings.Contains(v.log.String(), ticket) || strings.Contains(a.body, ticket) {
			v.t.Fatalf("%s: the ticket is told", what)
		}
	}
}

func values(h http.Header) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name, all := range h {
			if name != "Set-Cookie" && !yield(strings.Join(all, " ")) {
				return
			}
		}
	}
}

// wants fails unless an answer has a status.
func (v *visitor) wants(status int, a reply) reply {
	v.t.Helper()
	if a.status != status {
		v.t.Errorf("got %d %.300q, want %d", a.status, a.body, status)
	}
	return a
}

func (l *lobby) settle() {
	l.t.Helper()
	vfstest.Settle(l.t, l.fs)
}

func TestLoginCookie(t *testing.T) {
	l := openLobby(t, nil)
	v := l.visitor()
	v.cookies["tahoe-"+portOf(l)] = "chosen-by-somebody-else"
	a := v.wants(http.StatusSeeOther, v.login("alice", password, "next", "/home/a%20b/?t=info"))
	if got := a.header.Get("Location"); got != "/home/a%20b/" {
		t.Errorf("leads to %q", got)
	}
	set := a.header["Set-Cookie"]
	want := regexp.MustCompile(`^tahoe-` + portOf(l) + `=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Strict$`)
	if len(set) != 1 || !want.MatchString(set[0]) {
		t.Errorf("got %q, want one like %s", set, want)
	}
	first := v.cookies["tahoe-"+portOf(l)]
	v.wants(http.StatusOK, v.get("/home/"))

	t.Log("signing in again gives another ticket, and the old one is good for nothing")
	v.wants(http.StatusSeeOther, v.login("alice", password))
	if second := v.cookies["tahoe-"+portOf(l)]; second == first {
		t.Error("the ticket stays the same: who planted it could use it")
	}
	old := l.visitor()
	old.cookies["tahoe-"+portOf(l)] = first
	old.wants(http.StatusUnauthorized, old.get("/home/"))

	t.Log("sign out")
	copied := l.visitor()
	copied.cookies["tahoe-"+portOf(l)] = v.cookies["tahoe-"+portOf(l)]
	a = v.wants(http.StatusSeeOther, v.post("/logout", nil))
	if got := a.header.Get("Clear-Site-Data"); got != `"cache"` || len(v.cookies) != 0 {
		t.Errorf("Clear-Site-Data is %q, cookies %v", got, v.cookies)
	}
	copied.wants(http.StatusUnauthorized, copied.get("/home/"))
	v.wants(http.StatusMethodNotAllowed, v.get("/logout"))
	for _, want := range []string{`msg="signed in" door=web account=alice from=127.0.0.1 by=password`, `msg="signed out" door=web account=alice`} {
		if !strings.Contains(l.log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, l.log.String())
		}
	}
}

func portOf(l *lobby) string {
	_, port, _ := strings.Cut(strings.TrimPrefix(l.http.URL, "http://"), ":")
	return port
}

func TestLoginOverTLS(t *testing.T) {
	l := openLobby(t, func(c *web.Config) { c.Home.Plain = web.PlainNever })
	v := l.visitor()
	if a := v.wants(http.StatusForbidden, v.get("/login")); !strings.Contains(a.body, "https") {
		t.Errorf("got %q", a.body)
	}
	v.wants(http.StatusForbidden, v.login("alice", password))
	v.wants(http.StatusForbidden, v.get("/home/"))

	secure := httptest.NewTLSServer(l.http.Config.Handler)
	defer secure.Close()
	client := secure.Client()
	client.CheckRedirect = l.client.CheckRedirect
	l.http, l.client = secure, client
	a := v.wants(http.StatusSeeOther, v.login("alice", password))
	if set := a.header.Get("Set-Cookie"); !strings.HasPrefix(set, "__Host-tahoe-") || !strings.Contains(set, "; Path=/; HttpOnly; Secure; SameSite=Strict") || strings.Contains(set, "Domain") {
		t.Errorf("got %q", set)
	}
	v.wants(http.StatusOK, v.get("/home/"))
}

func TestPlainLoginIsForThisMachine(t *testing.T) {
	l := openLobby(t, nil)
	for _, test := range []struct {
		from   string
		status int
	}{{"127.0.0.1:999", http.StatusOK}, {"[::1]:999", http.StatusOK}, {"[::ffff:127.0.0.1]:999", http.StatusOK}, {"192.0.2.7:999", http.StatusForbidden}, {"", http.StatusForbidden}} {
		r := httptest.NewRequest(http.MethodGet, "/login", nil)
		r.RemoteAddr, r.Host = test.from, "127.0.0.1:3456"
		w := httptest.NewRecorder()
		l.http.Config.Handler.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("from %q: got %d, want %d", test.from, w.Code, test.status)
		}
	}
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	l := openLobby(t, nil)
	for next, want := range map[string]string{
		"": "/home/", "/account": "/account", "/home/x": "/home/x", "/home": "/home/", "//evil.example/home/": "/home/", "https://evil.example/": "/home/",
		"https://evil.example/home/x/": "/home/x/", "/home//evil.example": "/home/", `/\evil.example`: "/home/", "/uri/URI:x": "/home/", "%zz": "/home/",
		"/home/%2F%2Fevil": "/home/", "javascript:alert(1)": "/home/", "/login?next=/": "/home/",
	} {
		v := l.visitor()
		if got := v.login("alice", password, "next", next).header.Get("Location"); got != want {
			t.Errorf("next=%q leads to %q, want %q", next, got, want)
		}
	}
	v := l.visitor()
	a := v.wants(http.StatusFound, v.get("/home/a%2520b/?t=info", "Accept", "text/html"))
	if got := a.header.Get("Location"); got != "/login?next=%2Fhome%2Fa%252520b%2F" {
		t.Errorf("a stranger is sent to %q", got)
	}
	if a := v.wants(http.StatusOK, v.get(a.header.Get("Location"), "Accept", "text/html")); !strings.Contains(a.body, `value="/home/a%2520b/"`) {
		t.Errorf("the page does not lead back: %s", a.body)
	}
}

// TestWrongPasswords: they are slowed and locked out as in the other doors, and an unknown name looks like a wrong password.
func TestWrongPasswords(t *testing.T) {
	l := openLobby(t, nil)
	v := l.visitor()
	begin := time.Now()
	var wait sync.WaitGroup
	answers := make([]reply, 6)
	for k, name := range []string{"alice", "nobody", "alice", "alice", "alice", "alice"} {
		wait.Go(func() { answers[k] = l.visitor().login(name, "wrong") })
	}
	wait.Wait()
	if took := time.Since(begin); took < time.Second {
		t.Errorf("refused after %v, want a second at least", took)
	}
	strip := strings.NewReplacer("nobody", "", "alice", "", " autofocus", "")
	for _, a := range answers {
		v.wants(http.StatusForbidden, a)
		if strip.Replace(a.body) != strip.Replace(answers[0].body) || len(a.header["Set-Cookie"]) != 0 {
			t.Errorf("refusals differ:\n%s\n%s", a.body, answers[0].body)
		}
	}
	v.wants(http.StatusForbidden, v.login("alice", password)) // locked out by now
	v.wants(http.StatusSeeOther, v.login("small", password))  // others are not
	if n := strings.Count(l.log.String(), `msg="sign-in refused" door=web`); n != 7 {
		t.Errorf("the log has %d refusals, want 7", n)
	}
	v.wants(http.StatusBadRequest, v.post("/login", url.Values{"name": {"alice"}}))
	v.wants(http.StatusRequestEntityTooLarge, v.login("alice", strings.Repeat("x", 100_000)))
}

func TestOtherSitesCannotUseASession(t *testing.T) {
	l := openLobby(t, nil)
	v := l.as("alice")
	for _, test := range []struct {
		path string
		form url.Values
	}{{"/home/", url.Values{"t": {"mkdir"}, "name": {"evil"}}}, {"/logout", nil}, {"/login", url.Values{"name": {"alice"}, "password": {password}}}} {
		for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "null", "Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
			a := v.post(test.path, test.form, headers...)
			v.wants(http.StatusForbidden, a)
		}
	}
	v.wants(http.StatusForbidden, v.do(http.MethodPut, "/home/evil", "x", "Sec-Fetch-Site", "cross-site"))
	if a := v.get("/home/"); a.status != http.StatusOK || strings.Contains(a.body, "evil") {
		t.Errorf("another site changed something: %d %s", a.status, a.body)
	}
}

func TestAccountIsRemoved(t *testing.T) {
	l := openLobby(t, nil)
	v, other := l.as("alice"), l.as("small")
	text, err := os.ReadFile(l.accounts)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(l.accounts, []byte(rest), 0o600); err != nil {
		t.Fatal(err)
	}
	v.wants(http.StatusUnauthorized, v.get("/home/"))
	other.wants(http.StatusOK, other.get("/home/"))
}

func TestNobodyCanSignIn(t *testing.T) {
	l := openLobby(t, func(c *web.Config) { c.Home = nil })
	v := l.visitor()
	for _, path := range []string{"/login", "/home/", "/account", "/logout"} {
		if a := v.wants(http.StatusNotFound, v.get(path)); !strings.Contains(a.body, "[login]") {
			t.Errorf("%s: got %q", path, a.body)
		}
	}
}

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

	t.Log("read")
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

	t.Log("change")
	form := func(fields ...string) url.Values {
		f := url.Values{}
		for k := 0; k < len(fields); k += 2 {
			f.Set(fields[k], fields[k+1])
		}
		return f
	}
	v.wants(http.StatusOK, v.post("/home/", form("t", "mkdir", "name", "Work")))
	v.wants(http.StatusConflict, v.post("/home/", form("t", "mkdir", "name", "Work")))
	v.wants(http.StatusFound, v.post("/home/Photos/2026/", form("t", "rename", "from_name", "big one?.txt", "to_name", "big.txt", "replace", "false", "when_done", ".")))
	v.wants(http.StatusOK, v.post("/home/Photos/2026/", form("t", "copy", "from_name", "big.txt", "to_dir", "/Work")))
	v.wants(http.StatusConflict, v.post("/home/Photos/2026/", form("t", "relink", "from_name", "big.txt", "to_dir", "/Work", "replace", "false")))
	v.wants(http.StatusOK, v.post("/home/", form("t", "copy", "from_name", "Photos", "to_dir", "/Work")))
	v.wants(http.StatusBadRequest, v.post("/home/", form("t", "copy", "from_name", "Work", "to_dir", "/Work/Photos")))
	v.wants(http.StatusBadRequest, v.post("/home/", form("t", "relink", "from_name", "Work", "to_dir", "/Work/Photos")))
	v.wants(http.StatusOK, v.post("/home/Photos/2026/", form("t", "relink", "from_name", "big.txt", "to_dir", "/")))
	for path, want := range map[string]string{"/home/": "Photos|Work|big.txt", "/home/Work/": "Photos|big.txt", "/home/Work/Photos/2026/": "big.txt", "/home/Photos/2026/": ""} {
		if got := v.names(path); got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	for _, bad := range []string{"", ".", "..", "a/b", "\x00"} {
		v.wants(http.StatusBadRequest, v.post("/home/", form("t", "mkdir", "name", bad)))
	}
	v.wants(http.StatusBadRequest, v.post("/home/", form("t", "set_children")))
	v.wants(http.StatusBadRequest, v.post("/home/", form("t", "uri", "name", "x", "uri", "x")))

	t.Log("delete and put back")
	id := v.wants(http.StatusOK, v.post("/home/", form("t", "unlink", "name", "Work"))).body
	if got := v.names("/home/"); got != "Photos|big.txt" {
		t.Errorf("after deleting: %s", got)
	}
	if a := v.get("/home/"); !strings.Contains(a.body, id) {
		t.Error("the page has no button to put it back")
	}
	other := l.as("alice")
	other.wants(http.StatusNotFound, other.post("/home/", form("t", "undelete", "id", id)))
	v.wants(http.StatusOK, v.post("/home/", form("t", "undelete", "id", id)))
	v.wants(http.StatusNotFound, v.post("/home/", form("t", "undelete", "id", id)))
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

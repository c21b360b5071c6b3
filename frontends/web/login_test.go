package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/frontends/web"
)

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

package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

package webdav_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/frontends/vfs"
	"tahoe/frontends/webdav"
)

func TestFilesComeAndGo(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{})
	big := strings.Repeat("0123456789", 50_000)
	w.wants(201, "PUT", "/dav/a%20b.txt", big)
	w.wants(204, "PUT", "/dav/a%20b.txt", big)
	w.wants(201, "PUT", "/dav/empty", "")
	w.wants(201, "MKCOL", "/dav/d", "")
	w.wants(405, "MKCOL", "/dav/d", "")
	w.wants(409, "MKCOL", "/dav/none/d", "")
	w.wants(415, "MKCOL", "/dav/e", "x")
	w.wants(409, "PUT", "/dav/none/f", "x")
	w.wants(405, "PUT", "/dav/d", "x")
	w.wants(201, "PUT", "/dav/d/%C3%BC", "umlaut")
	w.Settle()
	a := w.wants(200, "GET", "/dav/a%20b.txt", "")
	if a.body != big {
		t.Errorf("got %d bytes", len(a.body))
	}
	if a.header.Get("Content-Security-Policy") != "sandbox" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got header %v", a.header)
	}
	a = w.wants(206, "GET", "/dav/a%20b.txt", "", "Range", "bytes=499990-")
	if a.body != "0123456789" || a.header.Get("Content-Range") != "bytes 499990-499999/500000" {
		t.Errorf("got %q, %v", a.body, a.header)
	}
	w.wants(416, "GET", "/dav/a%20b.txt", "", "Range", "bytes=500000-")
	w.wants(200, "HEAD", "/dav/empty", "")
	w.wants(404, "GET", "/dav/none", "")
	w.wants(405, "GET", "/dav/d", "")
	w.wants(405, "POST", "/dav/empty", "")
	w.wants(404, "GET", "/elsewhere", "")
	w.wants(404, "GET", "/davx", "")
	w.wants(204, "DELETE", "/dav/d", "")
	w.wants(404, "DELETE", "/dav/d", "")
	w.wants(403, "DELETE", "/dav/", "")
	if got := w.Grid.Names(w.Root); fmt.Sprint(got) != "[a b.txt empty]" {
		t.Errorf("got %q", got)
	}
}

func TestETags(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{Commit: vfs.OnClose})
	w.Grid.Add(w.Root, "m", w.Grid.NewMutable("changes"), "")
	w.wants(201, "PUT", "/dav/f", strings.Repeat("x", 100), "If-None-Match", "*")
	w.wants(412, "PUT", "/dav/f", "y", "If-None-Match", "*")
	tag := w.wants(200, "GET", "/dav/f", "").header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) {
		t.Errorf("got %q, want a strong tag", tag)
	}
	w.wants(304, "GET", "/dav/f", "", "If-None-Match", tag)
	w.wants(412, "PUT", "/dav/f", "y", "If-Match", `"other"`)
	w.wants(204, "PUT", "/dav/f", strings.Repeat("y", 100), "If-Match", tag)
	if again := w.wants(200, "GET", "/dav/f", "", "If-None-Match", tag).header.Get("ETag"); again == tag {
		t.Error("the tag of another content is the same")
	}
	w.wants(412, "PUT", "/dav/none", "y", "If-Match", "*")
	if a := w.wants(200, "GET", "/dav/m", ""); a.body != "changes" || !strings.HasPrefix(a.header.Get("ETag"), `W/"`) {
		t.Errorf("got %q, %v", a.body, a.header)
	}
}

func TestTagOfAnUploadHoldsOnTheGrid(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{})
	tag := w.wants(201, "PUT", "/dav/f", strings.Repeat("x", 100)).header.Get("ETag")
	w.Settle()
	if now := w.wants(200, "HEAD", "/dav/f", "").header.Get("ETag"); now == tag || tag == "" {
		t.Errorf("got %q, then %q", tag, now)
	}
	w.wants(204, "PUT", "/dav/f", strings.Repeat("y", 100), "If-Match", tag)
	w.wants(412, "PUT", "/dav/f", strings.Repeat("z", 100), "If-Match", tag)
}

func TestMoving(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{Commit: vfs.OnClose})
	for name, body := range map[string]string{"a": "first", "b": "second"} {
		w.wants(201, "PUT", "/dav/"+name, body)
	}
	w.wants(201, "MKCOL", "/dav/d", "")
	w.wants(201, "MKCOL", "/dav/d/e", "")
	to := func(path string) []string { return []string{"Destination", w.http.URL + path} }
	w.wants(412, "MOVE", "/dav/a", "", append(to("/dav/b"), "Overwrite", "F")...)
	w.wants(204, "MOVE", "/dav/a", "", to("/dav/b")...)
	w.wants(404, "MOVE", "/dav/a", "", to("/dav/b")...)
	w.wants(409, "MOVE", "/dav/b", "", to("/dav/none/b")...)
	w.wants(403, "MOVE", "/dav/d", "", to("/dav/d/e/f")...)
	w.wants(403, "MOVE", "/dav/d/e", "", to("/dav/d")...)
	w.wants(403, "MOVE", "/dav/d", "", to("/dav/d")...)
	w.wants(400, "MOVE", "/dav/d", "")
	w.wants(502, "MOVE", "/dav/d", "", "Destination", "http://elsewhere.example/dav/x")
	w.wants(502, "MOVE", "/dav/d", "", to("/else")...)
	w.wants(201, "MOVE", "/dav/d/e", "", to("/dav/e%20e")...)
	w.wants(204, "MOVE", "/dav/b", "", to("/dav/d")...)
	if got := w.Grid.Tree(w.Root); fmt.Sprint(got) != "map[d:first e e/:]" {
		t.Errorf("got %v", got)
	}
}

func TestMoveIsNoLoss(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{Commit: vfs.OnClose})
	w.wants(201, "PUT", "/dav/a", "first")
	w.wants(201, "PUT", "/dav/b", "second")
	w.Grid.Hook(func(_ context.Context, op string) error {
		if op == "move" {
			return vfs.ErrUnavailable
		}
		return nil
	})
	w.wants(503, "MOVE", "/dav/a", "", "Destination", "/dav/b")
	if got := w.Grid.Tree(w.Root); fmt.Sprint(got) != "map[a:first b:second]" {
		t.Errorf("got %v", got)
	}
}

func TestCopying(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{Commit: vfs.OnClose})
	long := strings.Repeat("long", 20)
	w.Grid.Add(w.Root, "m", w.Grid.NewMutable("mutable"), "")
	w.wants(201, "MKCOL", "/dav/d", "")
	w.wants(201, "PUT", "/dav/d/f", long)
	puts := 0
	w.Grid.Hook(func(_ context.Context, op string) error {
		if op == "put" {
			puts++
		}
		return nil
	})
	w.wants(201, "COPY", "/dav/d", "", "Destination", "/dav/copy")
	w.wants(201, "COPY", "/dav/d/f", "", "Destination", "/dav/g")
	w.wants(204, "COPY", "/dav/d/f", "", "Destination", "/dav/g")
	if puts != 0 {
		t.Errorf("%d files were stored again, want links", puts)
	}
	w.wants(412, "COPY", "/dav/d/f", "", "Destination", "/dav/g", "Overwrite", "F")
	w.wants(403, "COPY", "/dav/d", "", "Destination", "/dav/d/f/x")
	w.wants(409, "COPY", "/dav/d/f", "", "Destination", "/dav/none/x")
	w.wants(404, "COPY", "/dav/none", "", "Destination", "/dav/g")
	w.wants(201, "COPY", "/dav/m", "", "Destination", "/dav/n")
	m, _ := w.Grid.Child(w.Root, "m")
	n, _ := w.Grid.Child(w.Root, "n")
	if m.Cap == n.Cap {
		t.Error("the copy of a mutable file is that file")
	}
	want := map[string]string{"d/": "", "d/f": long, "copy/": "", "copy/f": long, "g": long, "m": "mutable", "n": "mutable"}
	if got := w.Grid.Tree(w.Root); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v", got)
	}
}

const propfind = `<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop>%s</D:prop></D:propfind>`

func TestProperties(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{Commit: vfs.OnClose, Free: func(context.Context) (vfs.Space, error) { return vfs.Space{Total: 5000, Free: 3000}, nil }})
	w.wants(201, "PUT", "/dav/f.txt", "text", "X-OC-Mtime", "1000000000")
	w.wants(201, "MKCOL", "/dav/d & e", "")
	a := w.wants(207, "PROPFIND", "/dav/", fmt.Sprintf(propfind, "<D:getcontentlength/><D:getlastmodified/><D:getcontenttype/><D:resourcetype/>"), "Depth", "1")
	for _, want := range []string{"/dav/f.txt", "/dav/d%20&amp;%20e/", ">4<", "Sun, 09 Sep 2001 01:46:40 GMT", "text/plain"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("%q is not in %s", want, a.body)
		}
	}
	if a := w.wants(207, "PROPFIND", "/dav/", "", "Depth", "0"); strings.Contains(a.body, "f.txt") || strings.Contains(a.body, "quota-") {
		t.Errorf("got %s", a.body)
	}
	a = w.wants(207, "PROPFIND", "/dav/", fmt.Sprintf(propfind, "<D:quota-available-bytes/><D:quota-used-bytes/>"), "Depth", "0")
	if !strings.Contains(a.body, ">3000<") || !strings.Contains(a.body, ">2000<") {
		t.Errorf("got %s", a.body)
	}
	for _, depth := range []string{"", "infinity"} {
		if a := w.wants(403, "PROPFIND", "/dav/", "", "Depth", depth); !strings.Contains(a.body, "propfind-finite-depth") {
			t.Errorf("got %s", a.body)
		}
	}
	w.wants(400, "PROPFIND", "/dav/", "", "Depth", "2")
	w.wants(400, "PROPFIND", "/dav/", "<unclosed", "Depth", "0")
	w.wants(413, "PROPFIND", "/dav/", strings.Repeat(" ", 100_000), "Depth", "0")
	w.wants(404, "PROPFIND", "/dav/none", "", "Depth", "0")
}

const proppatch = `<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>%s</D:prop></D:set></D:propertyupdate>`

func TestTimesAreSet(t *testing.T) {
	for name, tc := range map[string]struct {
		prop string
		want string
	}{
		"Windows":               {"<Z:Win32LastModifiedTime>Tue, 14 Nov 2023 22:13:20 GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes>", "Tue, 14 Nov 2023 22:13:20 GMT"},
		"Nextcloud":             {"<D:lastmodified>1700000000</D:lastmodified>", "Tue, 14 Nov 2023 22:13:20 GMT"},
		"nonsense":              {"<D:lastmodified>yesterday</D:lastmodified>", ""},
		"another":               {"<Z:colour>red</Z:colour>", ""},
		"good and bad":          {"<D:lastmodified>1700000000</D:lastmodified><Z:colour>red</Z:colour>", ""},
		"what is the library's": {"<D:getetag>x</D:getetag>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, webdav.Config{}, vfs.Config{Commit: vfs.OnClose})
			w.wants(201, "PUT", "/dav/f", "x", "X-OC-Mtime", "5")
			before := w.wants(200, "HEAD", "/dav/f", "").header.Get("Last-Modified")
			a := w.wants(207, "PROPPATCH", "/dav/f", fmt.Sprintf(proppatch, tc.prop))
			if ok := !strings.Contains(a.body, "403 Forbidden"); ok != (tc.want != "") {
				t.Errorf("got %s", a.body)
			}
			want := tc.want
			if want == "" {
				want = before
			}
			if got := w.wants(200, "HEAD", "/dav/f", "").header.Get("Last-Modified"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestSigningIn(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{})
	for _, who := range [][2]string{{"", ""}, {"alice", "wrong"}, {"nobody", "secret"}} {
		a := w.as(who[0], who[1], "PROPFIND", "/dav/", "", "Depth", "0")
		if a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%q: got %d, %v", who, a.status, a.header)
		}
	}
	for range 3 {
		w.wants(207, "PROPFIND", "/dav/", "", "Depth", "0")
	}
	if n := strings.Count(w.Log.String(), `"signed in"`); n != 1 {
		t.Errorf("%d lines say that somebody signed in, want 1: %s", n, w.Log)
	}
	never := open(t, webdav.Config{Plain: webdav.PlainNever}, vfs.Config{})
	if a := never.do("GET", "/dav/", ""); a.status != 403 || a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("got %d, %v", a.status, a.header)
	}
}

func TestReadOnlyAndQuota(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{Commit: vfs.OnClose})
	w.wants(201, "PUT", "/dav/f", "x")
	for _, try := range [][2]string{{"PUT", "/dav/f"}, {"PUT", "/dav/g"}, {"DELETE", "/dav/f"}, {"MKCOL", "/dav/d"}, {"LOCK", "/dav/new"}} {
		body := ""
		if try[0] == "LOCK" {
			body = lockinfo
		}
		if a := w.as("bob", "secret", try[0], try[1], body); a.status != 403 {
			t.Errorf("%v: got %d", try, a.status)
		}
	}
	if a := w.as("bob", "secret", "MOVE", "/dav/f", "", "Destination", "/dav/g"); a.status != 403 {
		t.Errorf("got %d", a.status)
	}
	if a := w.as("bob", "secret", "GET", "/dav/f", ""); a.body != "x" {
		t.Errorf("got %d %q", a.status, a.body)
	}
	if a := w.as("small", "secret", "PUT", "/dav/f", strings.Repeat("x", 1001)); a.status != 507 {
		t.Errorf("got %d", a.status)
	}
	if a := w.as("small", "secret", "PUT", "/dav/f", strings.Repeat("x", 900)); a.status != 201 {
		t.Errorf("got %d", a.status)
	}
}

func TestCapabilitiesLeadNowhere(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{})
	other := w.Grid.NewDir()
	w.Grid.Add(other, "f", w.Grid.PutData("elsewhere"), "")
	a, err := w.try("alice", "secret", "GET", "/dav/uri/"+other.Encode()+"/f", nil)
	if err != nil || a.status != 404 || strings.Contains(a.body, "URI") || strings.Contains(w.Log.String(), "URI") {
		t.Errorf("got %d %q, %v", a.status, a.body, err)
	}
}

const lockinfo = `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>me &amp; you</D:href></D:owner></D:lockinfo>`

func TestLocks(t *testing.T) {
	w := open(t, webdav.Config{Limits: webdav.Limits{Locks: 3}}, vfs.Config{Commit: vfs.OnClose})
	token := w.wants(201, "LOCK", "/dav/f", lockinfo, "Timeout", "Infinite", "Depth", "0").header.Get("Lock-Token")
	if token == "" {
		t.Fatal("there is no token")
	}
	w.wants(423, "PUT", "/dav/f", "x")
	w.wants(423, "DELETE", "/dav/f", "")
	w.wants(423, "LOCK", "/dav/f", lockinfo)
	w.wants(204, "PUT", "/dav/f", "x", "If", "("+token+")")
	a := w.wants(207, "PROPFIND", "/dav/f", fmt.Sprintf(propfind, "<D:lockdiscovery/>"), "Depth", "0")
	if !strings.Contains(a.body, "me &amp; you") || !strings.Contains(a.body, strings.Trim(token, "<>")) || !strings.Contains(a.body, "Second-3") {
		t.Errorf("got %s", a.body)
	}
	w.wants(200, "LOCK", "/dav/f", "", "If", "("+token+")", "Timeout", "Second-60")
	w.wants(200, "LOCK", "/dav/", lockinfo, "Depth", "0")
	w.wants(201, "LOCK", "/dav/g", lockinfo)
	w.wants(507, "LOCK", "/dav/h", lockinfo)
	if a := w.as("small", "secret", "LOCK", "/dav/f", lockinfo); a.status != 201 {
		t.Errorf("another account: got %d", a.status)
	}
	w.wants(412, "PUT", "/dav/f", "x", "If", "("+token+` ["bogus"])`)
	w.wants(204, "PUT", "/dav/f", "x", "If", "("+token+` Not ["bogus"])`)
	w.wants(412, "PUT", "/dav/f", "x", "If", "(Not "+token+")")
	w.wants(423, "PUT", "/dav/f", "x", "If", "(Not <DAV:no-lock>)")
	w.wants(204, "UNLOCK", "/dav/f", "", "Lock-Token", token)
	w.wants(204, "PUT", "/dav/f", "x", "If", "(Not <DAV:no-lock>)")
	w.wants(409, "UNLOCK", "/dav/f", "", "Lock-Token", token)
	w.wants(204, "PUT", "/dav/f", "y")
	w.wants(400, "LOCK", "/dav/f", "<nonsense")
}

// cut is a body that ends before its time.
type cut struct{ io.Reader }

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		err = errors.New("cut")
	}
	return n, err
}

func TestBrokenUploadIsNotPublished(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{})
	w.wants(201, "PUT", "/dav/old", "old")
	w.Settle()
	for _, length := range []int64{-1, 1 << 20} {
		for _, name := range []string{"old", "new"} {
			r, _ := http.NewRequest("PUT", w.http.URL+"/dav/"+name, cut{strings.NewReader(strings.Repeat("x", 300_000))})
			r.ContentLength = length
			r.SetBasicAuth("alice", "secret")
			if resp, err := http.DefaultClient.Do(r); err == nil {
				resp.Body.Close()
				t.Errorf("got %d", resp.StatusCode)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
	time.Sleep(50 * time.Millisecond)
	w.Settle()
	if got := w.Grid.Tree(w.Root); fmt.Sprint(got) != "map[old:old]" {
		t.Errorf("got %v", got)
	}
}

func TestGridFails(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{})
	w.Grid.Add(w.Root, "f.txt", w.Grid.PutData(strings.Repeat("x", 1000)), "")
	w.wants(207, "PROPFIND", "/dav/", "", "Depth", "1")
	w.Grid.Hook(func(_ context.Context, op string) error { return vfs.ErrUnavailable })
	a := w.wants(503, "GET", "/dav/f.txt", "")
	if a.header.Get("ETag") != "" || a.header.Get("Retry-After") == "" {
		t.Errorf("got %v", a.header)
	}
	w.wants(503, "MKCOL", "/dav/d", "")
}

func TestSilentClients(t *testing.T) {
	w := open(t, webdav.Config{Limits: webdav.Limits{Silence: 50 * time.Millisecond, PerAccount: 4}}, vfs.Config{})
	c, err := net.Dial("tcp", w.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "PUT /dav/f HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nContent-Length: 1000\r\n\r\nsome", w.http.Listener.Addr())
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 400 {
		t.Fatalf("got %v, %v", resp, err)
	}
	resp.Body.Close()
	w.Settle()
	if got := w.Grid.Names(w.Root); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestTooManyAtOnce(t *testing.T) {
	w := open(t, webdav.Config{Limits: webdav.Limits{PerAccount: 3}}, vfs.Config{})
	w.wants(201, "MKCOL", "/dav/d", "")
	w.Settle()
	hold, reached := make(chan struct{}), make(chan struct{}, 10)
	w.Grid.Hook(func(ctx context.Context, op string) error {
		if op == "mkdir" {
			reached <- struct{}{}
			<-hold
		}
		return nil
	})
	done := make(chan answered, 3)
	for k := range 3 {
		go func() {
			a, _ := w.try("alice", "secret", "MKCOL", fmt.Sprintf("/dav/n%d", k), nil)
			done <- a
		}()
	}
	for range 3 {
		<-reached
	}
	a := w.do("PROPFIND", "/dav/", "", "Depth", "0")
	close(hold)
	for range 3 {
		if a := <-done; a.status != 201 {
			t.Errorf("got %d", a.status)
		}
	}
	if a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d", a.status)
	}
}

func TestOptions(t *testing.T) {
	w := open(t, webdav.Config{}, vfs.Config{})
	if a := w.wants(200, "OPTIONS", "/dav/", ""); a.header.Get("DAV") != "1, 2" {
		t.Errorf("got %v", a.header)
	}
	w.wants(405, "BREW", "/dav/", "")
}

// FuzzXML says that whatever a client says about properties and locks, it gets an answer without a secret, and nothing is lost.
func FuzzXML(f *testing.F) {
	for _, seed := range []string{"", lockinfo, fmt.Sprintf(propfind, "<D:getetag/>"), fmt.Sprintf(proppatch, "<D:lastmodified>1</D:lastmodified>"), "<a>" + strings.Repeat("<b>", 100)} {
		f.Add(uint8(0), seed, "0")
		f.Add(uint8(1), seed, "")
		f.Add(uint8(2), seed, "infinity")
	}
	methods := []string{"PROPFIND", "PROPPATCH", "LOCK"}
	f.Fuzz(func(t *testing.T, which uint8, body, header string) {
		method := methods[int(which)%len(methods)]
		w := open(t, webdav.Config{}, vfs.Config{})
		w.Grid.Add(w.Root, "f", w.Grid.PutData("kept"), "")
		a, err := w.try("alice", "secret", method, "/dav/f", strings.NewReader(body), "Depth", strings.Map(printable, header))
		if err != nil || a.status == 500 || strings.Contains(a.body, "URI:") {
			t.Errorf("got %d %q, %v", a.status, a.body, err)
		}
		w.Settle()
		if got := w.Grid.Tree(w.Root); fmt.Sprint(got) != "map[f:kept]" {
			t.Errorf("got %v", got)
		}
	})
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// TestAtOnce: programs with several transfers at once make the same folder, and may put the same file. Who comes second waits.
func TestAtOnce(t *testing.T) {
	const programs = 6
	w := open(t, webdav.Config{}, vfs.Config{})
	for _, c := range []struct {
		method, path string
		want         []int
	}{
		{"MKCOL", "/dav/folder", []int{http.StatusCreated, http.StatusMethodNotAllowed}},
		{"PUT", "/dav/folder/f", []int{http.StatusCreated, http.StatusNoContent}},
	} {
		var sending, running sync.WaitGroup
		sending.Add(programs)
		for range programs {
			running.Go(func() {
				body := io.Reader(http.NoBody)
				if c.method == "PUT" {
					body = io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) {
						sending.Done() // its request is under way
						sending.Wait()
						return 0, io.EOF
					}))
				}
				a, err := w.try("alice", "secret", c.method, c.path, body)
				if err != nil || !slices.Contains(c.want, a.status) {
					t.Errorf("%s %s: got %d, %v: %s", c.method, c.path, a.status, err, a.body)
				}
			})
		}
		running.Wait()
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

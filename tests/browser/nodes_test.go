package browser_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// nodesLookRight looks at the pages of a node about what it does for others, each with something on it.
func nodesLookRight(d *desk) {
	t := d.t
	t.Log("pages of servers, the helper, the introducer and the keeper")
	axe := axeIfAny(t)
	d.fillSlowly(0)
	server := d.grid.URLOf(d.grid.ServerDir(0))
	p := d.open(1200, 900)
	p.see(axe, "keeper", d.base+"/keeper")
	p.see(axe, "helper", server+"helper_status")
	p.see(axe, "server", server)
	p.see(axe, "introducer", d.grid.URLOf(d.grid.IntroducerDir()))
	p.wait(`document.querySelectorAll('tbody tr').length >= 10`)
	p.see(axe, "storage", server+"storage")
	p.wait(`document.body.innerText.includes('the space is used up in about')`)
	const drawn = `[...document.querySelectorAll('svg.plot, svg[role="img"]')].filter((e) => e.getBoundingClientRect().width > 200 && e.querySelector('path, rect, polyline')).length`
	p.wait(drawn + ` >= 3`)
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

// fillSlowly has a server remember that its space shrank by a gigabyte an hour.
func (d *desk) fillSlowly(server int) {
	d.t.Helper()
	d.grid.Server[server].Stop()
	path := filepath.Join(d.grid.ServerDir(server), "storage", "space.json")
	b, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	type sample struct {
		Time  time.Time `json:"time"`
		Used  int64     `json:"used"`
		Avail int64     `json:"avail"`
	}
	var samples []sample
	if err := json.Unmarshal(b, &samples); err != nil || len(samples) == 0 {
		d.t.Fatalf("%s: %v", path, err)
	}
	last := samples[len(samples)-1]
	samples = nil
	for ago := time.Duration(48); ago > 0; ago-- {
		samples = append(samples, sample{time.Now().Add(-ago * time.Hour), last.Used, last.Avail + int64(ago)*1_000_000_000})
	}
	if b, err = json.Marshal(samples); err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.grid.StartServer(server)
	d.grid.WaitConnected(10)
}

// homeByKeys signs in, opens a folder and uploads a file without a mouse.
func homeByKeys(d *desk) {
	t := d.t
	t.Log("by the keyboard alone")
	p := d.open(1200, 900)
	p.visit(d.base + "/home/")
	p.wait(`location.pathname === '/login' && document.readyState === 'complete'`)
	p.tabTo(`document.activeElement.id === 'name'`)
	p.write("alice")
	p.press("Tab")
	p.write("wonderland")
	p.press("Enter")
	p.wait(`location.pathname === '/home/' && document.readyState === 'complete'`)
	p.tabTo(`document.activeElement.matches('a.name')`)
	for range 20 {
		if p.eval(`document.activeElement.textContent`) == "Work" {
			break
		}
		p.press("ArrowDown")
	}
	if p.eval(`getComputedStyle(document.activeElement).outlineStyle`) == "none" {
		t.Error("nobody sees where the focus is")
	}
	p.shoot("home-focus")
	p.press("Enter")
	p.wait(`location.pathname === '/home/Work/' && document.readyState === 'complete'`)

	path := filepath.Join(t.TempDir(), "by keys.bin")
	makeFile(t, path, 2<<20)
	p.do("Page.setInterceptFileChooserDialog", object{"enabled": true}, nil)
	p.tabTo(`document.activeElement.dataset.do === 'upload'`)
	p.press("Enter")
	p.choose(path)
	p.wait(whole)
	p.wait(names + `.includes('by keys.bin')`)
	if n := p.eval(`performance.getEntriesByType('resource').filter((e) => new URL(e.name).pathname === '/uploads').length`); n != 1.0 {
		t.Errorf("%v uploads by tus were begun for a large file", n)
	}
	p.wait(`document.querySelector('.files [data-w]') === null`)
}

// homeUploadGoesOn: what a closed tab has sent of a large file is not sent again, and neither the browser nor an address has a capability.
func homeUploadGoesOn(d *desk) {
	t := d.t
	t.Log("an upload that goes on")
	const size = 16 << 20 // more than the buffers of a connection hold
	path := filepath.Join(t.TempDir(), "film.mkv")
	makeFile(t, path, size)
	p := d.open(1200, 900)
	p.signIn(d, "alice")
	p.visit(d.base + "/home/Work/")
	p.slow(size / 8)
	p.drop(".listing", path)
	p.wait(bar + ` > 0.15`)
	q := p.another()
	p.shut()
	q.visit(d.base + "/home/Work/")
	q.wait(`document.querySelector('.note')?.textContent.includes('film.mkv')`)
	if had := q.eval(`fetch(` + upload + `).then((r) => r.json()).then((u) => u.received)`).(float64); had == 0 {
		t.Errorf("the node has %v of %d bytes of what the closed tab sent", had, size)
	}
	if kept := q.eval(`JSON.stringify({ ...localStorage })`).(string); strings.Contains(kept, "URI:") {
		t.Errorf("the browser remembers a capability: %s", kept)
	}
	q.drop(".listing", path)
	q.wait(whole)
	if n := q.eval(`performance.getEntriesByType('resource').filter((e) => new URL(e.name).pathname === '/uploads').length`); n != 0.0 {
		t.Errorf("the second tab began %v uploads of its own", n)
	}
	q.wait(names + `.includes('film.mkv')`)
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

// tabTo presses Tab until the focus is where a script says.
func (p *tab) tabTo(script string) {
	p.t.Helper()
	for range 40 {
		if p.eval(script) == true {
			return
		}
		p.press("Tab")
	}
	p.shoot("failed")
	p.t.Fatalf("the key Tab does not lead to where %s", script)
}

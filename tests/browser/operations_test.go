package browser_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Looks are how a page may be looked at.
var looks = []struct {
	name          string
	dark          bool
	width, height int
}{{"light", false, 1200, 900}, {"dark", true, 1200, 900}, {"narrow", false, 380, 800}}

// look leaves pictures of a page, and finds out whether it fits into windows of all widths.
func (p *tab) look(name string) {
	p.t.Helper()
	for _, l := range looks {
		p.size(l.width, l.height)
		p.dark(l.dark)
		if wide := p.eval(`document.documentElement.scrollWidth - innerWidth`); wide.(float64) > 0 {
			p.t.Errorf("%s, %s: the page is %v pixels wider than the window", name, l.name, wide)
		}
		p.shoot(name + "-" + l.name)
	}
	p.size(1200, 900)
	p.dark(false)
}

// storeLarge stores a file of some segments, and returns its capability.
func (d *desk) storeLarge() string {
	return d.put("/uri", strings.Repeat("a line of a file of some segments\n", 100_000))
}

// loseShares removes shares of one index on the first servers that have it, and returns how many.
func (d *desk) loseShares(index string, servers int) (lost int) {
	d.t.Helper()
	for i := 0; i < 10 && lost < servers; i++ {
		dir := filepath.Join(d.grid.ServerDir(i), "storage", "shares")
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && filepath.Base(filepath.Dir(path)) == index {
				lost++
				return os.Remove(path)
			}
			return err
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	return lost
}

// Each transfer has a page with a timeline, also without scripts.
func TestTransferPages(t *testing.T) {
	d := newDesk(t)
	text := d.storeLarge()
	p := d.open(1200, 900)
	p.do("Emulation.setScriptExecutionDisabled", object{"value": true}, nil)
	p.do("Page.navigate", object{"url": d.base + "/uri/" + url.QueryEscape(text) + "?save=true"}, nil) // a download, of which no page shows
	p.do("Page.navigate", object{"url": d.base + "/uri/" + url.QueryEscape(text)}, nil)
	p.wait(`document.body.innerText.length > 1000`)
	p.do("Page.navigate", object{"url": d.base + "/status"}, nil)
	p.wait(`!!document.querySelector('a[href="/status/down-0"]') && !!document.querySelector('a[href="/status/up-0"]')`)
	for _, page := range []struct{ name, word string }{{"up-0", "write share"}, {"down-1", "read share"}} {
		p.do("Page.navigate", object{"url": d.base + "/status/" + page.name}, nil)
		p.wait(`location.pathname === '/status/` + page.name + `' && document.querySelectorAll('.timeline rect').length > 3`)
		p.wait(`document.body.innerText.includes('` + page.word + `')`)
		p.look(page.name)
	}
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

const marks = `['good', 'missing', 'corrupt'].map((c) => document.querySelector('.sharemap').querySelectorAll('td.' + c).length).join()`

// The picture of a file's shares shows that some are lost, and that a repair brought them back.
func TestSharesAreSeen(t *testing.T) {
	d := newDesk(t)
	text := d.storeLarge()
	p := d.open(1200, 900)
	p.visit(d.base + "/uri/" + url.QueryEscape(text) + "?t=info")
	index := p.eval(`[...document.querySelectorAll('.facts div')].find((e) => e.innerText.startsWith('Storage index')).querySelector('dd').innerText`).(string)
	p.click(`form[action$="?t=check"] button`)
	p.wait(`!!document.querySelector('.sharemap') && ` + marks + ` === '10,0,0'`)
	lost := d.loseShares(index, 3)
	if lost == 0 {
		t.Fatal("there are no shares to lose")
	}
	p.click(`form[action="?t=check"] button`)
	p.wait(marks + fmt.Sprintf(` === '%d,%d,0'`, 10-lost, lost))
	p.look("shares-lost")
	p.click(`form[action="?t=check"] [name="repair"]`)
	p.click(`form[action="?t=check"] button`)
	p.wait(`document.querySelectorAll('.sharemap').length === 2 && ` + marks + ` === '10,0,0'`)
	p.look("shares-repaired")
	d.checkIsFollowed(p)
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

// checkIsFollowed: a page that checks says how far it is while a server keeps it waiting, as the page of transfers does; it can be stopped; and
// the check is over as soon as the server goes on.
func (d *desk) checkIsFollowed(p *tab) {
	d.t.Helper()
	slow := d.grid.Server[0]
	slow.Freeze()
	defer slow.Thaw()
	p.eval(`window.same = true`)
	const waits = `same && document.querySelector('.checking [role="status"]')?.textContent.startsWith('9 of 10 servers have answered')`
	p.click(`form[action="?t=check"] button`)
	p.wait(waits + ` && document.querySelector('.checking progress').value === 0.9`)
	p.look("check-goes-on")
	p.click(`.checking button`)
	p.wait(`same && document.querySelector('[role="alert"]').textContent === 'It was stopped.'`)
	p.click(`form[action="?t=check"] button`)
	p.wait(waits)
	q := d.open(1200, 900)
	q.visit(d.base + "/status")
	q.wait(`document.querySelector('[aria-labelledby="checks"] progress')?.value === 0.9`)
	q.look("status-checks")
	slow.Thaw()
	p.wait(`same && !document.querySelector('.checking') && document.activeElement.tagName === 'H1' && document.querySelectorAll('.sharemap').length === 1`)
	q.wait(`!document.querySelector('[aria-labelledby="checks"]') && document.querySelector('[aria-labelledby="checked"]').textContent.includes('Healthy')`)
	q.click(`a[href^="/status/check-"]`)
	q.wait(`location.pathname.startsWith('/status/check-') && document.body.innerText.includes('10 of 10')`)
	q.look("check-page")
}

// An error is a page to a browser.
func TestErrorIsAPage(t *testing.T) {
	d := newDesk(t)
	p := d.open(1200, 900)
	p.visit(d.base + "/nowhere")
	p.wait(`document.querySelector('h1').innerText === 'There is nothing here'`)
	p.look("error")
}

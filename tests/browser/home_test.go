package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tahoe/frontends/auth"
	"tahoe/tests/gridtest"
)

// newHome is a desk whose directory is that of the accounts alice and guest, who may only read, with the password "wonderland".
func newHome(t *testing.T) *desk {
	t.Helper()
	d, g := newDeskWith(t, gridtest.Config{
		Client:     map[string]string{"login/enabled": "true", "sftpd/enabled": "true", "sftpd/port": "tcp:0:interface=127.0.0.1", "webdav/enabled": "true"},
		Server:     map[string]string{"node/web.port": "tcp:0:interface=127.0.0.1", "helper/enabled": "true"},
		Introducer: map[string]string{"node/web.port": "tcp:0:interface=127.0.0.1"},
	})
	hash, err := auth.HashPassword(auth.NewPassword("wonderland"))
	if err != nil {
		t.Fatal(err)
	}
	lines := "alice " + hash + " " + d.cap + " quota=20MB\nguest " + hash + " " + d.cap + " read-only\n"
	if err := os.WriteFile(filepath.Join(g.ClientDir(), "private", "accounts"), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func (p *tab) signIn(d *desk, name string) {
	p.t.Helper()
	p.visit(d.base + "/home/")
	p.wait(`location.pathname === '/login'`)
	p.eval(`document.querySelector('#name').focus()`)
	p.write(name)
	p.eval(`document.querySelector('#password').focus()`)
	p.write("wonderland")
	p.press("Enter")
	p.wait(`location.pathname === '/home/' && document.readyState === 'complete'`)
}

// TestHome has one grid and one browser for all that is looked at.
func TestHome(t *testing.T) {
	d := newHome(t)
	d.fill()
	d.put(d.root+"Work/f.txt", "text")
	homeLooksRight(d)
	nodesLookRight(d)
	homeByMouse(d)
	homeWithoutScripts(d)
	homeByKeys(d)
	homeUploadGoesOn(d)
}

func homeLooksRight(d *desk) {
	t := d.t
	t.Log("how the pages look")
	p := d.open(1200, 900)
	p.visit(d.base + "/login")
	axe := axeIfAny(t)
	p.see(axe, "login", d.base+"/login")
	p.signIn(d, "alice")
	p.see(axe, "your-files", d.base+"/home/")
	p.see(axe, "folder", d.base+"/home/Work/")
	p.see(axe, "account", d.base+"/account")
	p.see(axe, "entry", d.base+"/home/holiday.png?t=info")
	if strings.Contains(p.eval(`document.documentElement.outerHTML`).(string), "URI:") {
		t.Error("the page tells a capability")
	}
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

// see looks at a page in all ways, and has axe look for faults where that differs: in both colours.
func (p *tab) see(axe, name, address string) {
	p.t.Helper()
	p.visit(address)
	p.look(name)
	if axe == "" {
		p.t.Log("no axe-core on this machine: name its axe.min.js in TAHOE_AXE")
		return
	}
	for _, dark := range []bool{false, true} {
		p.dark(dark)
		p.wantAccessible(axe, name)
	}
	p.dark(false)
}

// homeByMouse does what people do with their files, and looks for capabilities in every page and address that the browser has seen.
func homeByMouse(d *desk) {
	t := d.t
	p := d.open(1200, 900)
	p.signIn(d, "alice")
	const all = "Photos|Work|A rather long name of a report that somebody wrote.pdf|garden.png|holiday.png|Notes 2.txt|Notes 10.txt|song.mp3"
	p.waitNames(all)
	p.wait(`document.querySelectorAll('.files i img').length === 2`)
	p.wait(`[...document.querySelectorAll('.files i img')].every((i) => i.complete && i.naturalWidth > 0)`)

	t.Log("delete and undo")
	p.click(`[aria-label="Select Notes 2.txt"]`)
	p.click(`[aria-label="Select Work"]`)
	p.click(`[data-do="delete"]`)
	p.waitNames(strings.NewReplacer("|Work", "", "|Notes 2.txt", "").Replace(all))
	p.click(`.note button`)
	p.waitNames(all)

	t.Log("new folder, rename, move, copy")
	p.click(`[data-do="mkdir"]`)
	p.wait(`document.activeElement.type === 'text'`)
	p.write("Archive")
	p.press("Enter")
	p.wait(names + `.startsWith('Archive|')`)
	p.click(`[aria-label="Select song.mp3"]`)
	p.click(`[data-do="rename"]`)
	p.wait(`document.activeElement.value === 'song.mp3'`)
	p.write("Zither: take 2?.mp3")
	p.press("Enter")
	p.wait(names + `.endsWith('Zither: take 2?.mp3')`)
	p.click(`[aria-label="Select Notes 10.txt"]`)
	p.click(`[data-do="move"]`)
	p.click(`dialog button[value="yes"]`)
	p.wait(`!` + names + `.includes('Notes 10')`)
	p.click(`[aria-label="Select garden.png"]`)
	p.click(`[data-do="copy"]`)
	p.click(`dialog button[value="yes"]`)
	p.wait(`document.querySelector('.note')?.textContent.startsWith('Copied')`)

	t.Log("upload, which is on its way for a while, and preview")
	fresh := filepath.Join(t.TempDir(), "fresh.txt")
	if err := os.WriteFile(fresh, []byte("fresh from the disk\n"+strings.Repeat("and more\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.drop(".listing", fresh)
	p.wait(names + `.includes('fresh.txt')`)
	p.shoot("home-uploaded")
	p.wait(`document.querySelector('.files [data-w]') === null`)
	p.eval(`[...document.querySelectorAll('.name')].find((e) => e.textContent === 'fresh.txt').click()`)
	p.wait(`document.querySelector('.stage pre')?.textContent.startsWith('fresh from the disk')`)
	p.press("Escape")

	seen := p.eval(`document.documentElement.outerHTML + performance.getEntriesByType('resource').map((e) => e.name).join()`).(string)
	if strings.Contains(seen, "URI:") || strings.Contains(seen, "URI%3A") {
		t.Error("a capability is on the page, or in an address")
	}

	t.Log("share, by one's own will")
	p.click(`[aria-label="Select holiday.png"]`)
	p.click(`[data-do="share"]`)
	p.wait(`document.querySelector('dialog textarea')?.value.startsWith('URI:CHK:')`)
	p.eval(`document.querySelector('dialog details').open = true`)
	p.wait(`document.querySelector('dialog .qr svg').getBoundingClientRect().width > 100`)
	p.shoot("home-share")
	p.click(`dialog button[value="no"]`)
	p.wait(`document.querySelector('dialog') === null`)

	other := d.open(800, 600)
	other.signIn(d, "guest")
	other.visit(d.base + "/home/Archive/")
	other.waitNames("garden.png|Notes 10.txt")
	other.wait(`document.querySelector('[data-do="delete"]') === null`)

	t.Log("sign out")
	p.eval(`document.querySelector('.visitor button').click()`)
	p.wait(`location.pathname === '/login' && document.readyState === 'complete'`)
	p.visit(d.base + "/home/")
	p.wait(`location.pathname === '/login'`)
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

func homeWithoutScripts(d *desk) {
	d.t.Log("without scripts")
	p := d.open(1000, 900)
	p.do("Emulation.setScriptExecutionDisabled", object{"value": true}, nil)
	p.signIn(d, "alice")
	p.visit(d.base + "/home/Work/")
	p.waitNames("f.txt|plan.txt")
	p.eval(`document.querySelector('#name').value = 'Made'; document.querySelector('[aria-labelledby="mkdir"] form').requestSubmit()`)
	p.waitNames("Made|f.txt|plan.txt")
	p.shoot("home-plain")
	p.visit(d.base + "/home/Work/f.txt?t=info")
	p.eval(`document.querySelector('[aria-labelledby="delete"] form').requestSubmit()`)
	p.waitNames("Made|plan.txt")
	p.eval(`document.querySelector('[aria-labelledby="removed"] form').requestSubmit()`)
	p.waitNames("Made|f.txt|plan.txt")
}

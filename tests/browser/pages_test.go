package browser_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tahoe/tests/gridtest"
)

// A desk is a grid with a browser in front of it, and a directory to work in.
type desk struct {
	*chrome
	t    *testing.T
	grid *gridtest.Grid
	base string
	root string // address of the directory
	cap  string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d, _ := newDeskWith(t, gridtest.Config{})
	return d
}

func newDeskWith(t *testing.T, c gridtest.Config) (*desk, *gridtest.Grid) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a grid and a browser")
	}
	if findChrome() == "" {
		t.Skip("no Chromium on this machine: install it, or name it in TAHOE_BROWSER")
	}
	g := gridtest.New(t, c)
	d := &desk{t: t, grid: g, base: strings.TrimSuffix(g.URL(), "/")}
	d.cap = d.put("/uri?t=mkdir", "")
	d.root = d.base + "/uri/" + url.QueryEscape(d.cap) + "/"
	d.chrome = startChrome(t)
	return d, g
}

// put sends a PUT, to an address of the node, and returns the answer.
func (d *desk) put(target, body string) string {
	d.t.Helper()
	return d.send(http.MethodPut, target, body)
}

func (d *desk) post(target, body string) string {
	d.t.Helper()
	return d.send(http.MethodPost, target, body)
}

func (d *desk) send(method, target, body string) string {
	d.t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = d.base + target
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		d.t.Fatalf("%s: %d %s %v", method, resp.StatusCode, b, err)
	}
	return string(b)
}

func picture(hue uint8) string {
	m := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		for x := range 320 {
			m.Set(x, y, color.RGBA{uint8(x * 255 / 320), hue, uint8(y * 255 / 200), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // into memory
	}
	return b.String()
}

// fill puts things into the directory that people have in theirs.
func (d *desk) fill() {
	d.t.Helper()
	for name, body := range map[string]string{
		"Notes%202.txt": "the second note\n", "Notes%2010.txt": "the tenth note\n", "holiday.png": picture(90), "garden.png": picture(200),
		"song.mp3": "no sound", "Photos/first.png": picture(10), "Work/plan.txt": "a plan", "A%20rather%20long%20name%20of%20a%20report%20that%20somebody%20wrote.pdf": "no report",
	} {
		d.put(d.root+name, body)
	}
}

const names = `[...document.querySelectorAll('#files .name')].map((e) => e.textContent).join('|')`

func (p *tab) waitNames(want string) {
	p.t.Helper()
	p.wait(names + ` === ` + quote(want))
}

func TestPagesLookRight(t *testing.T) {
	d := newDesk(t)
	d.fill()
	p := d.open(1200, 900)
	for _, page := range []struct{ name, url string }{
		{"home", d.base + "/"}, {"directory", d.root}, {"info", d.root + "holiday.png?t=info"}, {"status", d.base + "/status"}, {"statistics", d.base + "/statistics"},
	} {
		for _, look := range []struct {
			name          string
			dark          bool
			width, height int
		}{{"light", false, 1200, 900}, {"dark", true, 1200, 900}, {"narrow", false, 380, 800}} {
			p.size(look.width, look.height)
			p.dark(look.dark)
			p.visit(page.url)
			if page.name == "directory" {
				p.wait(`document.querySelectorAll('.files i img').length === 2`)
				p.wait(`[...document.querySelectorAll('.files i img')].every((i) => i.complete && i.naturalWidth > 0)`)
			}
			if wide := p.eval(`document.documentElement.scrollWidth - innerWidth`); wide.(float64) > 0 {
				t.Errorf("%s, %s: the page is %v pixels wider than the window", page.name, look.name, wide)
			}
			p.shoot(page.name + "-" + look.name)
		}
	}
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

func TestDirectoryByMouse(t *testing.T) {
	d := newDesk(t)
	d.fill()
	p := d.open(1200, 900)
	p.visit(d.root)
	const all = "Photos|Work|A rather long name of a report that somebody wrote.pdf|garden.png|holiday.png|Notes 2.txt|Notes 10.txt|song.mp3"
	p.waitNames(all)

	t.Log("filter and select")
	p.eval(`document.querySelector('#filter').focus()`)
	p.write("NOTES")
	p.wait(`document.querySelectorAll('#files li:not([hidden])').length === 2`)
	p.press("Escape")
	p.wait(`document.querySelectorAll('#files li:not([hidden])').length === 8`)

	t.Log("delete and undo")
	p.click(`[aria-label="Select Notes 2.txt"]`)
	p.click(`[aria-label="Select Work"]`)
	p.wait(`document.querySelector('#pickcount').textContent === '2 selected'`)
	p.shoot("selected")
	p.click(`[data-do="delete"]`)
	p.waitNames(strings.NewReplacer("|Work", "", "|Notes 2.txt", "").Replace(all))
	p.shoot("deleted")
	p.click(`.note button`)
	p.waitNames(all)

	t.Log("rename")
	p.click(`[aria-label="Select song.mp3"]`)
	p.click(`[data-do="rename"]`)
	p.wait(`document.activeElement.value === 'song.mp3'`)
	p.shoot("rename")
	p.write("Zither: take 2?.mp3")
	p.press("Enter")
	p.waitNames(strings.Replace(all, "song.mp3", "Zither: take 2?.mp3", 1))

	t.Log("new folder, move, copy")
	p.click(`[data-do="mkdir"]`)
	p.wait(`document.activeElement.type === 'text'`)
	p.write("Archive")
	p.press("Enter")
	p.wait(names + `.startsWith('Archive|')`)
	p.click(`[aria-label="Select Notes 10.txt"]`)
	p.click(`[data-do="move"]`)
	p.wait(`!!document.querySelector('dialog select')`)
	p.shoot("move")
	p.click(`dialog button[value="yes"]`)
	p.wait(`!` + names + `.includes('Notes 10')`)
	p.click(`[aria-label="Select garden.png"]`)
	p.click(`[data-do="copy"]`)
	p.click(`dialog button[value="yes"]`)
	p.wait(`document.querySelector('.note')?.textContent.startsWith('Copied')`)
	other := d.open(800, 600)
	other.visit(d.root + "Archive/")
	other.waitNames("garden.png|Notes 10.txt")
	other.wait(`[...document.querySelectorAll('.crumbs li')].map((e) => e.textContent).join() === 'Top,Archive'`)

	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

func TestPreviewAndShare(t *testing.T) {
	d := newDesk(t)
	d.fill()
	p := d.open(1200, 900)
	p.visit(d.root)
	p.eval(`[...document.querySelectorAll('.name')].find((e) => e.textContent === 'holiday.png').click()`)
	p.wait(`document.querySelector('.stage img')?.naturalWidth === 320`)
	p.shoot("preview")
	p.click(`.preview [type="button"]:nth-of-type(2)`)
	p.wait(`document.querySelector('.stage pre')?.textContent === 'the second note\n'`)
	p.press("Escape")
	p.wait(`!document.querySelector('dialog')`)

	p.click(`[aria-label="Select Photos"]`)
	p.click(`[data-do="share"]`)
	p.wait(`document.querySelector('.share img')?.naturalWidth > 0`)
	p.shoot("share")
	link := p.eval(`document.querySelector('.share textarea').value`).(string)
	if !strings.HasPrefix(link, d.base+"/uri/URI%3ADIR2-RO%3A") {
		t.Fatalf("the link to share is %q, want one that reads", link)
	}
	guest := d.open(1000, 700)
	guest.visit(link)
	guest.waitNames("first.png")
	if n := guest.eval(`document.querySelectorAll('[data-do="upload"], [data-do="delete"], form').length`); n != 0.0 {
		t.Errorf("the page of a guest has %v ways to change the directory", n)
	}
	guest.shoot("guest")
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

func TestUploads(t *testing.T) {
	d := newDesk(t)
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for i := range 30 {
		path := filepath.Join(tree, fmt.Sprintf("part %d", i%3), fmt.Sprintf("file %d.txt", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Repeat([]byte{byte('a' + i%26)}, 1000*i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(tree, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(dir, "big.bin")
	if err := os.WriteFile(big, bytes.Repeat([]byte("0123456789abcdef"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	p := d.open(1200, 900)
	p.visit(d.root)
	p.shoot("empty")
	p.drop(".listing", tree, big)
	p.wait(`document.querySelectorAll('.queue li').length === 32`)
	p.shoot("queue")
	p.wait(`document.querySelector('#queuetotal').textContent.startsWith('32 of 32 stored')`)
	p.waitNames("tree|big.bin")
	p.wait(`document.querySelector('#columns').checkVisibility() && !document.querySelector('#empty').checkVisibility()`)
	p.shoot("stored")
	p.drop(".listing", big)
	p.click(`.queue [data-state="exists"] button`)
	p.wait(`document.querySelector('#queuetotal').textContent.startsWith('33 of 33 stored')`)
	conflicts := d.console() // a 409 shows on the console
	for _, c := range conflicts {
		if !strings.Contains(c, "409") {
			t.Errorf("error on the console: %s", c)
		}
	}
	p.visit(d.root + "tree/")
	p.waitNames("empty|part 0|part 1|part 2")
	p.visit(d.root + "tree/part%201/")
	p.wait(`document.querySelectorAll('#files li').length === 10 && ` + names + `.startsWith('file 1.txt|file 4.txt|file 7.txt|file 10.txt')`)
}

func TestDirectoryByKeyboard(t *testing.T) {
	d := newDesk(t)
	d.fill()
	p := d.open(1200, 900)
	p.visit(d.root)
	p.press("/")
	p.wait(`document.activeElement.id === 'filter'`)
	p.eval(`document.querySelector('#files .name').focus()`)
	p.press("ArrowDown")
	p.wait(`document.activeElement.textContent === 'Work'`)
	p.press(" ")
	p.wait(`document.querySelector('#pickcount').textContent === '1 selected'`)
	p.shoot("keyboard")
	p.press("Delete")
	p.wait(`!` + names + `.includes('Work')`)
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

// Everything reads, and uploads go, when scripts are off.
func TestWithoutScripts(t *testing.T) {
	d := newDesk(t)
	d.fill()
	p := d.open(1200, 900)
	p.do("Emulation.setScriptExecutionDisabled", object{"value": true}, nil)
	p.do("Page.navigate", object{"url": d.root}, nil)
	p.wait(`document.querySelectorAll('#files li').length === 8`)
	p.wait(`document.querySelector('.files .name').getBoundingClientRect().width > 200`)
	p.wait(`document.querySelector('.plain').checkVisibility() && !document.querySelector('#tools').checkVisibility()`)
	p.shoot("scriptless")
	p.eval(`document.querySelector('[name="name"]').value = 'made by a form'; document.querySelector('#mkdir ~ form').submit()`)
	p.wait(names + `.includes('made by a form')`)
}

// A stored page has no power: its scripts do not run, and it does not learn where it is.
func TestStoredPagesArePowerless(t *testing.T) {
	d := newDesk(t)
	d.put(d.root+"page.html", `<!DOCTYPE html><title>quiet</title><p id="x">text</p><script>document.title = 'ran'; document.getElementById('x').textContent = 'ran'</script>
<img src="x" onerror="document.title = 'ran'"><form action="/uri?t=mkdir" method="post"></form><script>document.forms[0].submit()</script>`)
	d.put(d.root+"attack.js", `document.title = 'ran'`)
	p := d.open(1000, 700)
	p.visit(d.root + "page.html")
	p.wait(`document.querySelector('#x').textContent === 'text' && document.title === 'quiet'`)
	if origin := p.eval(`self.origin`); origin != "null" {
		t.Errorf("a stored page has the origin %v, want none", origin)
	}
	p.visit(d.root)
	if v, err := p.try(`document.head.append(Object.assign(document.createElement('script'), { src: 'attack.js', type: 'module' }))`); err == nil {
		t.Errorf("a script that is put into one of our pages is taken: %v", v)
	}
	if v, err := p.try(`import('./attack.js')`); err == nil {
		t.Errorf("one of our pages imports a stored file: %v", v)
	}
	if title := p.eval(`document.title`); title == "ran" {
		t.Error("a stored script ran on one of our pages")
	}
}

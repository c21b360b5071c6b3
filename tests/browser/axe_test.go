package browser_test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// findAxe reads axe-core, which finds what keeps people from using a page. It is not part of this repository: `npm install --global
// axe-core` puts it where it is found, or TAHOE_AXE names its axe.min.js.
func findAxe(t *testing.T) string {
	t.Helper()
	axe := axeIfAny(t)
	if axe == "" {
		t.Skip("no axe-core on this machine: npm install --global axe-core, or name its axe.min.js in TAHOE_AXE")
	}
	return axe
}

// axeIfAny is empty where there is none.
func axeIfAny(t *testing.T) string {
	t.Helper()
	paths := []string{os.Getenv("TAHOE_AXE")}
	if npm, err := exec.LookPath("npm"); err == nil {
		if out, err := exec.CommandContext(t.Context(), npm, "root", "--global").Output(); err == nil {
			paths = append(paths, filepath.Join(strings.TrimSpace(string(out)), "axe-core", "axe.min.js"))
		}
	}
	for _, path := range paths {
		if b, err := os.ReadFile(path); err == nil {
			return string(b)
		}
	}
	return ""
}

type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML string }
}

func (v violation) serious() bool { return v.Impact == "serious" || v.Impact == "critical" }

// violations are what is wrong with the page, by axe, which is there.
func (p *tab) violations() (found []violation) {
	p.t.Helper()
	text := p.eval(`axe.run({ resultTypes: ['violations'] }).then((r) => JSON.stringify(r.violations))`).(string)
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		p.t.Fatal(err)
	}
	return found
}

// wantAccessible looks for faults of the page as it is shown now.
func (p *tab) wantAccessible(axe, name string) {
	p.t.Helper()
	p.eval(axe + `; true`)
	for _, v := range p.violations() {
		if v.serious() {
			p.t.Errorf("%s: %s (%s), %d times, as in %s", name, v.Help, v.ID, len(v.Nodes), v.Nodes[0].HTML)
		}
	}
}

// No page has a serious fault for those who use a keyboard, a reader of screens or large letters: in light and in dark.
func TestAccessibility(t *testing.T) {
	axe := findAxe(t)
	d := newDesk(t)
	d.fill()
	file := "/uri/" + url.QueryEscape(d.storeLarge())
	d.post(d.root+"?t=start-manifest&ophandle=a&output=html", "")
	d.post(d.root+"?t=start-deep-check&ophandle=b&output=html", "")
	p := d.open(1200, 900)
	p.visit(d.base + file)
	pages := map[string]string{
		"home": "/", "status": "/status", "statistics": "/statistics", "upload": "/status/up-0", "error": "/nowhere", "file": file + "?t=info",
		"manifest": "/operations/a?output=html", "deep check": "/operations/b?output=html",
		"directory": d.root, "directory info": d.root + "?t=info", "rename": d.root + "?t=rename-form&name=song.mp3", "check": "",
	}
	for name, address := range pages {
		for i, l := range looks {
			if i > 0 && os.Getenv("TAHOE_LONG") == "" && name != "check" && name != "directory" {
				continue
			}
			p.size(l.width, l.height)
			p.dark(l.dark)
			if strings.HasPrefix(address, "/") {
				address = d.base + address
			}
			if name == "check" {
				p.visit(d.base + file + "?t=info")
				p.click(`form[action$="?t=check"] button`)
				p.wait(`!!document.querySelector('.sharemap')`)
			} else {
				p.visit(address)
			}
			p.wantAccessible(axe, name+", "+l.name)
		}
	}
	p.eval(`document.querySelector('main').append(document.createElement('img'), document.createElement('input')); true`)
	if !slices.ContainsFunc(p.violations(), violation.serious) {
		t.Error("what looks for faults finds none where there are two")
	}
}

package browser_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func long() bool { return os.Getenv("TAHOE_LONG") != "" }

// makeFile makes a file that no two parts of are equal, and returns its hash.
func makeFile(t *testing.T, path string, size int64) (sum [32]byte) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8([32]byte{5}), size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

// sumOf is the hash of what is at an address.
func (d *desk) sumOf(address string) (sum [32]byte) {
	d.t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, resp.Body); err != nil || resp.StatusCode != 200 {
		d.t.Fatalf("GET: %d %v", resp.StatusCode, err)
	}
	return [32]byte(h.Sum(nil))
}

// slow lets a tab send so many bytes a second.
func (p *tab) slow(rate int) {
	p.t.Helper()
	p.do("Network.enable", object{}, nil)
	p.do("Network.emulateNetworkConditions", object{"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate}, nil)
}

const (
	bar    = `document.querySelector('.queue li progress')?.value`
	whole  = `document.querySelector('#queuetotal')?.textContent.startsWith('1 of 1 stored')`
	upload = `localStorage.getItem(Object.keys(localStorage)[0])`
)

// A large upload goes on after a pause, after the tab was closed, and after the node died.
func TestUploadGoesOn(t *testing.T) { testUploadGoesOn(t, 24<<20) }

func TestUploadGoesOnLong(t *testing.T) {
	if !long() {
		t.Skip("TAHOE_LONG=1 runs it")
	}
	testUploadGoesOn(t, 300<<20)
}

func testUploadGoesOn(t *testing.T, size int64) {
	d := newDesk(t)
	path := filepath.Join(t.TempDir(), "film.mkv")
	want := makeFile(t, path, size)
	p := d.open(1200, 900)
	p.visit(d.root)
	p.slow(int(size / 6))
	p.drop(".listing", path)
	p.wait(bar + ` > 0.1`)
	p.shoot("going")
	p.click(`.queue .tools button`)
	p.wait(`document.querySelector('.queue li').dataset.state === 'waiting'`)
	p.shoot("paused")
	p.click(`.queue .tools button`)
	p.wait(bar + ` > 0.3`)
	for key := range strings.SplitSeq(p.eval(`JSON.stringify({ ...localStorage })`).(string), ",") {
		if strings.Contains(key, "DIR2") || strings.Contains(key, strings.Split(d.cap, ":")[2]) {
			t.Errorf("the browser remembers a capability: %s", key)
		}
	}
	p.shut()

	t.Log("another tab knows of it")
	q := p.another()
	q.visit(d.root)
	q.wait(`document.querySelector('.note')?.textContent.includes('film.mkv')`)
	q.shoot("unfinished")
	had := q.eval(`fetch(` + upload + `).then((r) => r.json()).then((u) => u.received)`).(float64)
	if had < float64(size)/10 {
		t.Errorf("the node has %v of %d bytes of what the closed tab sent", had, size)
	}
	q.slow(int(size / 6))
	q.drop(".listing", path)
	q.wait(`!document.querySelector('.note')`)
	q.wait(fmt.Sprintf("%s > %f", bar, had/float64(size)+0.1))

	t.Log("the node dies and comes back")
	d.grid.Client.Kill()
	d.grid.StartClient(nil)
	q.slow(-1)
	deadline := time.Now().Add(2 * time.Minute)
	for v, _ := q.try(whole); v != true && time.Now().Before(deadline); v, _ = q.try(whole) {
		time.Sleep(100 * time.Millisecond)
	}
	q.wait(whole)
	q.shoot("gone-on")
	q.waitNames("film.mkv")
	if n := q.eval(`performance.getEntriesByType('resource').filter((e) => new URL(e.name).pathname === '/uploads').length`); n != 0.0 {
		t.Errorf("the second tab began %v uploads of its own", n)
	}
	if d.sumOf(d.root+"film.mkv") != want {
		t.Error("what is stored is another file")
	}
	if n := q.eval(`localStorage.length`); n != 0.0 {
		t.Errorf("the browser still remembers %v uploads", n)
	}
	d.statusMoves(d.root+"film.mkv", size)
}

// narrow is a client with a connection of its own that takes in little which has not been read yet. The systems' own buffers grow
// with what a connection has carried, until a whole file fits.
func narrow() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return c, c.(*net.TCPConn).SetReadBuffer(64 << 10)
		},
	}}
}

// statusMoves: the page of transfers follows a download without being loaded again.
func (d *desk) statusMoves(file string, size int64) {
	d.t.Helper()
	p := d.open(1200, 900)
	p.visit(d.base + "/status")
	p.eval(`window.same = true`)
	resp, err := narrow().Get(file)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	const moved = `same && document.querySelector('[aria-labelledby="active"] progress')?.value`
	p.wait(moved + ` >= 0`)
	if _, err := io.CopyN(io.Discard, resp.Body, size/3); err != nil {
		d.t.Fatal(err)
	}
	p.wait(moved + ` > 0.3`)
	p.shoot("status-moves")
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		d.t.Fatal(err)
	}
	p.wait(`same && document.querySelectorAll('[aria-labelledby="active"] tr').length === 0 && document.querySelector('[aria-labelledby="recent"]').textContent.includes('Download')`)
}

// A folder with 300 files is dropped, and checked by a page that follows.
func TestFolderLong(t *testing.T) {
	if !long() {
		t.Skip("TAHOE_LONG=1 runs it")
	}
	d := newDesk(t)
	tree := filepath.Join(t.TempDir(), "tree")
	for i := range 300 {
		path := filepath.Join(tree, fmt.Sprintf("part %d", i%6), fmt.Sprintf("file %d.txt", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat(fmt.Sprintln("line of file", i), 100)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := d.open(1200, 900)
	p.visit(d.root)
	p.drop(".listing", tree)
	p.wait(`document.querySelectorAll('.queue li').length === 300`)
	deadline := time.Now().Add(5 * time.Minute)
	const all = `document.querySelector('#queuetotal').textContent.startsWith('300 of 300 stored')`
	for p.eval(all) != true && time.Now().Before(deadline) {
		time.Sleep(200 * time.Millisecond)
	}
	p.wait(all)
	p.shoot("folder")
	p.visit(d.root + "tree/part%205/")
	p.wait(`document.querySelectorAll('#files li').length === 50`)
	d.post("/uri/"+d.cap+"?t=start-deep-check&verify=true&ophandle=all", "")
	p.visit(d.base + "/operations/all")
	p.eval(`window.same = true`)
	p.wait(`same && !document.querySelector('form') && document.querySelector('main').textContent.includes('308')`)
	p.shoot("deep-check")
	if log := d.console(); len(log) > 0 {
		t.Errorf("errors on the console: %v", log)
	}
}

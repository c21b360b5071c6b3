package browser_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A chrome is a browser that is driven through a pipe by the DevTools protocol: messages of JSON that end in a zero byte.
type chrome struct {
	t    testing.TB
	out  *os.File
	done chan struct{}

	mu      sync.Mutex
	last    int
	answers map[int]chan message
	logged  []string // errors on the console, and exceptions
	chooser int      // the field of files that a page has opened last; 0: none
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
	Session string `json:"sessionId,omitempty"`
}

// startChrome starts a browser that ends with the test.
func startChrome(t testing.TB) *chrome {
	t.Helper()
	path := findChrome()
	if path == "" {
		t.Skip("no Chromium on this machine: install it, or name it in TAHOE_BROWSER")
	}
	fromUs, toIt, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromIt, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
		"--disable-dev-shm-usage", "--host-resolver-rules=MAP *.example 127.0.0.1", "--disable-background-networking", "--user-data-dir="+filepath.Join(t.TempDir(), "profile"), "about:blank")
	cmd.ExtraFiles = []*os.File{fromUs, toUs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = fromUs.Close(), toUs.Close()
	c := &chrome{t: t, out: toIt, done: make(chan struct{}), answers: map[int]chan message{}}
	go c.listen(fromIt)
	t.Cleanup(func() {
		_ = toIt.Close() // it ends when nobody drives it any more
		timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		timer.Stop()
		_ = fromIt.Close()
		<-c.done
	})
	return c
}

func findChrome() string {
	for _, name := range []string{os.Getenv("TAHOE_BROWSER"), "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	return ""
}

func (c *chrome) listen(from *os.File) {
	defer close(c.done)
	r := bufio.NewReader(from)
	for {
		b, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(b, []byte{0}), &m) != nil {
			continue
		}
		c.mu.Lock()
		switch answer := c.answers[m.ID]; {
		case answer != nil:
			delete(c.answers, m.ID)
			answer <- m
		case m.Method == "Page.fileChooserOpened":
			var opened struct{ BackendNodeID int }
			if json.Unmarshal(m.Params, &opened) == nil {
				c.chooser = opened.BackendNodeID
			}
		case m.Method == "Runtime.exceptionThrown", m.Method == "Log.entryAdded" && strings.Contains(string(m.Params), `"level":"error"`):
			c.logged = append(c.logged, string(m.Params))
		}
		c.mu.Unlock()
	}
}

// call sends a command and decodes what is answered.
func (c *chrome) call(session, method string, params, result any) error {
	text, err := json.Marshal(params)
	if err != nil {
		return err
	}
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	m := message{ID: c.last, Method: method, Params: text, Session: session}
	c.answers[m.ID] = answer
	b, err := json.Marshal(m)
	if err == nil {
		_, err = c.out.Write(append(b, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(c.t.Context(), time.Minute)
	defer stop()
	select {
	case m = <-answer:
	case <-c.done:
		return errors.New("the browser has ended")
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
	if m.Error != nil {
		return fmt.Errorf("%s: %s", method, m.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(m.Result, result)
}

type object = map[string]any

// A tab is a page of its own, in a profile of its own.
type tab struct {
	*chrome
	session, target, profile string
}

func (c *chrome) open(width, height int) *tab {
	c.t.Helper()
	var context struct{ BrowserContextID string }
	c.must("", "Target.createBrowserContext", object{}, &context)
	return c.openIn(context.BrowserContextID, width, height)
}

// another is a tab in the same profile, so that it knows what the other one has left.
func (p *tab) another() *tab {
	p.t.Helper()
	return p.openIn(p.profile, 1200, 900)
}

// shut closes a tab, whatever goes on in it.
func (p *tab) shut() {
	p.t.Helper()
	p.must("", "Target.closeTarget", object{"targetId": p.target}, nil)
}

func (c *chrome) openIn(profile string, width, height int) *tab {
	c.t.Helper()
	var target struct{ TargetID string }
	c.must("", "Target.createTarget", object{"url": "about:blank", "browserContextId": profile}, &target)
	var session struct{ SessionID string }
	c.must("", "Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &session)
	p := &tab{c, session.SessionID, target.TargetID, profile}
	for _, domain := range []string{"Page.enable", "Runtime.enable", "Log.enable", "DOM.enable"} {
		p.do(domain, object{}, nil)
	}
	p.size(width, height)
	return p
}

func (c *chrome) must(session, method string, params, result any) {
	c.t.Helper()
	if err := c.call(session, method, params, result); err != nil {
		c.t.Fatal(err)
	}
}

func (p *tab) do(method string, params, result any) {
	p.t.Helper()
	p.must(p.session, method, params, result)
}

func (p *tab) size(width, height int) {
	p.t.Helper()
	p.do("Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
}

func (p *tab) dark(yes bool) {
	p.t.Helper()
	value := "light"
	if yes {
		value = "dark"
	}
	p.do("Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": value}}}, nil)
}

// visit loads a page and waits until it and its scripts are there.
func (p *tab) visit(url string) {
	p.t.Helper()
	p.do("Page.navigate", object{"url": url}, nil)
	p.wait(`document.readyState === 'complete' && location.href !== 'about:blank'`)
}

// eval runs a script and returns its value, for which promises are waited.
func (p *tab) eval(script string) any {
	p.t.Helper()
	v, err := p.try(script)
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return v
}

func (p *tab) try(script string) (any, error) {
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	err := p.call(p.session, "Runtime.evaluate", object{"expression": script, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &r)
	if err == nil && r.ExceptionDetails != nil {
		err = errors.New(r.ExceptionDetails.Exception.Description)
	}
	return r.Result.Value, err
}

// wait waits until a script says true. While a page is being left, scripts fail.
func (p *tab) wait(script string) {
	p.t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for {
		v, err := p.try(script)
		if err == nil && v == true {
			return
		}
		if time.Now().After(deadline) {
			p.shoot("failed")
			p.t.Fatalf("not within time: %s; last %v, %v; console: %v", script, v, err, p.console())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait(`!!document.querySelector(` + quote(selector) + `)`)
	p.eval(`document.querySelector(` + quote(selector) + `).click()`)
}

// press presses a key.
func (p *tab) press(key string) {
	p.t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowUp": 38, "ArrowDown": 40, "Delete": 46, "F2": 113}[key]
	text := map[string]string{"Enter": "\r", " ": " ", "/": "/"}[key]
	p.do("Input.dispatchKeyEvent", object{"type": "keyDown", "key": key, "windowsVirtualKeyCode": code, "text": text}, nil)
	p.do("Input.dispatchKeyEvent", object{"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}, nil)
}

// choose chooses files where the page asks for them. Page.setInterceptFileChooserDialog has been called.
func (p *tab) choose(paths ...string) {
	p.t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	field := 0
	for ; field == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatal("the page does not ask for files")
		}
		p.mu.Lock()
		field, p.chooser = p.chooser, 0
		p.mu.Unlock()
	}
	p.do("DOM.setFileInputFiles", object{"files": paths, "backendNodeId": field}, nil)
}

func (p *tab) write(text string) {
	p.t.Helper()
	p.do("Input.insertText", object{"text": text}, nil)
}

// drop drops files and folders of this machine on the middle of an element.
func (p *tab) drop(selector string, paths ...string) {
	p.t.Helper()
	var at [2]float64
	text := p.eval(`(() => { const r = document.querySelector(` + quote(selector) + `).getBoundingClientRect(); return JSON.stringify([r.x + r.width / 2, r.y + Math.min(40, r.height / 2)]) })()`)
	if err := json.Unmarshal([]byte(text.(string)), &at); err != nil {
		p.t.Fatal(err)
	}
	data := object{"items": []any{}, "files": paths, "dragOperationsMask": 1}
	for _, kind := range []string{"dragEnter", "dragOver", "drop"} {
		p.do("Input.dispatchDragEvent", object{"type": kind, "x": at[0], "y": at[1], "data": data}, nil)
	}
}

// shoot leaves a picture of the page, when somebody wants pictures.
func (p *tab) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("TAHOE_SCREENSHOTS")
	if dir == "" {
		return
	}
	var r struct{ Data string }
	p.do("Page.captureScreenshot", object{"format": "png"}, &r)
	b, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// console is what went wrong on any page so far.
func (c *chrome) console() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.logged...)
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string is always fit for JSON
	}
	return string(b)
}

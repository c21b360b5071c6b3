package interop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/frontends/web/wapi"
)

// TestLongCheck damages shares of every kind of file and directory, and has the gateways of both makers check and verify them: they answer
// the same, line by line. Then the one repairs, and the other finds all well.
func TestLongCheck(t *testing.T) {
	needsLong(t)
	t.Parallel()
	w := newWorld(t)
	clients := w.clients(t, cell{mixed, none, gbs})
	for _, k := range checkedKinds {
		t.Run(k.name, func(t *testing.T) {
			for _, by := range makers {
				x := &checkedFile{t: t, w: w, clients: clients, cap: clients[by].store(t, k.target, content(k.name+string(by), 300_000))}
				x.agree("healthy", false)
				x.agree("healthy", true)
				if x.index() == "" {
					x.agreeRepair()
					continue
				}
				for _, region := range k.regions {
					undo := x.flip(4, region)
					x.agree(fmt.Sprintf("byte %d", region), true)
					undo()
				}
				x.remove(1, 7)
				x.agree("two missing", false)
				if len(k.regions) > 0 {
					x.flip(2, k.regions[0])
					x.agree("two missing and one corrupt", true)
				}
				x.repair(by.other())
				x.agree("repaired", true)
				x.remove(0, 1, 2, 3, 4, 5, 6, 7)
				x.agree("lost", true)
			}
		})
	}
}

// A checkedKind is a kind of file, and offsets in the share files of it that a verification looks at, behind the first bytes of the
// container.
var checkedKinds = []struct {
	name, target string
	mutable      bool
	regions      []int64
}{
	{"LIT", "literal", false, nil},
	{"CHK", "uri?", false, []int64{12 + 0x24 + 1000, 12 + 3, 12 + 0x14 + 3, 12 + 0x20 + 3, 12 + 0x24 + 100_000 + 32 + 5, 12 + 0x24 + 100_000 + 64 + 5, 12 + 0x24 + 100_000 + 96 + 40}},
	{"SDMF", "uri?format=SDMF", true, []int64{468 + 107 + 294 + 256 + 200 + 1000}},
	{"MDMF", "uri?format=MDMF", true, []int64{468 + 2167 + 1000, 468 + 2167 + 50_000}},
	{"DIR2", "uri?t=mkdir", true, []int64{468 + 107 + 294 + 256 + 40}},
	{"DIR2-MDMF", "uri?t=mkdir&format=MDMF", true, nil},
}

// TestLongDeepCheck has both gateways check a tree: as a stream, and as a slow operation. They tell of the same things in the same order.
func TestLongDeepCheck(t *testing.T) {
	needsLong(t)
	t.Parallel()
	w := newWorld(t)
	clients := w.clients(t, cell{mixed, none, gbs})
	root := clients[ours].answer(t, http.MethodPut, "uri?t=mkdir", "")
	for name, size := range map[string]int{"lit": 20, "large": 100_000, "sub/large": 5000, "sub/lit": 5} {
		clients[ours].do(t, http.MethodPut, "uri/"+url.PathEscape(root)+"/"+name, content(name, size))
	}
	large := &checkedFile{t: t, w: w, clients: clients, cap: clients[ours].answer(t, http.MethodGet, "uri/"+url.PathEscape(root)+"/large?t=uri", "")}
	large.remove(3)
	large.flip(4, 2000)
	for _, args := range []string{"", "&verify=true", "&add-lease=true"} {
		var told [2][]any
		for i, m := range makers {
			text := clients[m].answer(t, http.MethodPost, "uri/"+url.PathEscape(root)+"?t=stream-deep-check"+args, "")
			for line := range strings.Lines(text) {
				told[i] = append(told[i], unordered(t, line))
			}
		}
		if !reflect.DeepEqual(told[0], told[1]) {
			t.Errorf("stream%s: got\n%v\n%v", args, told[0], told[1])
		}
		for i, m := range makers {
			c := clients[m]
			resp, err := http.Post(c.url("uri/"+url.PathEscape(root)+"?t=start-deep-check&output=json&ophandle=h"+fmt.Sprint(len(args))+args), "", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			waitFor(t, "the deep check", func() error {
				text := c.answer(t, http.MethodGet, "operations/h"+fmt.Sprint(len(args))+"?output=json", "")
				if told[i] = []any{unordered(t, text)}; !strings.Contains(text, `"finished": true`) {
					return fmt.Errorf("it goes on")
				}
				return nil
			})
		}
		if !reflect.DeepEqual(told[0], told[1]) {
			t.Errorf("operation%s: got\n%v\n%v", args, told[0], told[1])
		}
	}
}

// unordered is JSON with lists of texts in order.
func unordered(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return sorted(v)
}

func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = sorted(x)
		}
	case []any:
		texts := true
		for i := range v {
			v[i] = sorted(v[i])
			_, text := v[i].(string)
			texts = texts && text
		}
		if texts {
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		}
	}
	return v
}

type checkedFile struct {
	t       *testing.T
	w       *world
	clients map[maker]*peer
	cap     string
}

// store stores a file or makes a directory, and returns its capability.
func (p *peer) store(t *testing.T, target string, data []byte) string {
	t.Helper()
	if strings.HasPrefix(target, "literal") {
		target, data = "uri?", data[:20]
	}
	if !strings.Contains(target, "mkdir") {
		return p.answer(t, http.MethodPut, target, string(data))
	}
	dir := p.answer(t, http.MethodPut, target, "")
	p.do(t, http.MethodPut, "uri/"+url.PathEscape(dir)+"/child", data[:50]) // of an empty one the original verifies next to nothing
	return dir
}

// answer is what a gateway answers to a request that it grants.
func (p *peer) answer(t *testing.T, method, target, body string) string {
	t.Helper()
	return string(p.do(t, method, target, []byte(body)))
}

func (x *checkedFile) check(m maker, args string) string {
	x.t.Helper()
	return x.clients[m].answer(x.t, http.MethodPost, "uri/"+url.PathEscape(x.cap)+"?t=check&output=json"+args, "")
}

var (
	names     = regexp.MustCompile(`(?m)^ *"([a-z-]+)": `)
	lastComma = regexp.MustCompile(`(?m),$`)
)

// agree has both gateways check: all lines of their answers are the same, and all names come in the same order. In which order they
// list servers and shares is chance at the original.
func (x *checkedFile) agree(what string, verify bool) {
	x.t.Helper()
	var texts [2]string
	for i, m := range makers {
		texts[i] = x.check(m, fmt.Sprintf("&verify=%v", verify))
	}
	lines := func(text string) []string { return slices.Sorted(strings.Lines(lastComma.ReplaceAllString(text, ""))) }
	if a, b := lines(texts[0]), lines(texts[1]); !slices.Equal(a, b) {
		x.t.Errorf("%s: %s says\n%s\n%s says\n%s", what, makers[0], texts[0], makers[1], texts[1])
	}
	order := func(text string) string { return fmt.Sprint(names.FindAllString(text, -1)) }
	if order(texts[0]) != order(texts[1]) {
		x.t.Errorf("%s: %s has the order %s,\n%s %s", what, makers[0], order(texts[0]), makers[1], order(texts[1]))
	}
}

// agreeRepair is of what has no shares. The original answers as if nobody had asked for a repair, which its command does not expect.
func (x *checkedFile) agreeRepair() {
	x.t.Helper()
	var r wapi.RepairResult
	if err := json.Unmarshal([]byte(x.check(ours, "&repair=true")), &r); err != nil || r.Attempted {
		x.t.Errorf("got %+v, %v", r, err)
	}
}

// repair has one gateway repair.
func (x *checkedFile) repair(m maker) {
	x.t.Helper()
	text := x.check(m, "&repair=true&verify=true")
	var r wapi.RepairResult
	if err := json.Unmarshal([]byte(text), &r); err != nil || !r.Attempted || r.Successful == nil || !*r.Successful || !r.After.Results.Healthy {
		x.t.Errorf("%s: %v, %s", m, err, text)
	}
}

func (x *checkedFile) index() string {
	c, err := caps.Parse(x.cap)
	if err != nil {
		x.t.Fatal(err)
	}
	if v, ok := caps.VerifyOnly(c); ok {
		return v.Index().String()
	}
	return ""
}

// share are the files of a share.
func (x *checkedFile) share(n int) (files []string) {
	x.t.Helper()
	i := x.index()
	for _, p := range x.w.servers(mixed) {
		if f := filepath.Join(sharesOf(p), i[:2], i, fmt.Sprint(n)); exists(f) {
			files = append(files, f)
		}
	}
	return files
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func (x *checkedFile) remove(shares ...int) {
	x.t.Helper()
	for _, n := range shares {
		for _, f := range x.share(n) {
			if err := os.Remove(f); err != nil {
				x.t.Fatal(err)
			}
		}
	}
}

// flip changes a byte of a share, and returns what changes it back.
func (x *checkedFile) flip(n int, offset int64) (undo func()) {
	x.t.Helper()
	files := x.share(n)
	change := func() {
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				x.t.Fatal(err)
			}
			b[offset] ^= 1
			if err := os.WriteFile(f, b, 0o600); err != nil {
				x.t.Fatal(err)
			}
		}
	}
	change()
	return change
}

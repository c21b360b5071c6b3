package copier_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tahoe/cmd/tahoe/internal/copier"
	"tahoe/cmd/tahoe/internal/tally"
	"tahoe/frontends/web/wapi"
)

// bigTree has empty and large files, deep and wide directories, and names of all kinds.
func bigTree() map[string]string {
	tree := map[string]string{
		"empty": "", "é ü/漢字 x": "unicode", "a/b/c/d/e/f/g": "deep", "none/": "", "large": strings.Repeat("0123456789", 50_000),
		"-r": "an option?", "a:b": "a colon", "%2F?#&": "marks", "long " + strings.Repeat("n", 240): "x",
	}
	for i := range 60 {
		tree[fmt.Sprintf("wide/%03d", i)] = strings.Repeat(fmt.Sprint(i, " "), 40)
		tree[fmt.Sprintf("many/%d/x", i)] = fmt.Sprint(i)
	}
	return tree
}

// parents adds the directories on the way, as trees that are read have them.
func parents(tree map[string]string) map[string]string {
	tree = maps.Clone(tree)
	for path := range maps.Clone(tree) {
		for i, r := range path {
			if r == '/' {
				tree[path[:i+1]] = ""
			}
		}
	}
	return tree
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for path, text := range want {
		if g, ok := got[path]; !ok || g != text {
			t.Errorf("%q: got %d bytes, there %v, want %d bytes", path, len(g), ok, len(text))
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%q is there, and should not be", path)
		}
	}
}

// TestThereAndBack copies a tree up, within the grid, and down.
func TestThereAndBack(t *testing.T) {
	w := newWorld(t)
	w.fillLocal(filepath.Join(w.dir, "src"), bigTree())
	want := parents(bigTree())
	root := w.grid.Mkdir()
	c := w.config()
	c.Recursive, c.Tally = true, &tally.Tally{}
	up, err := w.copy(t, c, "src", root)
	if err != nil {
		t.Fatal(err)
	}
	same(t, w.grid.Tree(w.grid.Cap(root, "src")), want)
	files, dirs := int64(len(bigTree())-1), int64(0)
	for path := range want {
		if strings.HasSuffix(path, "/") {
			dirs++
		}
	}
	if up.Copied != files || up.Directories != dirs+1 || up.Failed+up.Skipped+up.Linked != 0 {
		t.Errorf("got %+v, want %d files and %d directories", up, files, dirs+1)
	}
	if s := c.Tally.State(); s.Files != files || s.TotalFiles != files || s.Bytes != s.TotalBytes || s.Bytes != up.Bytes || !s.Known {
		t.Errorf("counted %+v, want all %d files", s, files)
	}
	w.grid.Counts()
	if _, err := w.copy(t, c, "-"[:0]+root+"/src", root+"/again"); err != nil {
		t.Fatal(err)
	}
	same(t, w.grid.Tree(w.grid.Cap(root, "again/src")), want)
	if n := w.grid.Counts()["PUT"]; n != 0 {
		t.Errorf("%d files were sent that are on the grid", n)
	}
	if _, err := w.copy(t, c, root+"/again/src", "down"); err != nil {
		t.Fatal(err)
	}
	same(t, readTree(t, filepath.Join(w.dir, "down", "src"), ""), want)
}

// TestRequests has a new directory made with one request, and one that is there changed with one.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	tree := map[string]string{"d/1": "1", "d/2": "2", "d/e/3": "3", "top": "t"}
	w.fillLocal(filepath.Join(w.dir, "src"), tree)
	root := w.grid.Mkdir()
	c := w.config()
	c.Recursive = true
	check := func(what string, want map[string]int) {
		t.Helper()
		if _, err := w.copy(t, c, "src", root); err != nil {
			t.Fatal(err)
		}
		if got := w.grid.Counts(); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	w.grid.Counts()
	check("new", map[string]int{"PUT": 4, "POST mkdir-with-children": 3, "POST set_children": 1, "GET json": 1})
	check("unchanged", map[string]int{"PUT": 4, "GET json": 4})
	w.fillLocal(filepath.Join(w.dir, "src"), map[string]string{"d/2": "two", "d/4": "four"})
	check("two files", map[string]int{"PUT": 5, "GET json": 4, "POST set_children": 1})
}

// TestMutable has mutable files on the grid overwritten in place, and copied out as files that cannot change.
func TestMutable(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	m := w.grid.PutMutable(root, "d/m", "old")
	fixed := w.grid.Put(root, "d/fixed", "a file that was there before")
	w.fillLocal(w.dir, map[string]string{"d/m": "new", "d/fixed": "another", "m": "newer", "f": "newest"})
	c := w.config()
	c.Recursive = true
	for _, args := range [][]string{{"d", root}, {"m", root + "/d"}, {"f", root + "/d/m"}, {root + "/d/fixed", root + "/d/m"}, {"m", m}} {
		if _, err := w.copy(t, c, args...); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		want, err := os.ReadFile(filepath.Join(w.dir, args[0]))
		switch {
		case args[0] == "d":
			want = []byte("new")
		case err != nil:
			want = []byte("another")
		}
		if got := w.grid.Tree(root)["d/m"]; got != string(want) || w.grid.Cap(root, "d/m") != m {
			t.Errorf("%v: got %q, want %q in the same file", args, got, want)
		}
	}
	if w.grid.Cap(root, "d/fixed") == fixed {
		t.Error("the file that cannot change was not replaced")
	}
	if _, err := w.copy(t, c, root+"/d", root+"/copy"); err != nil {
		t.Fatal(err)
	}
	if got := w.grid.Cap(root, "copy/d/m"); !strings.HasPrefix(got, "URI:LIT:") || w.grid.Tree(root)["copy/d/m"] != "newer" {
		t.Errorf("a copy of a mutable file is %s", got)
	}
	fixed = w.grid.Cap(root, "d/fixed")
	if _, err := w.copy(t, c, "m", fixed); err == nil {
		t.Error("a file that cannot change was overwritten")
	}
}

// TestOneAndAll has one thing that cannot be copied, and the rest there.
func TestOneAndAll(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(w *world, root string)
		failed int64
		want   string // in the sentence
	}{
		{"a directory for a file", func(w *world, root string) { w.grid.Put(root, "src/x/in", "") }, 1, "a file cannot take its place"},
		{"a file for a directory", func(w *world, root string) { w.grid.Put(root, "src/d", "") }, 1, "a directory cannot take its place"},
		{"read only", func(w *world, root string) {
			m := w.grid.PutMutable(root, "m", "old")
			w.grid.Link(root, "src/x", "", w.grid.ReadOnly(m))
		}, 1, "read-only cap"},
		{"a directory that is read only", func(w *world, root string) {
			w.grid.Link(root, "src/d", "", w.grid.ReadOnly(w.grid.Mkdir()))
		}, 1, "can only be read"},
		{"unreadable", func(w *world, _ string) { must(os.Chmod(filepath.Join(w.dir, "src/x"), 0)) }, 1, "permission denied"},
		{"not UTF-8", func(w *world, _ string) { w.fillLocal(w.dir, map[string]string{"src/\xff": ""}) }, 1, "not UTF-8"},
		{"a loop", func(w *world, _ string) { must(os.Symlink("..", filepath.Join(w.dir, "src/d/up"))) }, 1, "contains itself"},
		{"two forms of a name", func(w *world, _ string) {
			w.fillLocal(w.dir, map[string]string{"src/e\u0301": "1", "src/\u00e9": "2"})
		}, 1, "the same name"},
		{"a pipe and a link", func(w *world, _ string) {
			mkfifo(filepath.Join(w.dir, "src/pipe"))
			must(os.Symlink("nowhere", filepath.Join(w.dir, "src/link")))
		}, 0, "skipped"},
		{"a directory that cannot be made", func(w *world, _ string) {
			w.grid.Hook = func(rw http.ResponseWriter, r *http.Request) bool {
				if r.FormValue("t") != "mkdir-with-children" {
					return false
				}
				http.Error(rw, "no directory today", http.StatusInternalServerError)
				return true
			}
		}, 1, "no directory today"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" || c.name == "unreadable" && os.Geteuid() == 0 {
				t.Skip("cannot be arranged here")
			}
			w := newWorld(t)
			root := w.grid.Mkdir()
			w.grid.Link(root, "src", w.grid.Mkdir(), "")
			w.fillLocal(w.dir, map[string]string{"src/x": "x", "src/y": "y", "src/d/z": "z"})
			c.spoil(w, root)
			config := w.config()
			config.Recursive = true
			r, err := w.copy(t, config, "src", root)
			if p, ok := errors.AsType[*copier.PartialError](err); c.failed == 0 && err != nil || c.failed > 0 && (!ok || p.Failed != c.failed) {
				t.Errorf("got %v", err)
			}
			if r.Failed != c.failed || int64(len(r.Failures)) != c.failed || !strings.Contains(strings.Join(w.warned, "\n"), c.want) {
				t.Errorf("got %+v and %q, want %d failures and %q", r, w.warned, c.failed, c.want)
			}
			if got := w.grid.Tree(root); got["src/y"] != "y" {
				t.Errorf("got %v, want the rest there", got)
			}
		})
	}
}

// TestHostileNames has a directory of the grid whose names lead elsewhere.
func TestHostileNames(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	for _, name := range []string{"..", ".", "good"} {
		w.grid.Link(root, name, "", w.grid.Put(w.grid.Mkdir(), "f", "text of "+name))
	}
	evil := w.grid.Mkdir()
	w.grid.Put(evil, "f", "evil")
	w.grid.Link(root, "dir", evil, "")
	w.grid.Hook = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.FormValue("t") != "json" || strings.Contains(r.URL.Path, evil) {
			return false
		}
		fmt.Fprintf(rw, `["dirnode",{"rw_uri":%q,"children":{"../escaped":["filenode",{"ro_uri":"URI:LIT:me"}],"..":["dirnode",{"rw_uri":%q}],`+
			`"/etc/x":["filenode",{"ro_uri":"URI:LIT:me"}],"a\u0000b":["filenode",{"ro_uri":"URI:LIT:me"}],"":["filenode",{"ro_uri":"URI:LIT:me"}],`+
			`".":["filenode",{"ro_uri":"URI:LIT:me"}],"good":["filenode",{"ro_uri":%q}]}}]`, root, evil, w.grid.Cap(root, "good"))
		return true
	}
	c := w.config()
	c.Recursive = true
	r, err := w.copy(t, c, root, "down/here")
	if _, ok := errors.AsType[*copier.PartialError](err); !ok || r.Copied != 1 {
		t.Errorf("got %+v, %v, want one file and refusals", r, err)
	}
	same(t, readTree(t, w.dir, ""), map[string]string{"down/": "", "down/here/": "", "down/here/good": "text of good"})
	// The child without a name makes no sense as one, and is refused as a name too.
	if r.Failed != 6 {
		t.Errorf("got %d refusals: %q", r.Failed, w.warned)
	}
}

// TestUnknown has a child of a later version refused, and the rest copied.
func TestUnknown(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	w.grid.Put(root, "f", "f")
	w.grid.Link(root, "future", "", "ro.x-tahoe-future:1")
	c := w.config()
	c.Recursive = true
	r, err := w.copy(t, c, root, "down")
	if _, ok := errors.AsType[*copier.PartialError](err); !ok || r.Failed != 1 || r.Copied != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestGridLoop has a directory of the grid in itself.
func TestGridLoop(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	w.grid.Put(root, "a/f", "f")
	w.grid.Link(root, "a/b/a", w.grid.Cap(root, "a"), "")
	c := w.config()
	c.Recursive = true
	r, err := w.copy(t, c, root, "down")
	if _, ok := errors.AsType[*copier.PartialError](err); !ok || r.Failed != 1 || r.Copied != 1 {
		t.Errorf("got %+v, %v, want the loop refused", r, err)
	}
}

// TestIntoItself has a local directory copied into itself, and a file onto itself.
func TestIntoItself(t *testing.T) {
	w := newWorld(t)
	w.fillLocal(w.dir, map[string]string{"a/f": "f", "a/b/g": "g"})
	c := w.config()
	c.Recursive = true
	for _, to := range []string{"a", "a/b", "a/b/new/er", "a/../a/b"} {
		if _, err := w.copy(t, c, "a", to); err == nil {
			t.Errorf("a directory was copied to %s, into itself", to)
		}
	}
	same(t, readTree(t, w.dir, ""), map[string]string{"a/": "", "a/f": "f", "a/b/": "", "a/b/g": "g"})
	if _, err := w.copy(t, c, "a/f", "a/f"); err == nil {
		t.Error("a file was copied onto itself")
	}
	if got := readTree(t, filepath.Join(w.dir, "a"), "")["f"]; got != "f" {
		t.Errorf("it holds %q now", got)
	}
}

// TestCapsOnly writes capabilities.
func TestCapsOnly(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	fixed, m := w.grid.Put(root, "d/f", "f"), w.grid.PutMutable(root, "d/m", "m")
	c := w.config()
	c.Recursive, c.CapsOnly = true, true
	if _, err := w.copy(t, c, root, "down"); err != nil {
		t.Fatal(err)
	}
	same(t, readTree(t, filepath.Join(w.dir, "down"), ""), map[string]string{"d/": "", "d/f": fixed, "d/m": w.grid.ReadOnly(m)})
	if _, err := w.copy(t, c, root, root+"/x"); err == nil {
		t.Error("capabilities were stored on the grid")
	}
}

// TestOverwritesLocal replaces files whole, keeps their modes, and goes through links.
func TestOverwritesLocal(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	w.grid.Put(root, "f", "new")
	w.grid.Put(root, "link", "through")
	w.fillLocal(w.dir, map[string]string{"down/f": "old", "elsewhere": "old"})
	must(os.Chmod(filepath.Join(w.dir, "down/f"), 0o700))
	if err := os.Symlink("../elsewhere", filepath.Join(w.dir, "down/link")); err != nil {
		t.Skip(err)
	}
	c := w.config()
	c.Recursive = true
	if _, err := w.copy(t, c, root, "down"); err != nil {
		t.Fatal(err)
	}
	same(t, readTree(t, w.dir, ""), map[string]string{"down/": "", "down/f": "new", "down/link": "through", "elsewhere": "through"})
	if info, err := os.Stat(filepath.Join(w.dir, "down/f")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want the mode that it had", info.Mode(), err)
	}
}

// TestCutOff has a download that ends early: nothing is there under the name, and what was there stays.
func TestCutOff(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	w.grid.PutMutable(root, "f", strings.Repeat("x", 1<<20))
	w.fillLocal(w.dir, map[string]string{"down/f": "old"})
	w.grid.Hook = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || r.FormValue("t") != "" {
			return false
		}
		rw.Header().Set("Content-Length", "1048576")
		_, _ = rw.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	}
	c := w.config()
	c.Recursive = true
	r, err := w.copy(t, c, root, "down")
	if err == nil || r.Copied != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	same(t, readTree(t, filepath.Join(w.dir, "down"), ""), map[string]string{"f": "old"})
}

// TestFatal stops at what meets everything that follows.
func TestFatal(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	tree := map[string]string{}
	for i := range 200 {
		tree[fmt.Sprintf("src/%d", i)] = fmt.Sprint(i)
	}
	w.fillLocal(w.dir, tree)
	var asked atomic.Int64
	w.grid.Hook = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		asked.Add(1)
		rw.Header().Set(wapi.KindHeader, wapi.KindNotEnoughServers)
		http.Error(rw, "too few servers", http.StatusInternalServerError)
		return true
	}
	c := w.config()
	c.Recursive = true
	if _, err := w.copy(t, c, "src", root); !errors.Is(err, wapi.ErrNotEnoughServers) || asked.Load() > 20 {
		t.Errorf("got %v after %d requests, want an end soon", err, asked.Load())
	}
}

// TestResumeUp interrupts a copy to the grid at each third of its requests; the next run sends nothing that was sent, and what was changed.
func TestResumeUp(t *testing.T) {
	for stop := int64(1); stop < 190; stop += 30 {
		w := newWorld(t)
		root := w.grid.Mkdir()
		w.fillLocal(filepath.Join(w.dir, "src"), bigTree())
		time.Sleep(60 * time.Millisecond) // a change of what was written just now might not show
		c := w.config()
		c.Recursive, c.Journal = true, w.journal(t)
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int64
		w.grid.Hook = func(http.ResponseWriter, *http.Request) bool {
			if n.Add(1) == stop {
				cancel()
			}
			return false
		}
		first, err := w.copyUntil(ctx, t, c, "src", root)
		if err == nil {
			t.Fatalf("%d: it was not interrupted", stop)
		}
		must(c.Journal.Close())
		changed := filepath.Join(w.dir, "src", "wide", "000")
		must(os.WriteFile(changed, []byte("changed since"), 0o666))
		w.grid.Settle()
		w.grid.Hook = nil
		w.grid.Counts()
		c.Journal = w.journal(t)
		second, err := w.copy(t, c, "src", root)
		if err != nil {
			t.Fatal(err)
		}
		want := parents(bigTree())
		want["wide/000"] = "changed since"
		same(t, w.grid.Tree(w.grid.Cap(root, "src")), want)
		total := int64(len(bigTree()) - 1)
		if second.Copied+second.Resumed != total || second.Copied > total-first.Copied+1 || int64(w.grid.Counts()["PUT"]) != second.Copied {
			t.Errorf("%d: of %d files %d were copied before, and then %d, with %d known", stop, total, first.Copied, second.Copied, second.Resumed)
		}
		must(c.Journal.Forget())
		must(c.Journal.Close())
		if j := w.journal(t); j.Resumes() != 0 {
			t.Errorf("%d: %d entries are left", stop, j.Resumes())
		} else {
			must(j.Close())
		}
	}
}

// TestResumeMakesWhatHadANameAnew has directories that had got their name made again when it is gone: users may have changed them since,
// under another name.
func TestResumeMakesWhatHadANameAnew(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	w.fillLocal(filepath.Join(w.dir, "src"), map[string]string{"a/b/f": "1", "g": "2"})
	c := w.config()
	c.Recursive, c.Journal = true, w.journal(t)
	first, err := w.copy(t, c, "src", root)
	if err != nil {
		t.Fatal(err)
	}
	before := w.grid.Cap(root, "src/a/b")
	if _, err := c.Gateway.(*wapi.Client).Unlink(t.Context(), root, []string{"src"}); err != nil {
		t.Fatal(err)
	}
	second, err := w.copy(t, c, "src", root)
	if err != nil || second.Directories != first.Directories || w.grid.Cap(root, "src/a/b") == before {
		t.Errorf("got %+v, %v after %+v, want all directories made", second, err, first)
	}
	must(c.Journal.Close())
}

// TestPathsOfTheGrid has what could not be copied named by the path that the commands take.
func TestPathsOfTheGrid(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	w.grid.Put(root, "..", "x")
	c := w.config()
	c.Recursive = true
	r, err := w.copy(t, c, root, "down")
	if err == nil || len(r.Failures) != 1 || !strings.HasSuffix(r.Failures[0].Path, "/..") {
		t.Errorf("got %+v, %v, want a failure about the name ..", r.Failures, err)
	}
}

// TestResumeDown does the same the other way, and has a file changed and one removed in between.
func TestResumeDown(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	w.fillGrid(root, bigTree())
	c := w.config()
	c.Recursive, c.Journal = true, w.journal(t)
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	w.grid.Hook = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.FormValue("t") == "" && n.Add(1) == 100 {
			cancel()
		}
		return false
	}
	first, err := w.copyUntil(ctx, t, c, root, "down")
	if err == nil || first.Copied < 50 {
		t.Fatalf("got %+v, %v, want an interruption in the middle", first, err)
	}
	must(c.Journal.Close())
	w.grid.Settle()
	w.grid.Hook = nil
	wide, err := filepath.Glob(filepath.Join(w.dir, "down", "wide", "*"))
	if err != nil || len(wide) < 2 {
		wide, _ = filepath.Glob(filepath.Join(w.dir, "down", "many", "*", "x"))
	}
	must(os.WriteFile(wide[0], []byte("somebody wrote this"), 0o666))
	must(os.Remove(wide[1]))
	w.grid.Counts()
	c.Journal = w.journal(t)
	second, err := w.copy(t, c, root, "down")
	if err != nil {
		t.Fatal(err)
	}
	must(c.Journal.Close())
	same(t, readTree(t, filepath.Join(w.dir, "down"), ""), parents(bigTree()))
	if second.Resumed != first.Copied-2 || int64(w.grid.Counts()["GET"]) != second.Copied {
		t.Errorf("%d files had come, two were lost, and then %d were known", first.Copied, second.Resumed)
	}
}

// TestNote says what was done with each file.
func TestNote(t *testing.T) {
	w := newWorld(t)
	root := w.grid.Mkdir()
	w.fillLocal(w.dir, map[string]string{"src/f": "f"})
	c := w.config()
	c.Recursive = true
	if _, err := w.copy(t, c, "src", root); err != nil {
		t.Fatal(err)
	}
	slices.Sort(w.notes)
	if want := []string{"copied src/f", "made " + root + "/src"}; !slices.Equal(w.notes, want) {
		t.Errorf("got %q, want %q", w.notes, want)
	}
}

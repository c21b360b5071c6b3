package backup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/cmd/tahoe/internal/backup"
	"tahoe/cmd/tahoe/internal/backupdb"
	"tahoe/cmd/tahoe/internal/fnmatch"
	"tahoe/cmd/tahoe/internal/gatewaytest"
	"tahoe/cmd/tahoe/internal/tally"
	"tahoe/frontends/web/wapi"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

// A world is a grid in memory, a tree of this machine, and a database.
type world struct {
	grid   *gatewaytest.Gateway
	client *wapi.Client
	dir    string
	src    string
	root   string // of the directory for backups
	now    time.Time
	config backup.Config

	mu     sync.Mutex
	warned []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{grid: gatewaytest.New(), dir: t.TempDir(), now: time.Now()}
	client, err := wapi.NewClient(w.grid.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		w.grid.Close()
	})
	w.client, w.src, w.root = client, filepath.Join(w.dir, "src"), w.grid.Mkdir()
	w.config = backup.Config{Gateway: client, Parallel: 4, Warn: func(s string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.warned = append(w.warned, s)
	}}
	var asked atomic.Int64
	w.config.Now = func() time.Time { return time.Now().Add(time.Hour + time.Duration(asked.Add(1))*time.Second) } // nothing is new, no two are the same
	return w
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// old is a time long ago.
var old = time.Unix(1_500_000_000, 0)

func (w *world) write(tree map[string]string) {
	for path, text := range tree {
		full := filepath.Join(w.src, path)
		if strings.HasSuffix(path, "/") {
			must(os.MkdirAll(full, 0o777))
			continue
		}
		must(os.MkdirAll(filepath.Dir(full), 0o777))
		must(os.WriteFile(full, []byte(text), 0o666))
		must(os.Chtimes(full, old, old))
	}
}

// run makes a backup, as a new process does.
func (w *world) run(t *testing.T) (backup.Result, error) {
	t.Helper()
	return w.runUntil(t.Context(), t)
}

func (w *world) runUntil(ctx context.Context, t *testing.T) (backup.Result, error) {
	t.Helper()
	db, err := backupdb.Open(t.Context(), filepath.Join(w.dir, "db"), backupdb.Config{Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	c := w.config
	c.DB = db
	r, err := backup.Run(ctx, c, w.src, alias.Target{Root: w.root, Path: []string{"my", "backups"}})
	must(db.Close())
	return r, err
}

func (w *world) latest() map[string]string {
	return w.grid.Tree(w.grid.Cap(w.root, "my/backups/Latest"))
}

func tree() map[string]string {
	out := map[string]string{"empty": "", "none/": "", "a/b/c/deep": "deep", "é": "é", "large": strings.Repeat("x", 100_000)}
	for i := range 40 {
		out[fmt.Sprintf("wide/%d", i)] = fmt.Sprint(i)
		out[fmt.Sprintf("many/%d/f", i)] = strings.Repeat(fmt.Sprint(i, " "), 30)
	}
	return out
}

// parents adds the directories on the way.
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

func check(t *testing.T, what string, r backup.Result, err error, want backup.Counts) {
	t.Helper()
	r.Bytes = 0
	if err != nil || r.Counts != want {
		t.Errorf("%s: got %+v, %v, want %+v", what, r.Counts, err, want)
	}
}

// TestAgain has everything stored, then nothing, then what has changed and the directories above it.
func TestAgain(t *testing.T) {
	w := newWorld(t)
	w.write(tree())
	files, dirs := int64(len(tree())-1), int64(0)
	for path := range parents(tree()) {
		if strings.HasSuffix(path, "/") {
			dirs++
		}
	}
	dirs++ // the top
	w.config.Tally = &tally.Tally{}
	r, err := w.run(t)
	check(t, "first", r, err, backup.Counts{FilesUploaded: files, DirectoriesCreated: dirs})
	if got := w.latest(); !maps.Equal(got, parents(tree())) {
		t.Errorf("got %v", got)
	}
	if s := w.config.Tally.State(); s.Files != files || s.TotalFiles != files || s.Bytes != s.TotalBytes || !s.Known {
		t.Errorf("counted %+v, want all %d files", s, files)
	}
	w.grid.Counts()
	r, err = w.run(t)
	check(t, "second", r, err, backup.Counts{FilesReused: files, DirectoriesReused: dirs})
	if got, want := w.grid.Counts(), map[string]int{"GET json": 1, "PUT uri": 2}; !maps.Equal(got, want) && got["PUT uri"] > 3 {
		t.Errorf("got requests %v, want %v", got, want)
	}
	w.write(map[string]string{"a/b/c/deep": "changed"})
	r, err = w.run(t)
	check(t, "third", r, err, backup.Counts{FilesUploaded: 1, FilesReused: files - 1, DirectoriesCreated: 4, DirectoriesReused: dirs - 4})
	must(os.Rename(filepath.Join(w.src, "many"), filepath.Join(w.src, "moved")))
	r, err = w.run(t)
	check(t, "renamed", r, err, backup.Counts{FilesUploaded: 40, FilesReused: files - 40, DirectoriesCreated: 1, DirectoriesReused: dirs - 1})
	names := w.grid.Names(w.grid.Cap(w.root, "my/backups/Archives"))
	if len(names) != 4 {
		t.Errorf("got backups %v, want four", names)
	}
	if first := w.grid.Tree(w.grid.Cap(w.root, "my/backups/Archives/"+names[0])); first["a/b/c/deep"] != "deep" {
		t.Error("the first backup has changed")
	}
	w.config.IgnoreTimes = true
	r, err = w.run(t)
	check(t, "times ignored", r, err, backup.Counts{FilesUploaded: files, DirectoriesReused: dirs})
}

// TestEqualDirectories has directories of equal contents stored once, also when they come at the same time.
func TestEqualDirectories(t *testing.T) {
	w := newWorld(t)
	w.config.Parallel = 8
	for i := range 30 {
		w.write(map[string]string{fmt.Sprintf("%d/same/f", i): "f", fmt.Sprintf("%d/own", i): fmt.Sprint(i)})
	}
	r, err := w.run(t)
	check(t, "first", r, err, backup.Counts{FilesUploaded: 60, DirectoriesCreated: 32, DirectoriesReused: 29})
	r, err = w.run(t)
	check(t, "second", r, err, backup.Counts{FilesReused: 60, DirectoriesReused: 61})
}

// TestMetadata has the numbers of files and directories kept.
func TestMetadata(t *testing.T) {
	w := newWorld(t)
	w.write(map[string]string{"d/f": "f"})
	must(os.Chmod(filepath.Join(w.src, "d/f"), 0o640))
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]float64{"my/backups/Latest/d/f": 0o100640, "my/backups/Latest/d": 0o040000} {
		var m map[string]float64
		if err := json.Unmarshal([]byte(w.grid.Metadata(w.root, path)), &m); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if _, ok := m["ctime"]; !ok || m["st_mode"] < mode || m["mtime"] == 0 {
			t.Errorf("%s: got %v", path, m)
		}
	}
	if got := w.grid.Metadata(w.root, "my/backups/Latest/d/f"); !strings.Contains(got, `"mtime":1500000000.0,`) && !strings.Contains(got, `"mtime": 1500000000.0,`) {
		t.Errorf("got %s, want a time with a fraction, as the original writes it", got)
	}
}

// TestLeftOut has what is left out named and counted.
func TestLeftOut(t *testing.T) {
	w := newWorld(t)
	w.write(map[string]string{"f": "f", "x.o": "o", ".git/config": "c", "d/y.o": "o", "d/g": "g", "\xff": "", "e\u0301": "1", "\u00e9": "2"})
	must(os.Symlink("f", filepath.Join(w.src, "link")))
	w.config.Exclude = &fnmatch.Set{}
	w.config.Exclude.Add("*.o")
	w.config.Exclude.Add(".git")
	if os.Geteuid() != 0 {
		w.write(map[string]string{"secret": "", "closed/": ""})
		must(os.Chmod(filepath.Join(w.src, "secret"), 0))
		must(os.Chmod(filepath.Join(w.src, "closed"), 0))
		defer func() { must(os.Chmod(filepath.Join(w.src, "closed"), 0o700)) }()
	}
	r, err := w.run(t)
	if err != nil {
		t.Fatal(err)
	}
	got := w.latest()
	if got["f"] != "f" || got["d/g"] != "g" || len(got) != 4 {
		t.Errorf("got %v", got)
	}
	all := strings.Join(w.warned, "\n")
	for _, want := range []string{"WARNING: cannot backup symlink '" + w.src + "/link'", "not UTF-8", "has on the grid"} {
		if !strings.Contains(all, want) {
			t.Errorf("got %q, want %q", all, want)
		}
	}
	if want := int64(3); os.Geteuid() == 0 && (r.FilesSkipped != want || len(w.warned) != int(want)) {
		t.Errorf("got %+v and %q", r, w.warned)
	}
}

// TestDue has what is old asked for: what the grid has is used, what it lost is sent again, and a node that cannot check is believed.
func TestDue(t *testing.T) {
	for _, c := range []struct {
		name     string
		lose     bool
		hook     int // the status of an answer to a check
		want     backup.Counts
		warnings int
	}{
		{"all there", false, 0, backup.Counts{FilesReused: 2, FilesChecked: 2, DirectoriesReused: 2, DirectoriesChecked: 2}, 0},
		{"one lost", true, 0, backup.Counts{FilesUploaded: 1, FilesReused: 1, FilesChecked: 2, DirectoriesReused: 2, DirectoriesChecked: 2}, 0},
		{"cannot check", false, http.StatusNotImplemented, backup.Counts{FilesReused: 2, DirectoriesReused: 2}, 1},
		{"checks fail", false, http.StatusInternalServerError, backup.Counts{FilesUploaded: 2, FilesChecked: 2, DirectoriesCreated: 2, DirectoriesChecked: 2}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			big := strings.Repeat("a file that is large enough ", 10)
			w.write(map[string]string{"f": big + "f", "d/g": big + "g"})
			if _, err := w.run(t); err != nil {
				t.Fatal(err)
			}
			if c.lose {
				w.grid.Lose(w.grid.Cap(w.root, "my/backups/Latest/f"))
			}
			if c.hook != 0 {
				w.grid.Hook = func(rw http.ResponseWriter, r *http.Request) bool {
					if r.FormValue("t") != "check" {
						return false
					}
					if r.FormValue("add-lease") != "true" {
						t.Error("the leases are not renewed")
					}
					http.Error(rw, "no", c.hook)
					return true
				}
			}
			w.now = w.now.Add(61 * 24 * time.Hour)
			r, err := w.run(t)
			check(t, "old", r, err, c.want)
			if len(w.warned) != c.warnings {
				t.Errorf("got %q", w.warned)
			}
			w.grid.Hook = nil
			if c.hook == http.StatusNotImplemented {
				return
			}
			r, err = w.run(t)
			check(t, "just checked", r, err, backup.Counts{FilesReused: 2, DirectoriesReused: 2})
		})
	}
}

// TestInterrupted stops a backup anywhere; the next one sends the rest.
func TestInterrupted(t *testing.T) {
	for stop := int64(2); stop < 140; stop += 25 {
		w := newWorld(t)
		w.write(tree())
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int64
		w.grid.Hook = func(http.ResponseWriter, *http.Request) bool {
			if n.Add(1) == stop {
				cancel()
			}
			return false
		}
		first, err := w.runUntil(ctx, t)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%d: got %v", stop, err)
		}
		w.grid.Settle()
		w.grid.Hook = nil
		if w.grid.Cap(w.root, "my/backups/Latest") != "" {
			t.Errorf("%d: half a backup has a name", stop)
		}
		second, err := w.run(t)
		if err != nil {
			t.Fatal(err)
		}
		files := int64(len(tree()) - 1)
		if second.FilesReused < first.FilesUploaded-int64(w.config.Parallel) || second.FilesReused+second.FilesUploaded != files {
			t.Errorf("%d: %d files were sent, and then %d and %d reused", stop, first.FilesUploaded, second.FilesUploaded, second.FilesReused)
		}
		if got := w.latest(); !maps.Equal(got, parents(tree())) {
			t.Errorf("%d: got %d entries", stop, len(got))
		}
	}
}

// TestChanging has a file that changes while it is read: it is read again, and when it never rests, it is left out.
func TestChanging(t *testing.T) {
	for _, c := range []struct {
		changes int64
		want    backup.Counts
	}{
		{1, backup.Counts{FilesUploaded: 2, DirectoriesCreated: 1}},
		{100, backup.Counts{FilesUploaded: 1, FilesSkipped: 1, DirectoriesCreated: 1}},
	} {
		w := newWorld(t)
		w.config.Parallel = 1
		w.write(map[string]string{"log": "line\n", "other": "other"})
		var n atomic.Int64
		w.grid.Hook = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut && r.FormValue("t") == "" && n.Add(1) <= c.changes {
				must(os.WriteFile(filepath.Join(w.src, "log"), fmt.Append(nil, "line\nline", n.Load()), 0o666))
			}
			return false
		}
		r, err := w.run(t)
		check(t, fmt.Sprint(c.changes), r, err, c.want)
		if text := w.latest()["log"]; c.changes == 1 && text != "line\nline1" {
			t.Errorf("got %q, want what it holds now", text)
		}
	}
}

// TestJustWritten has a file changed in the second in which it was stored, without a change of its size: the next backup stores it again.
func TestJustWritten(t *testing.T) {
	w := newWorld(t)
	w.config.Now = nil
	w.write(map[string]string{"f": "one"})
	must(os.Chtimes(filepath.Join(w.src, "f"), time.Now(), time.Now()))
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	must(os.WriteFile(filepath.Join(w.src, "f"), []byte("two"), 0o666))
	r, err := w.run(t)
	check(t, "second", r, err, backup.Counts{FilesUploaded: 1, DirectoriesCreated: 1})
	if got := w.latest()["f"]; got != "two" {
		t.Errorf("got %q", got)
	}
}

// TestRefusals has targets that cannot hold backups, and a grid that fails.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(w *world)
	}{
		{"a file called Archives", func(w *world) { w.grid.Put(w.root, "my/backups/Archives", "") }},
		{"a directory that is read only", func(w *world) {
			w.grid.Link(w.root, "my/backups/Archives", "", w.grid.ReadOnly(w.grid.Mkdir()))
		}},
		{"no local directory", func(w *world) { must(os.RemoveAll(w.src)) }},
		{"uploads fail", func(w *world) {
			w.grid.Hook = func(rw http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut {
					http.Error(rw, "no", http.StatusInternalServerError)
				}
				return r.Method == http.MethodPut
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.write(map[string]string{"f": "f"})
			c.prepare(w)
			if _, err := w.run(t); err == nil {
				t.Error("it was made")
			}
			if slices.Contains(slices.Collect(maps.Keys(w.grid.Tree(w.root))), "my/backups/Latest/") {
				t.Error("it has a name")
			}
		})
	}
}

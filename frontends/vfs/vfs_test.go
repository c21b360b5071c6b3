package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A desk is a session on a grid in memory.
type desk struct {
	t    testing.TB
	grid *vfstest.Grid
	fs   *vfs.FS
	view *vfs.View
	root caps.DirectoryWrite
}

func sit(t testing.TB, c vfs.Config) *desk {
	t.Helper()
	g := vfstest.NewGrid()
	a := g.Account("alice")
	f := vfstest.Open(t, g, c)
	v := f.View(a)
	t.Cleanup(v.Close)
	return &desk{t, g, f, v, a.Root.(caps.DirectoryWrite)}
}

const create = vfs.FlagWrite | vfs.FlagCreate | vfs.FlagTruncate

func (d *desk) open(path string, flags vfs.Flag) *vfs.File {
	d.t.Helper()
	f, err := d.view.Open(d.t.Context(), path, flags)
	if err != nil {
		d.t.Fatalf("open %s: %v", path, err)
	}
	return f
}

func (d *desk) write(path, data string) {
	d.t.Helper()
	f := d.open(path, create)
	d.put(f, data, 0)
	d.close(f)
}

func (d *desk) put(f *vfs.File, data string, off int64) {
	d.t.Helper()
	if n, err := f.WriteAt(d.t.Context(), []byte(data), off); n != len(data) || err != nil {
		d.t.Fatalf("write: %d, %v", n, err)
	}
}

func (d *desk) close(f *vfs.File) {
	d.t.Helper()
	if err := f.Close(d.t.Context()); err != nil {
		d.t.Fatalf("close: %v", err)
	}
}

func readFile(t testing.TB, v *vfs.View, path string) (string, error) {
	t.Helper()
	f, err := v.Open(t.Context(), path, vfs.FlagRead)
	if err != nil {
		return "", err
	}
	defer f.Abandon()
	return readAll(t, f)
}

func readAll(t testing.TB, f *vfs.File) (string, error) {
	b, err := io.ReadAll(io.NewSectionReader(atReader{t, f}, 0, 1<<40))
	return string(b), err
}

type atReader struct {
	t testing.TB
	f *vfs.File
}

func (r atReader) ReadAt(p []byte, off int64) (int, error) { return r.f.ReadAt(r.t.Context(), p, off) }

func (d *desk) shows(path, want string) {
	d.t.Helper()
	got, err := readFile(d.t, d.view, path)
	if err != nil || got != want {
		d.t.Errorf("%s: got %.60q (%d bytes), %v, want %.60q", path, got, len(got), err, want)
	}
	i, err := d.view.Stat(d.t.Context(), path)
	if err != nil || i.Size() != int64(len(want)) {
		d.t.Errorf("stat %s: got %d bytes, %v, want %d", path, i.Size(), err, len(want))
	}
}

func (d *desk) names(path string) []string {
	d.t.Helper()
	all, err := d.view.List(d.t.Context(), path)
	if err != nil {
		d.t.Fatalf("list %s: %v", path, err)
	}
	var names []string
	for i := range all {
		names = append(names, i.Name())
	}
	return names
}

// settle waits until nothing is on its way.
func (d *desk) settle() {
	d.t.Helper()
	settle(d.t, d.fs)
}

func settle(t testing.TB, f *vfs.FS) {
	t.Helper()
	for range 10_000 {
		if len(f.Queue()) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("still on their way: %+v", f.Queue())
}

func (d *desk) fails(want error, err error) {
	d.t.Helper()
	if !errors.Is(err, want) {
		d.t.Errorf("got %v, want %v", err, want)
	}
}

func big(n int, seed uint64) string {
	r := rand.NewChaCha8([32]byte{byte(seed)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return string(b)
}

func TestWriteAndRead(t *testing.T) {
	for name, c := range map[string]vfs.Config{"background": {}, "on close": {Commit: vfs.OnClose}} {
		t.Run(name, func(t *testing.T) {
			d := sit(t, c)
			want := map[string]string{"empty": "", "small": "hello", "a name with spaces": big(300_000, 1), "-dash": "x", "größe.txt": "ü", "large": big(9_000_000, 2)}
			for path, data := range want {
				d.write("/"+path, data)
				d.shows("/"+path, data)
			}
			d.settle()
			got := d.grid.Tree(d.root)
			for path, data := range want {
				d.shows("/"+path, data)
				if got[path] != data {
					t.Errorf("%s: the grid has %d bytes, want %d", path, len(got[path]), len(data))
				}
			}
			if used, _ := d.fs.Staged(); used != 0 {
				t.Errorf("%d bytes are staged after all", used)
			}
			if names := d.names("/"); len(names) != len(want) || !slices.IsSorted(names) {
				t.Errorf("got %q", names)
			}
		})
	}
}

func TestOpenFlags(t *testing.T) {
	d := sit(t, vfs.Config{})
	ctx := t.Context()
	try := func(path string, flags vfs.Flag) error {
		f, err := d.view.Open(ctx, path, flags)
		if err == nil {
			f.Abandon()
		}
		return err
	}
	d.grid.Add(d.root, "there", d.grid.PutData("there"), "")
	d.grid.Add(d.root, "dir", d.grid.NewDir(), "")
	d.grid.Add(d.root, "unwritable", d.grid.PutData("x"), `{"no-write":true}`)
	tests := []struct {
		path  string
		flags vfs.Flag
		want  error
	}{
		{"/there", 0, fs.ErrInvalid},
		{"/there", vfs.FlagRead | vfs.FlagExclusive, fs.ErrInvalid},
		{"/there", vfs.FlagRead, nil},
		{"/there", vfs.FlagWrite, nil},
		{"/there", vfs.FlagWrite | vfs.FlagCreate | vfs.FlagExclusive, fs.ErrExist},
		{"/not", vfs.FlagRead, fs.ErrNotExist},
		{"/not", vfs.FlagWrite, fs.ErrNotExist},
		{"/not", vfs.FlagRead | vfs.FlagCreate, nil},
		{"/not/there", vfs.FlagRead, fs.ErrNotExist},
		{"/there/not", vfs.FlagRead, vfs.ErrNotDirectory},
		{"/dir", vfs.FlagRead, vfs.ErrIsDirectory},
		{"/dir", create, vfs.ErrIsDirectory},
		{"/", vfs.FlagRead, vfs.ErrIsDirectory},
		{"/unwritable", vfs.FlagWrite, fs.ErrPermission},
		{"/unwritable", vfs.FlagRead, nil},
		{"/bad\xff", vfs.FlagRead, fs.ErrNotExist},
		{"/../../there", vfs.FlagRead, nil},
	}
	for _, tt := range tests {
		if err := try(tt.path, tt.flags); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("open %q with %b: got %v, want %v", tt.path, tt.flags, err, tt.want)
		}
	}
	if got := d.names("/"); !slices.Equal(got, []string{"dir", "there", "unwritable"}) {
		t.Errorf("abandoned files are there: %q", got)
	}
}

// Exclusive creation is exclusive among many at once, and the name is free again when the winner gives up.
func TestExclusive(t *testing.T) {
	d := sit(t, vfs.Config{})
	for range 3 {
		var wins []*vfs.File
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				f, err := d.view.Open(t.Context(), "/lock", vfs.FlagWrite|vfs.FlagCreate|vfs.FlagExclusive)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					wins = append(wins, f)
				} else if !errors.Is(err, fs.ErrExist) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(wins) != 1 {
			t.Fatalf("%d have won", len(wins))
		}
		wins[0].Abandon()
	}
}

func TestAbandonedIsNeverPublished(t *testing.T) {
	d := sit(t, vfs.Config{})
	d.write("/old", "old")
	d.settle()
	for _, path := range []string{"/old", "/new"} {
		f := d.open(path, create)
		d.put(f, "half of a", 0)
		f.Abandon()
		if err := f.Close(t.Context()); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("close after abandon: %v", err)
		}
	}
	v := d.fs.View(d.view.Account())
	if _, err := v.Open(t.Context(), "/third", create); err != nil {
		t.Fatal(err)
	}
	v.Close() // the connection broke
	d.settle()
	d.shows("/old", "old")
	if got := d.names("/"); !slices.Equal(got, []string{"old"}) {
		t.Errorf("got %q", got)
	}
	if used, _ := d.fs.Staged(); used != 0 {
		t.Errorf("%d bytes are staged", used)
	}
}

// What is written over an immutable file shows at once, and only what is needed of the old content is read.
func TestWriteIntoOldContent(t *testing.T) {
	d := sit(t, vfs.Config{})
	old := big(3_000_000, 3)
	d.grid.Add(d.root, "f", d.grid.PutData(old), "")
	want := []byte(old)
	f := d.open("/f", vfs.FlagRead|vfs.FlagWrite)
	for _, at := range []int64{0, 70_000, 1_000_000, 2_999_990, 3_100_000} {
		data := big(30_000, uint64(at))
		d.put(f, data, at)
		if end := int(at) + len(data); end > len(want) {
			want = append(want, make([]byte, end-len(want))...)
		}
		copy(want[at:], data)
		got, err := readAll(t, f)
		if err != nil || got != string(want) {
			t.Fatalf("after writing at %d: other bytes, %v", at, err)
		}
	}
	size := int64(2_000_000)
	for _, n := range []int64{size, size + 5000} {
		if err := f.SetAttr(t.Context(), vfs.Attr{Size: &n}); err != nil {
			t.Fatal(err)
		}
	}
	want = append(want[:size], make([]byte, 5000)...)
	d.close(f)
	d.shows("/f", string(want))
	d.settle()
	d.shows("/f", string(want))
	if d.grid.Tree(d.root)["f"] != string(want) {
		t.Error("the grid has other bytes")
	}
}

func TestAppendIsClosedAtOnce(t *testing.T) {
	d := sit(t, vfs.Config{})
	old := big(5_000_000, 4)
	d.grid.Add(d.root, "log", d.grid.PutData(old), "")
	if _, err := d.view.Stat(t.Context(), "/log"); err != nil {
		t.Fatal(err)
	}
	away := errors.New("away")
	d.grid.Hook(func(_ context.Context, op string) error { return away })
	f := d.open("/log", vfs.FlagWrite)
	i, err := f.Stat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.put(f, "one line more\n", i.Size())
	d.close(f)
	d.grid.Hook(nil)
	d.fs.Retry()
	d.settle()
	d.shows("/log", old+"one line more\n")
}

func TestTwoHandlesShareAFile(t *testing.T) {
	d := sit(t, vfs.Config{})
	a := d.open("/f", create)
	b := d.open("/f", vfs.FlagRead|vfs.FlagWrite)
	d.put(a, "from a", 0)
	d.put(b, "FROM", 0)
	if got, err := readAll(t, b); got != "FROM a" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	d.close(a)
	d.put(b, "!", 6)
	b.Abandon()
	d.settle()
	d.shows("/f", "FROM a")
}

func TestReadersKeepWhatTheyOpened(t *testing.T) {
	d := sit(t, vfs.Config{})
	d.write("/f", "first")
	r := d.open("/f", vfs.FlagRead)
	d.write("/f", "second")
	d.settle()
	if err := d.view.Remove(t.Context(), "/f"); err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(t, r); got != "first" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	d.close(r)
	if used, _ := d.fs.Staged(); used != 0 {
		t.Errorf("%d bytes are staged", used)
	}
}

func TestMutableFilesAreWrittenInPlace(t *testing.T) {
	d := sit(t, vfs.Config{})
	m := d.grid.NewMutable("mutable")
	d.grid.Add(d.root, "m", m, `{"color":"red"}`)
	d.grid.Add(d.root, "ro", m.ReadOnly(), "")
	d.shows("/m", "mutable")
	f := d.open("/m", vfs.FlagRead|vfs.FlagWrite)
	d.put(f, "M", 0)
	d.close(f)
	d.settle()
	d.shows("/m", "Mutable")
	d.shows("/ro", "Mutable")
	d.write("/m", "anew")
	d.settle()
	c, _ := d.grid.Child(d.root, "m")
	if b, _ := d.grid.Data(m); string(b) != "anew" || c.Cap != caps.Cap(m) || !strings.Contains(string(c.Metadata), `"color":"red"`) {
		t.Errorf("got %q, %v, %s", b, c.Cap, c.Metadata)
	}
	_, err := d.view.Open(t.Context(), "/ro", vfs.FlagWrite)
	d.fails(fs.ErrPermission, err)
	path := "/uri/" + m.Encode()
	d.write(path, "by its capability")
	d.settle()
	d.shows("/m", "by its capability")
	d.shows(path, "by its capability")
}

func TestOpenFilesAreRenamedAndRemoved(t *testing.T) {
	for name, onGrid := range map[string]bool{"new": false, "of the grid": true} {
		t.Run(name, func(t *testing.T) {
			d := sit(t, vfs.Config{})
			ctx := t.Context()
			if onGrid {
				d.grid.Add(d.root, "a", d.grid.PutData("old a"), "")
			}
			f := d.open("/a", create)
			d.put(f, "one", 0)
			if err := d.view.Rename(ctx, "/a", "/b", false); err != nil {
				t.Fatal(err)
			}
			d.fails(fs.ErrNotExist, second(d.view.Stat(ctx, "/a")))
			d.put(f, " two", 3)
			d.shows("/b", "one two")
			d.close(f)
			d.settle()
			if got := d.grid.Tree(d.root); len(got) != 1 || got["b"] != "one two" {
				t.Errorf("got %q", got)
			}
			g := d.open("/b", vfs.FlagRead|vfs.FlagWrite)
			if err := d.view.Remove(ctx, "/b"); err != nil {
				t.Fatal(err)
			}
			d.put(g, "lost", 0)
			d.write("/b", "another")
			d.close(g)
			d.settle()
			d.shows("/b", "another")
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestRename(t *testing.T) {
	d := sit(t, vfs.Config{})
	ctx := t.Context()
	for _, dir := range []string{"/d", "/e", "/d/in"} {
		if err := d.view.Mkdir(ctx, dir); err != nil {
			t.Fatal(err)
		}
	}
	d.write("/a", "a")
	d.write("/b", "b")
	d.settle()
	d.fails(fs.ErrExist, d.view.Rename(ctx, "/a", "/b", false))
	d.fails(fs.ErrNotExist, d.view.Rename(ctx, "/x", "/y", true))
	d.fails(vfs.ErrIsDirectory, d.view.Rename(ctx, "/a", "/d", true))
	d.fails(vfs.ErrNotDirectory, d.view.Rename(ctx, "/d", "/a", true))
	d.fails(fs.ErrInvalid, d.view.Rename(ctx, "/d", "/d/in", true))
	d.fails(fs.ErrInvalid, d.view.Rename(ctx, "/d", "/d/in/deep", true))
	d.fails(fs.ErrPermission, d.view.Rename(ctx, "/", "/d/root", true))
	d.fails(nil, d.view.Rename(ctx, "/a", "/a", false))
	for _, r := range [][2]string{{"/a", "/b"}, {"/b", "/d/c"}, {"/d", "/e/d"}, {"/e/d/c", "/c"}} {
		if err := d.view.Rename(ctx, r[0], r[1], true); err != nil {
			t.Errorf("%v: %v", r, err)
		}
	}
	want := map[string]string{"c": "a", "e/": "", "e/d/": "", "e/d/in/": ""}
	if got := d.grid.Tree(d.root); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An upload under a temporary name, renamed over the old one as soon as it is closed, as most clients do.
func TestRenameOfWhatIsOnItsWay(t *testing.T) {
	d := sit(t, vfs.Config{})
	ctx := t.Context()
	d.write("/f", "old")
	d.settle()
	away := errors.New("away")
	d.grid.Hook(func(_ context.Context, op string) error {
		if op == "put" || op == "link" {
			return away
		}
		return nil
	})
	long := big(100_000, 7)
	d.write("/f.part", long)
	if err := d.view.Rename(ctx, "/f.part", "/f", true); err != nil {
		t.Fatal(err)
	}
	d.shows("/f", long)
	d.fails(fs.ErrNotExist, second(d.view.Stat(ctx, "/f.part")))
	if q := d.fs.Queue(); len(q) != 1 || q[0].Path != "/f" || q[0].Account != "alice" || q[0].Size != 100_000 {
		t.Errorf("got %+v", q)
	}
	d.grid.Hook(nil)
	d.fs.Retry()
	d.settle()
	if got := d.grid.Tree(d.root); len(got) != 1 || got["f"] != long {
		t.Errorf("got %d files, f of %d bytes", len(got), len(got["f"]))
	}
}

func TestRemove(t *testing.T) {
	d := sit(t, vfs.Config{})
	ctx := t.Context()
	if err := d.view.MkdirAll(ctx, "/d/e/f"); err != nil {
		t.Fatal(err)
	}
	d.fails(nil, d.view.MkdirAll(ctx, "/d/e"))
	d.fails(fs.ErrExist, d.view.Mkdir(ctx, "/d"))
	d.fails(fs.ErrExist, d.view.Mkdir(ctx, "/"))
	d.write("/file", "x")
	d.fails(vfs.ErrNotDirectory, d.view.MkdirAll(ctx, "/file/x"))
	d.settle()
	d.fails(vfs.ErrNotDirectory, d.view.MkdirAll(ctx, "/file/x"))
	d.fails(vfs.ErrNotDirectory, d.view.Rmdir(ctx, "/file"))
	d.fails(vfs.ErrIsDirectory, d.view.Remove(ctx, "/d"))
	d.fails(vfs.ErrNotEmpty, d.view.Rmdir(ctx, "/d"))
	d.fails(fs.ErrNotExist, d.view.Remove(ctx, "/x"))
	d.fails(fs.ErrNotExist, d.view.Rmdir(ctx, "/x"))
	d.fails(fs.ErrPermission, d.view.Rmdir(ctx, "/"))
	f := d.open("/d/e/f/open", create)
	d.fails(vfs.ErrNotEmpty, d.view.Rmdir(ctx, "/d/e/f"))
	f.Abandon()
	d.fails(nil, d.view.Rmdir(ctx, "/d/e/f"))
	d.fails(nil, d.view.RemoveAll(ctx, "/d"))
	d.fails(nil, d.view.Remove(ctx, "/file"))
	if got := d.names("/"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestAttributes(t *testing.T) {
	d := sit(t, vfs.Config{})
	ctx := t.Context()
	when, mode := time.Unix(1_234_567_890, 0), fs.FileMode(0o640)
	for _, waits := range []bool{true, false} {
		path := fmt.Sprintf("/f%v", waits)
		d.write(path, "x")
		if !waits {
			d.settle()
		}
		if err := d.view.SetAttr(ctx, path, vfs.Attr{ModTime: &when, Mode: &mode}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			i, err := d.view.Stat(ctx, path)
			if err != nil || !i.ModTime().Equal(when) || i.Mode() != mode {
				t.Errorf("%s: got %v %v, %v", path, i.ModTime(), i.Mode(), err)
			}
			d.settle()
		}
	}
	d.write("/ffalse", "new content has a new time")
	d.settle()
	if i, _ := d.view.Stat(ctx, "/ffalse"); time.Since(i.ModTime()) > time.Hour || i.Mode() != mode {
		t.Errorf("got %v %v", i.ModTime(), i.Mode())
	}
	readOnly := fs.FileMode(0o444)
	if err := d.view.SetAttr(ctx, "/ffalse", vfs.Attr{Mode: &readOnly}); err != nil {
		t.Fatal(err)
	}
	_, err := d.view.Open(ctx, "/ffalse", vfs.FlagWrite)
	d.fails(fs.ErrPermission, err)
	if err := d.view.SetAttr(ctx, "/ffalse", vfs.Attr{Mode: &mode}); err != nil {
		t.Fatal(err)
	}
	d.write("/ffalse", "writable again")
	size := int64(8)
	if err := d.view.SetAttr(ctx, "/ffalse", vfs.Attr{Size: &size}); err != nil {
		t.Fatal(err)
	}
	d.shows("/ffalse", "writable")
	d.fails(nil, d.view.SetAttr(ctx, "/", vfs.Attr{ModTime: &when}))
	d.fails(fs.ErrNotExist, d.view.SetAttr(ctx, "/none", vfs.Attr{ModTime: &when}))
}

func TestAttributesOfOthers(t *testing.T) {
	d := sit(t, vfs.Config{})
	c := d.grid.PutData("x")
	d.grid.Add(d.root, "linked", c, `{"mtime":5,"tahoe":{"linkmotime":1000.5,"linkcrtime":900}}`)
	d.grid.Add(d.root, "old", c, `{"mtime":5.25,"ctime":4}`)
	d.grid.Add(d.root, "stale", c, `{"mtime":5,"mtime-of":"other","tahoe":{"linkmotime":1000}}`)
	d.grid.Add(d.root, "odd", c, `{"mtime":"x","mode":-1,"tahoe":7,"no-write":"yes"}`)
	for name, want := range map[string]time.Time{"linked": time.Unix(1000, 5e8), "old": time.Unix(5, 25e7), "stale": time.Unix(1000, 0), "odd": {}} {
		i, err := d.view.Stat(t.Context(), "/"+name)
		if err != nil || !i.ModTime().Equal(want) || i.Mode() != 0o666 {
			t.Errorf("%s: got %v %v, %v, want %v", name, i.ModTime(), i.Mode(), err, want)
		}
	}
}

func TestReadOnlyAccount(t *testing.T) {
	d := sit(t, vfs.Config{})
	d.write("/f", "x")
	d.settle()
	if err := d.view.Mkdir(t.Context(), "/d"); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for name, a := range map[string]auth.Account{
		"said":              {Name: "a", Root: d.root, ReadOnly: true},
		"by its capability": {Name: "b", Root: d.root.ReadOnly()},
	} {
		t.Run(name, func(t *testing.T) {
			v := d.fs.View(a)
			defer v.Close()
			now, size := time.Now(), int64(0)
			for what, err := range map[string]error{
				"open": second(v.Open(ctx, "/f", vfs.FlagWrite)), "create": second(v.Open(ctx, "/g", create)), "mkdir": v.Mkdir(ctx, "/x"),
				"remove": v.Remove(ctx, "/f"), "rmdir": v.Rmdir(ctx, "/d"), "rename": v.Rename(ctx, "/f", "/g", false), "link": v.Link(ctx, "/f", "/g", false),
				"times": v.SetAttr(ctx, "/f", vfs.Attr{ModTime: &now}), "truncate": v.SetAttr(ctx, "/f", vfs.Attr{Size: &size}), "all": v.RemoveAll(ctx, "/d"),
			} {
				if !errors.Is(err, fs.ErrPermission) {
					t.Errorf("%s: got %v", what, err)
				}
			}
			i, err := v.Stat(ctx, "/f")
			if err != nil || i.Mode().Perm()&0o222 != 0 {
				t.Errorf("got mode %v, %v", i.Mode(), err)
			}
			if got, err := readFile(t, v, "/f"); got != "x" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestPathsToCapabilities(t *testing.T) {
	d := sit(t, vfs.Config{})
	other := d.grid.NewDir()
	d.grid.Add(other, "f", d.grid.PutData("elsewhere"), "")
	path := "/uri/" + other.Encode()
	d.shows(path+"/f", "elsewhere")
	d.write(path+"/g", "written there")
	for _, w := range d.fs.Queue() {
		if strings.Contains(w.Path, "URI") {
			t.Errorf("the queue tells a capability: %s", w.Path)
		}
	}
	d.settle()
	d.shows(path+"/../"+other.Encode()+"/g", "written there")
	d.fails(fs.ErrNotExist, second(d.view.Stat(t.Context(), "/uri/URI:DIR2:bad")))
	d.fails(fs.ErrNotExist, second(d.view.Stat(t.Context(), "/uri")))
	a := d.view.Account()
	a.NoPaths = true
	v := d.fs.View(a)
	defer v.Close()
	d.fails(fs.ErrNotExist, second(v.Stat(t.Context(), path+"/f")))
}

func TestLink(t *testing.T) {
	d := sit(t, vfs.Config{})
	ctx := t.Context()
	long := big(100_000, 9)
	d.write("/a", long)
	if err := d.view.Link(ctx, "/a", "/b", false); err != nil {
		t.Fatal(err)
	}
	d.shows("/b", long)
	a, _ := d.grid.Child(d.root, "a")
	b, _ := d.grid.Child(d.root, "b")
	if a.Cap != b.Cap {
		t.Error("the two have different capabilities")
	}
	d.fails(fs.ErrExist, d.view.Link(ctx, "/a", "/b", false))
	d.fails(nil, d.view.Link(ctx, "/a", "/b", true))
	d.fails(fs.ErrNotExist, d.view.Link(ctx, "/none", "/c", false))
}

// TestLinkOfAnOpenFile: sshfs asks for a link before the file has been closed. The link is made when it is, and not waited for without end.
func TestLinkOfAnOpenFile(t *testing.T) {
	d := sit(t, vfs.Config{})
	f, err := d.view.Open(t.Context(), "/a", vfs.FlagWrite|vfs.FlagCreate)
	if err != nil {
		t.Fatal(err)
	}
	long := big(100_000, 10)
	if _, err := f.WriteAt(t.Context(), []byte(long), 0); err != nil {
		t.Fatal(err)
	}
	d.fails(errors.ErrUnsupported, d.view.Link(t.Context(), "/a", "/b", false))
	linked := make(chan error, 1)
	go func() { linked <- d.view.Link(t.Context(), "/a", "/b", false) }() // received below
	time.Sleep(50 * time.Millisecond)
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	d.fails(nil, <-linked)
	d.shows("/b", long)
}

func TestQuota(t *testing.T) {
	g := vfstest.NewGrid()
	a := g.Account("alice")
	root := a.Root.(caps.DirectoryWrite)
	sub := g.NewDir()
	g.Add(root, "sub", sub, "")
	g.Add(sub, "loop", root, "")
	g.Add(sub, "f", g.PutData(strings.Repeat("x", 600)), "")
	g.Add(root, "same", g.PutData(strings.Repeat("x", 600)), "")
	a.Quota = 1000
	f := vfstest.Open(t, g, vfs.Config{})
	v := f.View(a)
	defer v.Close()
	if s, err := v.Statfs(t.Context()); err != nil || s != (vfs.Space{Total: 1000, Free: 400}) {
		t.Errorf("got %+v, %v", s, err)
	}
	h, err := v.Open(t.Context(), "/new", create)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.WriteAt(t.Context(), make([]byte, 400), 0); err != nil {
		t.Errorf("within the quota: %v", err)
	}
	if _, err := h.WriteAt(t.Context(), make([]byte, 1), 400); !errors.Is(err, vfs.ErrQuota) {
		t.Errorf("got %v, want ErrQuota", err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if s, _ := v.Statfs(t.Context()); s.Free != 0 {
		t.Errorf("got %+v", s)
	}
	settle(t, f)
}

// Reads meet the bytes of their place in every order, with a large window, a small one and none.
func TestReadAheadMeetsEveryPattern(t *testing.T) {
	data := big(7_000_000, 5)
	for _, memory := range []int64{64 << 20, 1 << 20, 1 << 10} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			d := sit(t, vfs.Config{Memory: reactor.NewBudget(memory)})
			d.grid.Add(d.root, "f", d.grid.PutData(data), "")
			f := d.open("/f", vfs.FlagRead)
			defer f.Abandon()
			check := func(off, n int) {
				got := make([]byte, n)
				m, err := f.ReadAt(t.Context(), got, int64(off))
				want := data[min(off, len(data)):min(off+n, len(data))]
				if m != len(want) || string(got[:m]) != want || (err == io.EOF) != (m < n) || err != nil && err != io.EOF {
					t.Errorf("%d bytes at %d: got %d, %v", n, off, m, err)
				}
			}
			pipelined(data, func(at []int, _ *rand.Rand) []int { return at }, check)
			for apart := 8; apart <= 64; apart *= 2 { // as a pipelining client does, whose requests overtake one another
				pipelined(data, func(at []int, r *rand.Rand) []int {
					for run := range slices.Chunk(at, apart) {
						r.Shuffle(len(run), func(i, k int) { run[i], run[k] = run[k], run[i] })
					}
					return at
				}, check)
			}
			r := rand.New(rand.NewPCG(1, 2))
			for range 200 {
				check(r.IntN(len(data)+1000), 1+r.IntN(300_000))
			}
		})
	}
}

// pipelined makes requests for all of data by eight workers, in the order that it is told.
func pipelined(data string, order func(at []int, r *rand.Rand) []int, check func(off, n int)) {
	const request = 32 << 10
	var at []int
	for off := 0; off < len(data); off += request {
		at = append(at, off)
	}
	jobs := make(chan int, len(at))
	for _, off := range order(at, rand.New(rand.NewPCG(3, 4))) {
		jobs <- off
	}
	close(jobs)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for off := range jobs {
				check(off, request)
			}
		})
	}
	all.Wait()
}

// A request that overtakes those before it makes the window forget what it has a part of. What comes of the rest of that part is
// not taken for its beginning.
func TestOvertakenReads(t *testing.T) {
	d := sit(t, vfs.Config{Memory: reactor.NewBudget(1 << 20)})
	data := big(3_000_000, 7)
	d.grid.Add(d.root, "f", d.grid.PutData(data), "")
	f := d.open("/f", vfs.FlagRead)
	defer f.Abandon()
	pieces := make(chan bool, 100)
	d.grid.Hook(func(ctx context.Context, op string) error {
		if op == "piece" {
			select {
			case <-pieces:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	want := func(off int) {
		got := make([]byte, 10_000)
		if n, err := f.ReadAt(t.Context(), got, int64(off)); err != nil || string(got[:n]) != data[off:off+len(got)] {
			t.Errorf("%d bytes at %d, %v: other bytes", n, off, err)
		}
	}
	pieces <- true
	want(0)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.ReadAt(ctx, make([]byte, 10), 500_000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, though it is not there yet", err)
	}
	pieces <- true
	time.Sleep(50 * time.Millisecond) // the window has that
	var all sync.WaitGroup
	all.Go(func() { want(10_000) })
	time.Sleep(50 * time.Millisecond)
	close(pieces)
	all.Wait()
}

// With memory for few windows, all readers get on, and none keeps what another needs.
func TestReadersShareMemory(t *testing.T) {
	d := sit(t, vfs.Config{Memory: reactor.NewBudget(2 << 20)})
	data := big(2_000_000, 8)
	d.grid.Add(d.root, "f", d.grid.PutData(data), "")
	var all sync.WaitGroup
	for range 10 {
		f := d.open("/f", vfs.FlagRead)
		defer f.Abandon()
		all.Go(func() {
			if got, err := readAll(t, f); got != data || err != nil {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
	all.Wait()
}

func TestReadingFailsAndGoesOn(t *testing.T) {
	d := sit(t, vfs.Config{})
	data := big(3_000_000, 6)
	d.grid.Add(d.root, "f", d.grid.PutData(data), "")
	f := d.open("/f", vfs.FlagRead)
	defer f.Abandon()
	away := errors.New("away")
	d.grid.Hook(func(context.Context, string) error { return away })
	if _, err := f.ReadAt(t.Context(), make([]byte, 10), 0); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	d.grid.Hook(nil)
	if got, err := readAll(t, f); got != data || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	d.grid.Hook(func(ctx context.Context, op string) error { <-ctx.Done(); return context.Cause(ctx) })
	g := d.open("/f", vfs.FlagRead)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := g.ReadAt(ctx, make([]byte, 10), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	g.Abandon() // does not hang, though the grid does
}

// What has been closed is seen at every moment, also while it arrives on the grid.
func TestClosedFilesAreAlwaysSeen(t *testing.T) {
	d := sit(t, vfs.Config{})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			path := fmt.Sprint("/f", w)
			for k := range 150 {
				data := fmt.Sprint("version ", k)
				d.write(path, data)
				for range 5 {
					d.shows(path, data)
				}
				if !slices.Contains(d.names("/"), path[1:]) {
					t.Errorf("%s is not listed", path)
				}
			}
		})
	}
	all.Wait()
}

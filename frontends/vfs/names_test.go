package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/vfs"
)

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

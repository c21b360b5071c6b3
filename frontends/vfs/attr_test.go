package vfs_test

import (
	"fmt"
	"io/fs"
	"testing"
	"time"

	"tahoe/frontends/vfs"
)

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

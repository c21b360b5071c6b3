package vfs_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
)

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
	if err := h.SetAttr(t.Context(), vfs.Attr{Size: new(int64(400))}); err != nil { // what has been written is what was wanted
		t.Error(err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if s, _ := v.Statfs(t.Context()); s.Free != 0 {
		t.Errorf("got %+v", s)
	}
	vfstest.Settle(t, f)
}

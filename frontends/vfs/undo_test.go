package vfs_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
)

func TestTakeAndPutBack(t *testing.T) {
	d := sit(t, vfs.Config{})
	if err := d.view.Mkdir(t.Context(), "/dir"); err != nil {
		t.Fatal(err)
	}
	d.write("/dir/f", strings.Repeat("x", 100))
	d.settle()
	r, err := d.view.Take(t.Context(), "/dir")
	if err != nil || r.Name() != "dir" {
		t.Fatalf("take: %v, %v", r, err)
	}
	if _, err := d.view.Stat(t.Context(), "/dir"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("taken away, and there: %v", err)
	}
	if err := d.view.PutBack(t.Context(), r); err != nil {
		t.Errorf("put back: %v", err)
	}
	d.shows("/dir/f", strings.Repeat("x", 100))
	if err := d.view.PutBack(t.Context(), r); !errors.Is(err, fs.ErrExist) && !errors.Is(err, vfs.ErrIsDirectory) {
		t.Errorf("put back twice: got %v, want that it is there", err)
	}
	if _, err := d.view.Take(t.Context(), "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("take what is not there: %v", err)
	}
	if _, err := d.view.Take(t.Context(), "/"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("take the root: %v", err)
	}
}

func TestTakeOfWhatWaits(t *testing.T) {
	d := sit(t, vfs.Config{})
	d.grid.Hook(func(context.Context, string) error { return nil })
	held := make(chan struct{})
	d.grid.Hook(func(ctx context.Context, op string) error {
		if op != "put" {
			return nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return nil
	})
	d.write("/f", strings.Repeat("x", 100))
	if q := d.view.Queue(); len(q) != 1 || q[0].Path != "/f" {
		t.Errorf("the queue is %+v", q)
	}
	other := d.fs.View(auth.Account{Name: "bob", Root: d.grid.NewDir()})
	defer other.Close()
	if q := other.Queue(); len(q) != 0 {
		t.Errorf("bob sees what waits for alice: %+v", q)
	}
	if _, _, err := d.view.Capabilities(t.Context(), "/f"); !errors.Is(err, vfs.ErrWaiting) {
		t.Errorf("the capability of what waits: got %v, want ErrWaiting", err)
	}
	if r, err := d.view.Take(t.Context(), "/f"); r != nil || err != nil {
		t.Errorf("got %v, %v, want nothing that could be put back", r, err)
	}
	close(held)
	d.settle()
}

func TestCapabilities(t *testing.T) {
	g := vfstest.NewGrid()
	alice := g.Account("alice")
	root := alice.Root.(caps.DirectoryWrite)
	g.Add(root, "dir", g.NewDir(), "")
	g.Add(root, "mutable", g.NewMutable("m"), "")
	g.Add(root, "file", g.PutData(strings.Repeat("x", 100)), "")
	f := vfstest.Open(t, g, vfs.Config{})
	reader, small := alice, alice
	reader.ReadOnly, small.Quota = true, 1000
	for _, test := range []struct {
		name    string
		account auth.Account
		path    string
		writes  bool
	}{
		{"a directory", alice, "/dir", true},
		{"a mutable file", alice, "/mutable", true},
		{"an immutable file", alice, "/file", false},
		{"read-only account", reader, "/dir", false},
		{"read-only account, mutable file", reader, "/mutable", false},
		{"account with a quota", small, "/dir", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := f.View(test.account)
			defer v.Close()
			read, write, err := v.Capabilities(t.Context(), test.path)
			if err != nil || read == nil || (write != nil) != test.writes {
				t.Errorf("got %v, %v, %v; want one to write: %v", read, write, err, test.writes)
			}
			if _, writes := read.(caps.Write); writes {
				t.Error("what is for reading can write")
			}
		})
	}
}

// hold writes a file of some size and leaves it open.
func hold(t *testing.T, v *vfs.View, path string, size int) (*vfs.File, error) {
	t.Helper()
	f, err := v.Open(t.Context(), path, create)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(t.Context(), make([]byte, size), 0)
	return f, err
}

// small is an account with 1000 bytes, of which a file old has 600.
type small struct {
	t    *testing.T
	grid *vfstest.Grid
	fs   *vfs.FS
	view *vfs.View
}

func inSmall(t *testing.T, test func(t *testing.T, s small)) {
	synctest.Test(t, func(t *testing.T) {
		g := vfstest.NewGrid()
		a := g.Account("small")
		a.Quota = 1000
		g.Add(a.Root.(caps.DirectoryWrite), "old", g.PutData(strings.Repeat("x", 600)), "")
		fs := vfstest.Open(t, g, vfs.Config{})
		v := fs.View(a)
		defer v.Close()
		s := small{t, g, fs, v}
		s.usage(600)
		test(t, s)
	})
}

func (s small) usage(want int64) {
	s.t.Helper()
	if used, quota, err := s.view.Usage(s.t.Context()); used != want || quota != 1000 || err != nil {
		s.t.Errorf("used %d of %d, %v; want %d of 1000", used, quota, err, want)
	}
}

func (s small) finish(f *vfs.File) {
	s.t.Helper()
	if err := f.Close(s.t.Context()); err != nil {
		s.t.Error(err)
	}
	vfstest.Settle(s.t, s.fs)
}

func TestQuotaOfWhatIsWritten(t *testing.T) {
	inSmall(t, func(t *testing.T, s small) {
		v, usage := s.view, s.usage

		t.Log("what is given up does not count any more")
		f, err := hold(t, v, "/new", 300)
		if err != nil {
			t.Errorf("within the quota: %v", err)
		}
		usage(900)
		f.Abandon()
		time.Sleep(time.Minute)
		usage(600)

		t.Log("a file may be replaced by one of its size")
		if f, err = hold(t, v, "/old", 600); err != nil {
			t.Errorf("replace: %v", err)
		}
		time.Sleep(15 * time.Minute) // it is counted anew while the file is open
		usage(600)
		if _, err := f.WriteAt(t.Context(), make([]byte, 500), 600); !errors.Is(err, vfs.ErrQuota) {
			t.Errorf("beyond the quota: got %v", err)
		}
		s.finish(f)

		t.Log("what was removed makes room")
		if err := v.Remove(t.Context(), "/old"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		usage(0)

	})
}

func TestQuotaOfWhatIsPutBack(t *testing.T) {
	inSmall(t, func(t *testing.T, s small) {
		v, usage := s.view, s.usage
		f, err := hold(t, v, "/old", 800)
		if err != nil {
			t.Error(err)
		}
		s.finish(f)
		r, err := v.Take(t.Context(), "/old")
		if err != nil {
			t.Fatal(err)
		}
		if err := v.PutBack(t.Context(), r); err != nil {
			t.Errorf("put back: %v", err)
		}
		usage(800)
		if r, err = v.Take(t.Context(), "/old"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if f, err = hold(t, v, "/other", 300); err != nil {
			t.Error(err)
		}
		if err := v.PutBack(t.Context(), r); !errors.Is(err, vfs.ErrQuota) {
			t.Errorf("put back where there is no room: got %v", err)
		}
		f.Abandon()
		time.Sleep(time.Minute)
		usage(0)
	})
}

func TestQuotaOfWhatIsLinked(t *testing.T) {
	inSmall(t, func(t *testing.T, s small) {
		v, g := s.view, s.grid
		foreign := g.PutData(strings.Repeat("y", 400))
		if err := v.Link(t.Context(), "/uri/"+foreign.Encode(), "/one", false); err != nil {
			t.Errorf("link within the quota: %v", err)
		}
		s.usage(1000)
		other := g.PutData(strings.Repeat("z", 56))
		if err := v.Link(t.Context(), "/uri/"+other.Encode(), "/two", false); !errors.Is(err, vfs.ErrQuota) {
			t.Errorf("link beyond the quota: got %v", err)
		}
	})
}

// TestQuotaIsCountedToTheEnd: what a client that leaves has had counted is not taken for the whole.
func TestQuotaIsCountedToTheEnd(t *testing.T) {
	inSmall(t, func(t *testing.T, s small) {
		v, g := s.view, s.grid
		time.Sleep(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		g.Hook(func(_ context.Context, op string) error {
			if op == "list" {
				cancel()
			}
			return nil
		})
		if _, _, err := v.Usage(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		g.Hook(nil)
		s.usage(600)
	})
}

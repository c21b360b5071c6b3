package vfs_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"tahoe/caps"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
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
	vfstest.Settle(d.t, d.fs)
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

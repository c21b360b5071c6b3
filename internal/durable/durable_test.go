package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tahoe/internal/durable"
	"tahoe/internal/durable/durabletest"
)

func TestWriteFileDiesAtEveryStep(t *testing.T) {
	for _, before := range []string{"", "old content"} {
		count := durabletest.Count()
		write(t, durable.FS{Step: count.Step}, filepath.Join(t.TempDir(), "f"))
		if len(count.Steps()) < 5 {
			t.Fatalf("got steps %q, want create, write, sync, rename, syncdir", count.Steps())
		}
		for n := 1; n <= len(count.Steps()); n++ {
			path := filepath.Join(t.TempDir(), "f")
			if before != "" {
				write(t, durable.FS{}, path, before)
			}
			crash := durabletest.At(n)
			err := durable.FS{Step: crash.Step}.WriteFile(path, []byte("new content"), 0o600)
			if !errors.Is(err, durabletest.ErrDied) {
				t.Errorf("died at %q: got error %v", crash.Last(), err)
			}
			got, err := os.ReadFile(path)
			if err != nil && before != "" {
				t.Errorf("died at %q: %v", crash.Last(), err)
			}
			if s := string(got); s != before && s != "new content" {
				t.Errorf("died at %q: file holds %q", crash.Last(), s)
			}
			write(t, durable.FS{}, path, "after") // what is left over is in nobody's way
		}
	}
}

func write(t *testing.T, fs durable.FS, path string, content ...string) {
	t.Helper()
	want := strings.Join(content, "")
	if err := fs.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func TestMkdirAllAndSyncPath(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "a", "b", "c")
	steps := durabletest.Count()
	fs := durable.FS{Step: steps.Step}
	for range 2 {
		if err := fs.MkdirAll(root, dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(steps.Steps()); got != 3 {
		t.Errorf("making three directories twice: got %d steps, want 3: %q", got, steps.Steps())
	}
	if err := fs.SyncPath(root, dir); err != nil {
		t.Fatal(err)
	}
	if got := len(steps.Steps()); got != 3+4 {
		t.Errorf("syncing them: got %d steps in all, want 7: %q", got, steps.Steps())
	}
}

// Only a directory, or a link to one, is a directory.
func TestMkdirWhereSomethingIs(t *testing.T) {
	root := t.TempDir()
	write(t, durable.FS{}, filepath.Join(root, "file"), "x")
	if err := os.Mkdir(filepath.Join(root, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	links := true
	for name, to := range map[string]string{"link": "dir", "link to a file": "file", "link to nothing": "absent"} {
		links = os.Symlink(filepath.Join(root, to), filepath.Join(root, name)) == nil && links
	}
	for _, tc := range []struct {
		name       string
		link, good bool
	}{
		{"dir", false, true},
		{"file", false, false},
		{"link", true, true},
		{"link to a file", true, false},
		{"link to nothing", true, false},
	} {
		if tc.link && !links {
			continue // a system that does not let everybody make them
		}
		path := filepath.Join(root, tc.name)
		if err := (durable.FS{}).Mkdir(path, 0o700); (err == nil) != tc.good {
			t.Errorf("%s: got %v, want no error: %v", tc.name, err, tc.good)
		}
		if err := (durable.FS{}).MkdirAll(root, filepath.Join(path, "below"), 0o700); (err == nil) != tc.good {
			t.Errorf("below %s: got %v, want no error: %v", tc.name, err, tc.good)
		}
	}
}

func TestFailureLeavesNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (durable.FS{}).WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Errorf("writing over a directory: got no error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got entries %v, %v; want the directory alone", entries, err)
	}
}

func TestFileSteps(t *testing.T) {
	steps := durabletest.Count()
	fs := durable.FS{Step: steps.Step}
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	write(t, durable.FS{}, src, "0123456789")
	from, err := fs.Open(src, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := fs.Open(filepath.Join(dir, "dst"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.CopyFrom(from, 8); err != nil {
		t.Fatal(err)
	}
	if size, err := f.Size(); size != 8 || err != nil {
		t.Errorf("size: got %d, %v, want 8", size, err)
	}
	if err := f.Truncate(5); err != nil {
		t.Fatal(err)
	}
	if size, err := f.Size(); size != 5 || err != nil {
		t.Errorf("size: got %d, %v, want 5", size, err)
	}
	b := make([]byte, 5)
	if _, err := f.ReadAt(b, 0); err != nil || string(b) != "01234" {
		t.Errorf("got %q, %v", b, err)
	}
	if got := len(steps.Steps()); got != 3 {
		t.Errorf("got steps %q, want create, copy, truncate", steps.Steps())
	}
}

// A file system that cannot sync directories is no reason to keep nothing there.
func TestSyncDirWhereThereIsNone(t *testing.T) {
	const dir = "/proc/self" // Linux refuses to sync what lies in it
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no such file system here")
	}
	if err := (durable.FS{}).SyncDir(dir); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	if err := (durable.FS{}).SyncDir(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("got no error for a directory that is not there")
	}
}

package localfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/cmd/tahoe/internal/localfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestWrite has a file there whole, or what was there before.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	w := localfile.Writer{Secret: "s"}
	path := filepath.Join(dir, strings.Repeat("n", 255))
	info, err := w.Write(path, text("first"))
	if err != nil || info.Size() != 5 || read(t, path) != "first" {
		t.Fatalf("got %v, %v", info, err)
	}
	broken := errors.New("broken")
	if _, err := w.Write(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		if read(t, path) != "first" {
			t.Error("the file changes while it is written")
		}
		return broken
	}); !errors.Is(err, broken) || read(t, path) != "first" {
		t.Errorf("got %v and %q", err, read(t, path))
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want the file alone", entries, err)
	}
	if _, err := w.Write(dir, text("x")); err == nil {
		t.Error("a directory was written")
	}
	if _, err := w.Write(filepath.Join(dir, "no", "where"), text("x")); err == nil || strings.Contains(err.Error(), ".part") {
		t.Errorf("got %v, want an error about the file that was named", err)
	}
}

// TestLeftOver has what a killed run left replaced by the next.
func TestLeftOver(t *testing.T) {
	dir := t.TempDir()
	w, path := localfile.Writer{Secret: "s"}, filepath.Join(dir, "f")
	var part string
	if _, err := w.Write(path, func(io.Writer) error {
		parts, err := filepath.Glob(filepath.Join(dir, ".tahoe-*.part"))
		if err != nil || len(parts) != 1 {
			t.Fatalf("got %v, %v, want a part", parts, err)
		}
		part = parts[0]
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(part, []byte("what a killed run had written"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(path, text("whole")); err != nil || read(t, path) != "whole" {
		t.Errorf("got %v and %q", err, read(t, path))
	}
	if _, err := os.Stat(part); err == nil {
		t.Error("the part is still there")
	}
}

// TestTwoWriters has the second of two who write one file at once refused, and the first undisturbed: the name never holds half a file.
func TestTwoWriters(t *testing.T) {
	w, path := localfile.Writer{Secret: "s"}, filepath.Join(t.TempDir(), "f")
	_, err := w.Write(path, func(out io.Writer) error {
		if _, err := w.Write(path, text("second")); err == nil || strings.Contains(err.Error(), ".part") {
			t.Errorf("got %v, want an error about the file that was named", err)
		}
		return text("first")(out)
	})
	if err != nil || read(t, path) != "first" {
		t.Errorf("got %v and %q", err, read(t, path))
	}
	if _, err := w.Write(path, text("later")); err != nil || read(t, path) != "later" {
		t.Errorf("got %v and %q", err, read(t, path))
	}
}

// TestStamp has every change of a file seen.
func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	stamp := func() localfile.Stamp {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return localfile.StampOf(info)
	}
	was := stamp()
	if was != stamp() || was.Settled(time.Unix(0, was.MTime)) || !was.Settled(time.Now().Add(time.Minute)) {
		t.Errorf("got %+v", was)
	}
	past := time.Unix(1_000_000_000, 5)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
	if now := stamp(); now == was || now.String() == was.String() || now.MTime != past.UnixNano() {
		t.Errorf("got %+v, which was %+v", now, was)
	}
}

// TestMetadata is the text that the original writes of the same numbers.
func TestMetadata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Unix(1_500_000_000, 0), `"mtime": 1500000000.0`},
		{time.Unix(1_500_000_000, 250_000_000), `"mtime": 1500000000.25`},
		{time.Unix(1_763_708_588, 123_456_789), `"mtime": 1763708588.1234567`},
		{time.Unix(-1, 500_000_000), `"mtime": -0.5`},
	} {
		if err := os.Chtimes(path, c.at, c.at); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(localfile.Metadata(info)); !strings.Contains(got, c.want) || !strings.HasPrefix(got, `{"ctime": `) {
			t.Errorf("got %s, want %s in it", got, c.want)
		}
	}
}

func TestContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for content, want := range map[string]int64{"": 0, "x": 1} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		check(t, path, content, want)
	}
	if b, err := os.ReadFile("/proc/self/status"); err == nil && len(b) > 0 {
		check(t, "/proc/self/status", "Name:", -1)
	}
}

func check(t *testing.T, path, prefix string, want int64) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, size, err := localfile.Content(file, info)
	if err != nil || size != want {
		t.Fatalf("%s: got %d, %v, want %d", path, size, err, want)
	}
	if b, err := io.ReadAll(r); err != nil || !strings.HasPrefix(string(b), prefix) {
		t.Errorf("%s: got %q, %v", path, b, err)
	}
}

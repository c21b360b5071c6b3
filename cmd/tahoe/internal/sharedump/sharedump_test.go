package sharedump_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/cmd/tahoe/internal/sharedump"
	"tahoe/storage"
	"tahoe/storage/share"
)

// recorded is when the original printed what is in testdata. testdata/make.py says how.
var recorded = time.Unix(1795300000, 0)

const shares = "testdata/node/storage/shares"

// all are the share files of testdata.
func all(t testing.TB) []string {
	t.Helper()
	var paths []string
	for path, err := range sharedump.Catalog(shares) {
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if len(paths) < 10 {
		t.Fatalf("only %d share files", len(paths))
	}
	return paths
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// asRecorded is a text with the names that recorded texts have.
func asRecorded(s string) string { return strings.ReplaceAll(s, "testdata/node", "/grid") }

func TestTextIsTheOriginals(t *testing.T) {
	for _, path := range all(t) {
		name := filepath.Base(filepath.Dir(path)) + "-" + filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			r, err := sharedump.Read(path, false)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := r.Text(&got, recorded, true); err != nil {
				t.Fatal(err)
			}
			if want := read(t, "testdata/"+name+".txt"); asRecorded(got.String()) != want {
				t.Errorf("got\n%s\nwant\n%s", asRecorded(got.String()), want)
			}
		})
	}
}

func TestLeasesOnly(t *testing.T) {
	r, err := sharedump.Read(all(t)[1], true)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := r.Text(&got, recorded, false); err != nil {
		t.Fatal(err)
	}
	if want := read(t, "testdata/leases-only.txt"); strings.Contains(want, "UEB") || strings.Count(got.String(), "\n") != strings.Count(want, "\n") {
		t.Errorf("got\n%s\nwant something like\n%s", &got, want)
	}
}

// TestCatalog: the original does not tell of shares without leases, of which it computes the least; here they are told too.
func TestCatalog(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(read(t, "testdata/catalog.txt")), "\n")
	for _, path := range all(t) {
		e, err := sharedump.Describe(path, recorded)
		if err != nil {
			t.Fatal(err)
		}
		r, err := sharedump.Read(path, true)
		if err != nil {
			t.Fatal(err)
		}
		got := asRecorded(e.String())
		if len(r.Leases) == 0 {
			if e.Expires != 0 || e.Kind == sharedump.KindUnknown {
				t.Errorf("without leases: %s", got)
			}
			continue
		}
		if len(lines) == 0 || got != lines[0] {
			t.Fatalf("got %s, want the first of %q", got, lines)
		}
		lines = lines[1:]
	}
	if len(lines) > 0 {
		t.Errorf("not told: %q", lines)
	}
}

func TestFind(t *testing.T) {
	path := all(t)[0]
	i, err := storage.ParseIndex(filepath.Base(filepath.Dir(path)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := sharedump.Find(shares, i)
	if dir := filepath.Dir(path); err != nil || len(got) != 2 || got[0] != filepath.Join(dir, "3") || got[1] != filepath.Join(dir, "10") {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := sharedump.Find(shares, storage.Index{1}); err != nil || got != nil {
		t.Errorf("of another index: got %v, %v", got, err)
	}
}

// TestCorrupt: one bit differs, and it is one of the blocks.
func TestCorrupt(t *testing.T) {
	for _, path := range all(t) {
		old := []byte(read(t, path))
		copied := filepath.Join(t.TempDir(), "0")
		if err := os.WriteFile(copied, old, 0o600); err != nil {
			t.Fatal(err)
		}
		flip, err := sharedump.Corrupt(copied, rand.New(rand.NewPCG(1, 2)))
		if r, _ := sharedump.Read(path, false); r.Mutable != nil && r.Mutable.Size == 0 {
			if err == nil || !strings.Contains(err.Error(), "empty") || read(t, copied) != string(old) {
				t.Errorf("%s: an empty file became %v, %v", path, flip, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		old[flip.Offset] ^= 1 << flip.Bit
		if flip.Offset < flip.Start || flip.Offset >= flip.End || read(t, copied) != string(old) {
			t.Errorf("%s: %v is not what happened", path, flip)
		}
		if want := fmt.Sprintf("[%d..%d):  %d.b%d", flip.Start, flip.End, flip.Offset, flip.Bit); flip.String() != want {
			t.Errorf("got %v, want %s", flip, want)
		}
	}
}

func TestBadFiles(t *testing.T) {
	paths := all(t)
	var chk, slot string
	for _, p := range paths {
		if r, err := sharedump.Read(p, false); err == nil && r.CHK != nil {
			chk = p
		} else if err == nil && r.Mutable.Size > 0 {
			slot = p
		}
	}
	tests := []struct {
		name, text, has string
		kind            string // of its catalog entry, when it has one
	}{
		{name: "empty", text: "", has: "too few"},
		{name: "text", text: "this is no share, but a text of some length", has: "version", kind: "UNKNOWN really-unknown"},
		{name: "short immutable", text: "\x00\x00\x00\x02\x00", has: "too few"},
		{name: "cut immutable", text: read(t, chk)[:300], has: "288"},
		{name: "immutable without a header", text: "\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x00abcd", has: "header"},
		{name: "UEB behind the end", text: "\x00\x00\x00\x02\x00\x00\x00\xc8\x00\x00\x00\x00" + read(t, chk)[12:212], has: "UEB"},
		{name: "cut mutable", text: read(t, slot)[:700], has: "700"},
		{name: "mutable of a strange kind", text: read(t, slot)[:468] + "\x07" + read(t, slot)[469:], kind: "UNKNOWN mutable"},
		{name: "mutable with a strange header", text: read(t, slot)[:468+57] + "\x09\x03" + read(t, slot)[468+59:], has: "header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "0")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := sharedump.Read(path, false); tt.has != "" && (err == nil || !strings.Contains(err.Error(), tt.has) || !strings.Contains(err.Error(), path)) {
				t.Errorf("got %v, want something with %q", err, tt.has)
			}
			e, err := sharedump.Describe(path, recorded)
			if tt.kind != "" && (err != nil || e.String() != fmt.Sprintf("%s '%s'", tt.kind, path)) || tt.kind == "" && err == nil {
				t.Errorf("in a catalog: got %v, %v, want %q", e, err, tt.kind)
			}
		})
	}
	if _, err := sharedump.Read("testdata/none", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: got %v", err)
	}
	if _, err := sharedump.Read("testdata", false); !errors.Is(err, share.ErrCorrupt) {
		t.Errorf("of a directory: got %v", err)
	}
}

// TestCatalogGoesOn: what does not belong is told, and the rest too.
func TestCatalogGoesOn(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"aa/stray", "ab/abaaaaaaaaaaaaaaaaaaaaaaaa/0", "ab/abaaaaaaaaaaaaaaaaaaaaaaaa/x", "ab/abaaaaaaaaaaaaaaaaaaaaaaaa/11", "incoming/aa/b", "stray"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	failed := 0
	for path, err := range sharedump.Catalog(dir) {
		if err != nil {
			failed++
			continue
		}
		got = append(got, filepath.Base(path))
	}
	if fmt.Sprint(got) != "[0 11 x]" || failed != 2 {
		t.Errorf("got %v and %d failures", got, failed)
	}
	for range sharedump.Catalog(filepath.Join(dir, "none")) {
		t.Error("a folder that is not there has files")
	}
	for range sharedump.Catalog(dir) {
		break // stops
	}
}

// TestQuote: the wanted texts are what the original's quote_output gives.
func TestQuote(t *testing.T) {
	tests := []struct {
		s            string
		marked, bare string
	}{
		{"plain", "'plain'", "plain"},
		{"", "''", ""},
		{"it's", `"it's"`, `"it's"`},
		{`it's $1 "q" \ ` + "`", `"it's \$1 \"q\" \\ ` + "\\`" + `"`, `"it's \$1 \"q\" \\ ` + "\\`" + `"`},
		{`"q`, `'"q'`, `'"q'`},
		{"$a", "'$a'", "$a"},
		{"é\u2003", "'é\u2003'", "é\u2003"},
		{"a\nb\x01\u0085", `"a\x0ab\x01\x85"`, `"a\x0ab\x01\x85"`},
		{"\U0001f600\ufffe", `"\U0001f600\ufffe"`, `"\U0001f600\ufffe"`},
		{"\xff$a", `b"\xff\$a"`, `b"\xff\$a"`},
	}
	for _, tt := range tests {
		if got := sharedump.Quote(tt.s, true); got != tt.marked {
			t.Errorf("%q: got %s, want %s", tt.s, got, tt.marked)
		}
		if got := sharedump.Quote(tt.s, false); got != tt.bare {
			t.Errorf("%q without marks: got %s, want %s", tt.s, got, tt.bare)
		}
	}
}

// FuzzRead: no file makes it fail otherwise than by an error, and what is read can be printed.
func FuzzRead(f *testing.F) {
	for _, path := range all(f) {
		f.Add([]byte(read(f, path)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "0")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := sharedump.Read(path, false); err == nil {
			var text bytes.Buffer
			if err := r.Text(&text, recorded, true); err != nil || text.Len() == 0 {
				t.Errorf("%d bytes, %v", text.Len(), err)
			}
		}
	})
}

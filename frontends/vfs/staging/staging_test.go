package staging_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tahoe/frontends/vfs/staging"
	"tahoe/internal/durable"
	"tahoe/internal/durable/durabletest"
)

var secret = []byte("a secret of the node, for tests")

func open(t testing.TB, dir string, c staging.Config) (*staging.Store, []staging.Kept) {
	t.Helper()
	c.Secret = secret
	if c.Limit == 0 {
		c.Limit = 1 << 30
	}
	s, kept, strange, err := staging.Open(dir, c)
	if err != nil || len(strange) > 0 {
		t.Fatalf("open: %v, strange %v", err, strange)
	}
	t.Cleanup(func() {
		for _, k := range kept {
			if err := k.File.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return s, kept
}

func create(t testing.TB, s *staging.Store) *staging.File {
	t.Helper()
	f, err := s.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func contents(t testing.TB, f *staging.File) []byte {
	t.Helper()
	b := make([]byte, f.Size()+1)
	n, err := f.ReadAt(b, 0)
	if err != io.EOF || n != len(b)-1 {
		t.Fatalf("got %d of %d bytes, %v", n, len(b)-1, err)
	}
	return b[:n]
}

// A file behaves as bytes in memory do, and no byte of its key stream is ever used for two values.
func TestFileIsBytes(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 6))
		s, _ := open(t, t.TempDir(), staging.Config{})
		f := create(t, s)
		var model []byte
		pads := make(map[string]byte)
		for step := range 40 {
			mutate(t, r, f, &model)
			if got := contents(t, f); !bytes.Equal(got, model) {
				t.Fatalf("seed %d, step %d: contents differ from the model", seed, step)
			}
			err := f.Pads(func(c int, g uint32, at int, b byte) {
				if at%97 != 0 && at < staging.ChunkSize-8 { // a sample
					return
				}
				key := fmt.Sprint(c, g, at)
				if old, ok := pads[key]; ok && old != b {
					t.Fatalf("seed %d, step %d: chunk %d, generation %d, byte %d was used twice", seed, step, c, g, at)
				}
				pads[key] = b
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if s.Used() != int64(len(model)) {
			t.Errorf("seed %d: got %d bytes used, want %d", seed, s.Used(), len(model))
		}
		copied, err := f.Copy()
		if err != nil || !bytes.Equal(contents(t, copied), model) {
			t.Errorf("seed %d: the copy differs, %v", seed, err)
		}
		if err := errors.Join(copied.Release(), f.Release()); err != nil || s.Used() != 0 {
			t.Errorf("seed %d: %v, %d bytes used after all", seed, err, s.Used())
		}
	}
}

func mutate(t *testing.T, r *rand.Rand, f *staging.File, model *[]byte) {
	t.Helper()
	const space = 3 * staging.ChunkSize
	if r.IntN(4) == 0 {
		n := r.IntN(space)
		if err := f.Truncate(int64(n)); err != nil {
			t.Fatal(err)
		}
		*model = append((*model)[:min(n, len(*model))], make([]byte, max(0, n-len(*model)))...)
		return
	}
	off := r.IntN(space)
	if r.IntN(2) == 0 {
		off = len(*model)
	}
	p := make([]byte, 1+r.IntN([]int{10, 5000, 100_000}[r.IntN(3)]))
	for k := range p {
		p[k] = byte(r.Uint32())
	}
	if n, err := f.WriteAt(p, int64(off)); n != len(p) || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
	if end := off + len(p); end > len(*model) {
		*model = append(*model, make([]byte, end-len(*model))...)
	}
	copy((*model)[off:], p)
}

func TestReadsAndWritesAtOnce(t *testing.T) {
	s, _ := open(t, t.TempDir(), staging.Config{})
	f := create(t, s)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			block := bytes.Repeat([]byte{byte('a' + w)}, 20_000)
			for k := range 30 {
				if _, err := f.WriteAt(block, int64(k*8+w)*20_000); err != nil {
					t.Error(err)
				}
				got := make([]byte, len(block))
				if _, err := f.ReadAt(got, int64(k*8+w)*20_000); err != nil || !bytes.Equal(got, block) {
					t.Errorf("got other bytes than were written, %v", err)
				}
			}
		})
	}
	all.Wait()
}

func TestLimit(t *testing.T) {
	s, _ := open(t, t.TempDir(), staging.Config{Limit: 1000})
	a, b := create(t, s), create(t, s)
	if _, err := a.WriteAt(make([]byte, 900), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.WriteAt(make([]byte, 101), 0); !errors.Is(err, staging.ErrNoSpace) {
		t.Errorf("got %v, want ErrNoSpace", err)
	}
	if err := b.Truncate(1 << 40); !errors.Is(err, staging.ErrNoSpace) {
		t.Errorf("got %v, want ErrNoSpace", err)
	}
	if n, err := b.WriteAt([]byte("it still works"), 0); n != 14 || err != nil {
		t.Errorf("got %d, %v after there was no space", n, err)
	}
	if err := a.Truncate(0); err != nil || s.Used() != 14 {
		t.Errorf("got %v, %d bytes used, want 14", err, s.Used())
	}
	for _, err := range []error{b.Truncate(-1), second(b.WriteAt(nil, -1)), second(b.ReadAt(nil, -1)), second(b.WriteAt([]byte{1}, 1<<62))} {
		if !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	}
}

func second(_ int, err error) error { return err }

func TestKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "staged")
	s, _ := open(t, dir, staging.Config{})
	want := strings.Repeat("what was kept, ", 20_000)
	f := create(t, s)
	for _, at := range []int64{int64(len(want)) / 2, 0} { // out of order, and twice
		if _, err := f.WriteAt([]byte(want)[at:], at); err != nil {
			t.Fatal(err)
		}
	}
	lost := create(t, s)
	if _, err := lost.WriteAt([]byte("never finished"), 0); err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"a note", "another note"} {
		if err := f.Keep([]byte(note)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("writing what was kept: got %v", err)
	}
	for _, name := range []string{"what was kept", "another note", "never finished"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(name)) {
				t.Errorf("%s is on the disk in the clear, in %s", name, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil { // the node stops
		t.Fatal(err)
	}
	again, kept := open(t, dir, staging.Config{})
	if len(kept) != 1 || string(kept[0].Note) != "another note" || string(contents(t, kept[0].File)) != want {
		t.Fatalf("got %d kept files, or others than were kept", len(kept))
	}
	if err := staging.Audit(dir, secret); err != nil {
		t.Error(err)
	}
	if n := create(t, again); n.ID() <= kept[0].File.ID() {
		t.Errorf("IDs do not grow: %d after %d", n.ID(), kept[0].File.ID())
	}
	if err := kept[0].File.Release(); err != nil || again.Used() != 0 {
		t.Errorf("got %v, %d bytes used", err, again.Used())
	}
}

// What waits takes nothing of the system but its space.
func TestManyKept(t *testing.T) {
	s, _ := open(t, t.TempDir(), staging.Config{})
	var all []*staging.File
	for k := range 300 {
		f := create(t, s)
		if _, err := f.WriteAt(fmt.Append(nil, "file ", k), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Keep(nil); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	if n := s.Open(); n != 0 {
		t.Errorf("%d files are open", n)
	}
	for k, f := range all {
		if got := string(contents(t, f)); got != fmt.Sprint("file ", k) {
			t.Errorf("file %d holds %q", k, got)
		}
		if err := f.Rest(); err != nil {
			t.Error(err)
		}
	}
	if n := s.Open(); n != 0 {
		t.Errorf("%d files are open after all have been read", n)
	}
}

func TestKeptUnderAnotherSecret(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, staging.Config{})
	for range 2 {
		f := create(t, s)
		if err := f.Keep(nil); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.kept"))
	if err != nil || len(names) != 2 {
		t.Fatal(names, err)
	}
	a, _ := os.ReadFile(names[0])
	if err := os.WriteFile(names[1], a, 0o600); err != nil { // one record in the place of another
		t.Fatal(err)
	}
	for _, tt := range []struct {
		secret  string
		strange int
	}{{string(secret), 1}, {"another", 2}} {
		_, kept, strange, err := staging.Open(dir, staging.Config{Secret: []byte(tt.secret), Limit: 1 << 30})
		if err != nil || len(strange) != tt.strange || len(kept) != 2-tt.strange {
			t.Errorf("got %d kept, strange %v, %v", len(kept), strange, err)
		}
		for _, k := range kept {
			_ = k.File.Close()
		}
		if err := staging.Audit(dir, []byte(tt.secret)); err == nil {
			t.Error("the audit finds nothing wrong")
		}
	}
	if now, _ := filepath.Glob(filepath.Join(dir, "*")); len(now) != 4 {
		t.Errorf("what could not be opened was touched: %v", now)
	}
}

// The process dies before each step of an operation in turn.
func TestDiesAtEveryStep(t *testing.T) {
	old, fresh := strings.Repeat("old", 50_000), strings.Repeat("fresh", 40_000)
	count := durabletest.Count()
	replaceKept(t, t.TempDir(), durable.FS{Step: count.Step}, old, fresh)
	if len(count.Steps()) < 15 {
		t.Fatalf("got %d steps: %q", len(count.Steps()), count.Steps())
	}
	for n := 1; n <= len(count.Steps()); n++ {
		dir, crash := t.TempDir(), durabletest.At(n)
		keptOld, keptFresh, released := replaceKept(t, dir, durable.FS{Step: crash.Step}, old, fresh)
		_, kept := open(t, dir, staging.Config{})
		found := make(map[string]bool)
		for _, k := range kept {
			found[string(contents(t, k.File))+string(k.Note)] = true
		}
		if keptOld && !released && keptFresh == false && !found[old+"note of old"] {
			t.Errorf("died at %q: the old file is lost", crash.Last())
		}
		if keptFresh && !found[fresh+"note of fre"] {
			t.Errorf("died at %q: the new file is lost", crash.Last())
		}
		if released && found[old+"note of old"] {
			t.Errorf("died at %q: the released file is back", crash.Last())
		}
		for text := range found {
			if text != old+"note of old" && text != fresh+"note of fre" {
				t.Errorf("died at %q: something else was found", crash.Last())
			}
		}
		if err := staging.Audit(dir, secret); err != nil {
			t.Errorf("died at %q: %v", crash.Last(), err)
		}
	}
}

// replaceKept keeps a file, and another, and releases the first. It says how far it came.
func replaceKept(t *testing.T, dir string, disk durable.FS, old, fresh string) (keptOld, keptFresh, released bool) {
	s, kept, _, err := staging.Open(dir, staging.Config{Secret: secret, Limit: 1 << 30, Disk: disk})
	if err != nil {
		return
	}
	defer func() {
		for _, k := range kept {
			_ = k.File.Close()
		}
	}()
	keep := func(text string) (*staging.File, bool) {
		f, err := s.New()
		if err != nil {
			return nil, false
		}
		t.Cleanup(func() { _ = f.Close() })
		_, err = f.WriteAt([]byte(text), 0)
		return f, err == nil && f.Keep([]byte("note of "+text[:3])) == nil
	}
	a, ok := keep(old)
	if keptOld = ok; !ok {
		return
	}
	if _, keptFresh = keep(fresh); !keptFresh {
		return
	}
	return true, true, a.Release() == nil
}

func FuzzParseRecord(f *testing.F) {
	f.Add(append(make([]byte, 16), 0, 0, 'n'))
	f.Add(append(make([]byte, 16), 5, 1, 1, 0, 5, 'n'))
	f.Add(append(make([]byte, 16), 0x80, 0x80, 0x08, 3, 2, 0, 7, 1, 9, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		first, ok := staging.ParseRecord(b)
		if !ok {
			return
		}
		if again, ok := staging.ParseRecord(first); !ok || !bytes.Equal(first, again) {
			t.Errorf("got %x, then %x", first, again)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	s, _ := open(b, b.TempDir(), staging.Config{Limit: 1 << 40})
	f := create(b, s)
	p := make([]byte, 32<<10)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	at := int64(0)
	for b.Loop() {
		if _, err := f.WriteAt(p, at%(256<<20)); err != nil {
			b.Fatal(err)
		}
		at += int64(len(p))
	}
}

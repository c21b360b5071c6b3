package spool_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"tahoe/internal/spool"
)

func random(n int, seed uint64) []byte {
	var key [32]byte
	key[0] = byte(seed)
	b := make([]byte, n)
	if _, err := rand.NewChaCha8(key).Read(b); err != nil {
		panic(err)
	}
	return b
}

func write(t testing.TB, s *spool.Spool, p []byte) {
	t.Helper()
	if n, err := s.Write(p); n != len(p) || err != nil {
		t.Fatalf("write: %d, %v; want %d bytes", n, err, len(p))
	}
}

func TestReadsBackWhatWasWritten(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		memory int64
		piece  int
	}{
		{"empty", 0, 10, 1},
		{"in memory", 1000, 1000, 33},
		{"one byte on disk", 1001, 1000, 77},
		{"nothing in memory", 5000, 0, 17},
		{"one big write", 300_000, 1000, 300_000},
		{"many pieces", 200_000, 70_000, 4099},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spool.New(t.TempDir(), c.memory)
			data := random(c.size, 1)
			for p := data; len(p) > 0; p = p[min(c.piece, len(p)):] {
				write(t, s, p[:min(c.piece, len(p))])
			}
			if s.Size() != int64(c.size) {
				t.Errorf("size %d, want %d", s.Size(), c.size)
			}
			got, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("read back %d bytes, %v; want the %d written", len(got), err, c.size)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestReadAtAnywhere(t *testing.T) {
	data := random(1000, 2)
	s := spool.New(t.TempDir(), 300)
	defer s.Close()
	write(t, s, data)
	rapid.Check(t, func(t *rapid.T) {
		off := rapid.IntRange(0, 1100).Draw(t, "offset")
		p := make([]byte, rapid.IntRange(0, 400).Draw(t, "length"))
		n, err := s.ReadAt(p, int64(off))
		wantN, wantErr := bytes.NewReader(data).ReadAt(bytes.Clone(p), int64(off))
		if n != wantN || err != wantErr || !bytes.Equal(p[:n], data[min(off, 1000):min(off, 1000)+n]) {
			t.Fatalf("ReadAt(%d bytes, %d): %d, %v; want %d, %v", len(p), off, n, err, wantN, wantErr)
		}
	})
	if _, err := s.ReadAt(make([]byte, 1), -1); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("negative offset: got %v, want %v", err, os.ErrInvalid)
	}
}

func TestParallelReads(t *testing.T) {
	data := random(100_000, 3)
	s := spool.New(t.TempDir(), 500)
	defer s.Close()
	write(t, s, data)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			p := make([]byte, 10_000)
			if _, err := s.ReadAt(p, int64(i*10_001)); err != nil || !bytes.Equal(p, data[i*10_001:][:10_000]) {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// TestNoPlaintextOnDisk reads the file that the system holds, whatever its name.
func TestNoPlaintextOnDisk(t *testing.T) {
	word := []byte("attack at dawn, ")
	s := spool.New(t.TempDir(), 10)
	defer s.Close()
	write(t, s, bytes.Repeat(word, 1000))
	onDisk := make([]byte, 16_000-10)
	if _, err := s.File().ReadAt(onDisk, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(onDisk, word[:6]) {
		t.Error("the spool file holds plaintext")
	}
	for i := range 1000 - 1 { // the key stream never repeats
		if bytes.Equal(onDisk[:16], onDisk[16*(i+1):][:min(16, len(onDisk)-16*(i+1))]) {
			t.Errorf("the spool file repeats itself after %d blocks", i+1)
		}
	}
}

func files(t testing.TB, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCloseRemovesTheFile(t *testing.T) {
	dir := t.TempDir()
	s := spool.New(dir, 10)
	write(t, s, make([]byte, 11))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if n := files(t, dir); n != 0 {
		t.Errorf("%d files left", n)
	}
	if _, err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: got %v, want %v", err, os.ErrClosed)
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: got %v, want %v", err, os.ErrClosed)
	}
}

func TestFailures(t *testing.T) {
	t.Run("no such folder", func(t *testing.T) {
		s := spool.New(filepath.Join(t.TempDir(), "missing"), 4)
		n, err := s.Write([]byte("12345"))
		if n != 4 || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %d, %v; want 4, %v", n, err, fs.ErrNotExist)
		}
		if _, again := s.Write([]byte("6")); again == nil {
			t.Error("a write after a failed one succeeds")
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Run("write fails", func(t *testing.T) {
		dir := t.TempDir()
		s := spool.New(dir, 0)
		write(t, s, []byte("1"))
		s.File().Close()
		if _, err := s.Write([]byte("2")); err == nil {
			t.Error("a write to a closed file succeeds")
		}
		if n := files(t, dir); n != 0 {
			t.Errorf("%d files left", n)
		}
	})
	t.Run("file cut short", func(t *testing.T) {
		s := spool.New(t.TempDir(), 0)
		defer s.Close()
		write(t, s, make([]byte, 100))
		if err := s.File().Truncate(50); err != nil {
			t.Fatal(err)
		}
		if n, err := s.ReadAt(make([]byte, 100), 0); n != 50 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %d, %v; want 50, %v", n, err, io.ErrUnexpectedEOF)
		}
	})
}

func BenchmarkSpool(b *testing.B) {
	piece := random(256<<10, 4)
	b.SetBytes(64 * int64(len(piece)))
	b.ReportAllocs()
	dir := b.TempDir()
	for b.Loop() {
		s := spool.New(dir, 64<<10)
		for range 64 {
			write(b, s, piece)
		}
		if _, err := io.Copy(io.Discard, io.NewSectionReader(s, 0, s.Size())); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

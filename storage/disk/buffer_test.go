package disk_test

import (
	"io"
	"sync"
	"testing"

	"tahoe/storage"
	"tahoe/storage/disk"
)

// stalled is a client that sends nothing until it is released. It tells how much memory waits for its data.
type stalled struct {
	asked   chan<- int
	release <-chan struct{}
	once    sync.Once
}

func (s *stalled) Read(b []byte) (int, error) {
	s.once.Do(func() { s.asked <- len(b) })
	<-s.release
	clear(b)
	return len(b), nil
}

// A thousand clients that send slowly do not take a thousand times the memory of one.
func TestWritersShareMemory(t *testing.T) {
	const writers = storage.MaxShares
	s := open(t, disk.Config{Dir: t.TempDir()})
	var all []storage.ShareNum
	for n := range writers {
		all = append(all, storage.ShareNum(n))
	}
	const size = 1 << 20
	got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: all, Size: size, Lease: lease(1)})
	if err != nil || len(got.Writers) != writers {
		t.Fatalf("got %d writers, %v", len(got.Writers), err)
	}
	asked, release := make(chan int), make(chan struct{})
	var wg sync.WaitGroup
	for n, w := range got.Writers {
		wg.Go(func() {
			if missing, err := w.Write(t.Context(), storage.Span{Size: size}, &stalled{asked: asked, release: release}); err != nil || len(missing) > 0 {
				t.Errorf("share %d: got missing %v, %v", n, missing, err)
			}
		})
	}
	total := 0
	for range writers {
		total += <-asked
	}
	if limit := 16 << 20; total > limit {
		t.Errorf("%d writers wait with %d bytes, want at most %d", writers, total, limit)
	}
	close(release)
	wg.Wait()
	for _, w := range got.Writers {
		if err := w.Abort(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A small share takes a small buffer, and one writer a large one.
func TestBufferFitsShare(t *testing.T) {
	s := open(t, disk.Config{Dir: t.TempDir()})
	for _, c := range []struct {
		size     int64
		min, max int
	}{{1000, 1000, 32 << 10}, {1 << 20, 256 << 10, 256 << 10}} {
		got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: []storage.ShareNum{0}, Size: c.size, Lease: lease(1)})
		if err != nil || len(got.Writers) != 1 {
			t.Fatalf("got %d writers, %v", len(got.Writers), err)
		}
		asked, release := make(chan int, 1), make(chan struct{})
		close(release)
		var r io.Reader = &stalled{asked: asked, release: release}
		if _, err := got.Writers[0].Write(t.Context(), storage.Span{Size: c.size}, r); err != nil {
			t.Fatal(err)
		}
		if n := <-asked; n < c.min || n > c.max {
			t.Errorf("share of %d bytes: got a read of %d bytes, want %d to %d", c.size, n, c.min, c.max)
		}
		if err := got.Writers[0].Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

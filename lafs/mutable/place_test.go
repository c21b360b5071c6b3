package mutable_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
)

// Files that nobody uses are forgotten, those first that were used longest ago.
func TestIdleFilesAreForgotten(t *testing.T) {
	w := newWorld(t, 1)
	m := w.files(encoding(1, 1))
	kept := w.create(m, caps.SDMF, []byte("x"))
	for i := range 2 * mutable.MaxIdle {
		var key [16]byte
		binary.BigEndian.PutUint64(key[:], uint64(i))
		f, err := m.Open(caps.NewMutableWrite(caps.SDMF, key, [32]byte{}))
		must(t, err)
		if _, err := f.Stat(t.Context()); err == nil {
			t.Fatal("there is such a file")
		}
		if i%100 == 0 {
			wantContents(t, kept, []byte("x"))
		}
	}
	if n := m.Places(); n != mutable.MaxIdle {
		t.Errorf("%d files are remembered, want %d", n, mutable.MaxIdle)
	}
	if n := m.Remembered(); n != 1 {
		t.Errorf("%d bytes are remembered, want 1", n)
	}
}

func TestRememberedContentsAreBounded(t *testing.T) {
	w := newWorld(t, 1)
	m := w.files(encoding(1, 1), func(c *mutable.Config) { c.Remember = 1000 })
	keys := mutable.NewKeyPool(0, 0, reactor.NewPool(0))
	for i, size := range []int{400, 400, 501, 400, 100, 1} {
		k, err := keys.Get(t.Context())
		must(t, err)
		f, err := m.Create(t.Context(), mutable.CreateOptions{Key: k}, content(random(1, size)))
		must(t, err)
		wantContents(t, f, random(1, size))
		if n := m.Remembered(); n < 0 || n > 1000 {
			t.Errorf("after %d: %d bytes are remembered", i, n)
		}
	}
}

// Many goroutines that hold different capabilities of one file meet in one place: no edit is lost, and none is tried twice.
func TestOnePlaceForEachFile(t *testing.T) {
	w := newWorld(t, 10)
	m := w.files()
	file := w.create(m, caps.SDMF, nil)
	var writers sync.WaitGroup
	calls := make([]int, 20)
	for i := range calls {
		f := w.same(m, file)
		writers.Go(func() {
			_, err := f.Modify(t.Context(), 1<<10, func(old []byte) ([]byte, error) {
				calls[i]++
				return fmt.Appendf(old, "%02d ", i), nil
			})
			if err != nil {
				t.Error(err)
			}
			r, err := m.Open(f.Cap().(caps.MutableWrite).ReadOnly())
			if err != nil {
				t.Error(err)
			}
			if _, _, err := r.Contents(t.Context(), 1<<10); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if b, v := readAll(t, file); len(b) != 3*len(calls) || v.Seqnum != uint64(len(calls)+1) {
		t.Errorf("got %q, version %v", b, v)
	}
	for i, n := range calls {
		if n != 1 {
			t.Errorf("edit %d was called %d times", i, n)
		}
	}
}

func TestKeyPool(t *testing.T) {
	p := mutable.NewKeyPool(1, 2, reactor.NewPool(0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx, func() {}); err != nil {
			t.Error(err)
		}
	})
	wait := func(n int) {
		for p.Ready() < n {
			time.Sleep(time.Millisecond)
		}
	}
	wait(1)
	a, err := p.Get(t.Context())
	must(t, err)
	wait(2) // one was taken, so that more are kept
	b, err := p.Get(t.Context())
	must(t, err)
	wait(2) // and no more than that
	if a.Equal(b) || a.N.BitLen() != 2048 {
		t.Error("keys are equal, or too short")
	}
	cancel()
	running.Wait()
	if _, err := p.Get(ctx); err == nil && p.Ready() == 0 {
		t.Error("Get makes keys after its context's end")
	}
}

// Keys take long to make: other processor work does not wait for them, nor they for it.
func TestKeysTakeNoSlots(t *testing.T) {
	pool := reactor.NewPool(1)
	p := mutable.NewKeyPool(0, 0, pool)
	must(t, pool.Do(t.Context(), func() {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := p.Get(ctx); err != nil {
			t.Errorf("while the only slot was taken: %v", err)
		}
	}))
}

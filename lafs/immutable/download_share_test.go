package immutable_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/immutable"
	"tahoe/reactor"
)

// A trickle takes so many bytes a second, whatever it is given.
type trickle struct {
	*checker
	ctx  context.Context
	rate int
}

func (w trickle) Write(p []byte) (int, error) {
	select {
	case <-time.After(time.Second * time.Duration(len(p)) / time.Duration(w.rate)):
		return w.checker.Write(p)
	case <-w.ctx.Done():
		return 0, context.Cause(w.ctx)
	}
}

// trickling starts n slow readers of a file, which last as long as the test.
func trickling(t *testing.T, wg *sync.WaitGroup, d *immutable.Downloader, e encoded, n, rate int) (end func()) {
	ctx, cancel := context.WithCancelCause(t.Context())
	for range n {
		wg.Go(func() {
			w := trickle{&checker{t: t, want: e.plain}, ctx, rate}
			if err := d.Open(e.chk).Read(ctx, 0, int64(len(e.plain)), w); !errors.Is(err, errFull) {
				t.Errorf("after %d bytes: %v", w.n, err)
			}
		})
	}
	return func() { cancel(errFull) }
}

// However many readers do not read, others get their files.
func TestSlowReadersHoldUpNobody(t *testing.T) {
	large := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 12*mib)
	small := encoded{plain: noise(11, 56)}
	small.chk, small.shares = slowEncoder{k: 3, n: 10, maxSegment: mib}.encode(t, small.plain)
	for _, tc := range []struct {
		name        string
		rate        int
		small, most time.Duration
	}{
		{"trickle", 1 << 10, 50 * time.Millisecond, 2 * time.Second},
		{"a piece in two thirds of a second", 100 << 10, 50 * time.Millisecond, 25 * time.Second},
		{"a segment a second", mib, 50 * time.Millisecond, 30 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := large.world(t, 10)
				w.place(small.chk, small.shares)
				w.budget = reactor.NewBudget(48 * mib)
				d := w.downloader()
				var wg sync.WaitGroup
				end := trickling(t, &wg, d, large, 100, tc.rate)
				time.Sleep(100 * time.Millisecond)
				limit(t, tc.small, func() { readAll(t, t.Context(), d.Open(small.chk), small.plain) })
				time.Sleep(10 * time.Second)
				limit(t, tc.small, func() { readAll(t, t.Context(), d.Open(small.chk), small.plain) })
				limit(t, tc.most, func() { readRange(t, t.Context(), d.Open(large.chk), large.plain, 2*mib+5, 2*mib) })
				end()
				wg.Wait()
				if n := w.budget.InUse(); n != 0 {
					t.Errorf("%d bytes of the budget are not given back", n)
				}
			})
		})
	}
}

// A reader that stalls gives its memory to those who wait, and goes on where it was when it reads again.
func TestStalledReaderGoesOn(t *testing.T) {
	for _, enc := range []slowEncoder{
		{k: 3, n: 10, maxSegment: mib},
		{k: 2, n: 4, maxSegment: 1000}, // a piece has many segments, and the hashes are many
	} {
		e := encodeFile(t, enc, 3*mib+17)
		synctest.Test(t, func(t *testing.T) {
			w := e.world(t, 10)
			w.budget = reactor.NewBudget(3 * mib) // room for one fetch, or two
			d := w.downloader()
			var wg sync.WaitGroup
			var others atomic.Int32
			read := func(pause time.Duration) {
				c := &checker{t: t, want: e.plain[11:]}
				err := d.Open(e.chk).Read(t.Context(), 11, int64(len(e.plain)), slowWriter{c, pause})
				if err != nil || c.n != len(c.want) {
					t.Errorf("pause %v: got %d bytes, %v", pause, c.n, err)
				}
				others.Add(1)
			}
			for range 3 {
				wg.Go(func() { read(time.Minute) })
			}
			time.Sleep(time.Second)
			limit(t, time.Minute, func() { read(0) })
			wg.Wait()
			if n := w.budget.InUse(); n != 0 || others.Load() != 4 {
				t.Errorf("%d bytes of the budget are not given back, %d readers finished", n, others.Load())
			}
		})
	}
}

// What a Read holds while its writer does not come back, and others wait.
func TestStalledReaderGivesItsMemoryBack(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 12*mib)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 10)
		w.budget = reactor.NewBudget(48 * mib)
		d := w.downloader()
		var wg sync.WaitGroup
		end := trickling(t, &wg, d, e, 3, 1)
		time.Sleep(time.Second)
		if got := w.budget.InUse(); got < 24*mib {
			t.Errorf("three readers hold %d bytes, want three windows while nobody waits", got)
		}
		release, err := w.budget.Acquire(t.Context(), w.budget.Total())
		if err != nil {
			t.Fatal(err)
		}
		release()
		if got := w.budget.InUse(); got != 0 {
			t.Errorf("stalled readers hold %d bytes", got)
		}
		end()
		wg.Wait()
	})
}

// The last piece of a file is written when everything else was given back.
func TestSmallReadHoldsNothingWhileItWrites(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 70<<10)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 10)
		var held []int64
		var b bytes.Buffer
		out := writerFunc(func(p []byte) (int, error) {
			synctest.Wait()
			held = append(held, w.budget.InUse())
			return b.Write(p)
		})
		if err := w.downloader().Open(e.chk).Read(t.Context(), 0, 70<<10, out); err != nil || !bytes.Equal(b.Bytes(), e.plain) {
			t.Fatalf("got %d bytes, %v", b.Len(), err)
		}
		if len(held) != 2 || held[0] == 0 || held[1] != 0 {
			t.Errorf("held %v, want some and then nothing", held)
		}
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

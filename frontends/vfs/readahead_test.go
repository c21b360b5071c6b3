package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

// Reads meet the bytes of their place in every order, with a large window, a small one and none.
func TestReadAheadMeetsEveryPattern(t *testing.T) {
	data := big(7_000_000, 5)
	for _, memory := range []int64{64 << 20, 1 << 20, 1 << 10} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			d := sit(t, vfs.Config{Memory: reactor.NewBudget(memory)})
			d.grid.Add(d.root, "f", d.grid.PutData(data), "")
			f := d.open("/f", vfs.FlagRead)
			defer f.Abandon()
			check := func(off, n int) {
				got := make([]byte, n)
				m, err := f.ReadAt(t.Context(), got, int64(off))
				want := data[min(off, len(data)):min(off+n, len(data))]
				if m != len(want) || string(got[:m]) != want || (err == io.EOF) != (m < n) || err != nil && err != io.EOF {
					t.Errorf("%d bytes at %d: got %d, %v", n, off, m, err)
				}
			}
			pipelined(data, func(at []int, _ *rand.Rand) []int { return at }, check)
			for apart := 8; apart <= 64; apart *= 2 { // as a pipelining client does, whose requests overtake one another
				pipelined(data, func(at []int, r *rand.Rand) []int {
					for run := range slices.Chunk(at, apart) {
						r.Shuffle(len(run), func(i, k int) { run[i], run[k] = run[k], run[i] })
					}
					return at
				}, check)
			}
			r := rand.New(rand.NewPCG(1, 2))
			for range 200 {
				check(r.IntN(len(data)+1000), 1+r.IntN(300_000))
			}
		})
	}
}

// pipelined makes requests for all of data by eight workers, in the order that it is told.
func pipelined(data string, order func(at []int, r *rand.Rand) []int, check func(off, n int)) {
	const request = 32 << 10
	var at []int
	for off := 0; off < len(data); off += request {
		at = append(at, off)
	}
	jobs := make(chan int, len(at))
	for _, off := range order(at, rand.New(rand.NewPCG(3, 4))) {
		jobs <- off
	}
	close(jobs)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for off := range jobs {
				check(off, request)
			}
		})
	}
	all.Wait()
}

// A request that overtakes those before it makes the window forget what it has a part of. What comes of the rest of that part is
// not taken for its beginning.
func TestOvertakenReads(t *testing.T) {
	d := sit(t, vfs.Config{Memory: reactor.NewBudget(1 << 20)})
	data := big(3_000_000, 7)
	d.grid.Add(d.root, "f", d.grid.PutData(data), "")
	f := d.open("/f", vfs.FlagRead)
	defer f.Abandon()
	pieces := make(chan bool, 100)
	d.grid.Hook(func(ctx context.Context, op string) error {
		if op == "piece" {
			select {
			case <-pieces:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	want := func(off int) {
		got := make([]byte, 10_000)
		if n, err := f.ReadAt(t.Context(), got, int64(off)); err != nil || string(got[:n]) != data[off:off+len(got)] {
			t.Errorf("%d bytes at %d, %v: other bytes", n, off, err)
		}
	}
	pieces <- true
	want(0)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.ReadAt(ctx, make([]byte, 10), 500_000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, though it is not there yet", err)
	}
	pieces <- true
	time.Sleep(50 * time.Millisecond) // the window has that
	var all sync.WaitGroup
	all.Go(func() { want(10_000) })
	time.Sleep(50 * time.Millisecond)
	close(pieces)
	all.Wait()
}

// With memory for few windows, all readers get on, and none keeps what another needs.
func TestReadersShareMemory(t *testing.T) {
	d := sit(t, vfs.Config{Memory: reactor.NewBudget(2 << 20)})
	data := big(2_000_000, 8)
	d.grid.Add(d.root, "f", d.grid.PutData(data), "")
	var all sync.WaitGroup
	for range 10 {
		f := d.open("/f", vfs.FlagRead)
		defer f.Abandon()
		all.Go(func() {
			if got, err := readAll(t, f); got != data || err != nil {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
	all.Wait()
}

func TestReadingFailsAndGoesOn(t *testing.T) {
	d := sit(t, vfs.Config{})
	data := big(3_000_000, 6)
	d.grid.Add(d.root, "f", d.grid.PutData(data), "")
	f := d.open("/f", vfs.FlagRead)
	defer f.Abandon()
	away := errors.New("away")
	d.grid.Hook(func(context.Context, string) error { return away })
	if _, err := f.ReadAt(t.Context(), make([]byte, 10), 0); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	d.grid.Hook(nil)
	if got, err := readAll(t, f); got != data || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	d.grid.Hook(func(ctx context.Context, op string) error { <-ctx.Done(); return context.Cause(ctx) })
	g := d.open("/f", vfs.FlagRead)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := g.ReadAt(ctx, make([]byte, 10), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	g.Abandon() // does not hang, though the grid does
}

// Of many reads under way the first may come last. What it needs is kept for it, and the grid is not asked again.
func TestExpectedReads(t *testing.T) {
	const request, many = 255 << 10, 16
	for _, memory := range []int64{64 << 20, 1 << 20} { // a large window, and one that is smaller than what is under way
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			d := sit(t, vfs.Config{Memory: reactor.NewBudget(memory)})
			data := big(many*request, 9)
			d.grid.Add(d.root, "f", d.grid.PutData(data), "")
			asked := d.grid.CountReads()
			f := d.open("/f", vfs.FlagRead)
			defer f.Abandon()
			read := func(k int, came func()) {
				defer came()
				got := make([]byte, request)
				if _, err := f.ReadAt(t.Context(), got, int64(k*request)); err != nil || string(got) != data[k*request:(k+1)*request] {
					t.Errorf("read %d: other bytes, %v", k, err)
				}
			}
			for k := 0; k < many; k += 8 {
				var others sync.WaitGroup
				first := f.Expect(int64(k * request))
				for n := 1; n < 8; n++ {
					came := f.Expect(int64((k + n) * request))
					others.Go(func() { read(k+n, came) })
				}
				if memory > 8*request {
					others.Wait()
				}
				read(k, first)
				others.Wait()
			}
			if n := asked.Load(); n != 2 { // a first look, and the rest
				t.Errorf("the grid was asked %d times, want 2", n)
			}
		})
	}
}

// A file is read piece by piece in streams, and rightly too when several goroutines do it, as a client makes them that asks for pieces in
// advance.
func TestPipelineIsAStream(t *testing.T) {
	for _, workers := range []int{1, 8} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) { pipeline(t, workers) })
	}
}

func pipeline(t *testing.T, workers int) {
	const piece = 255 << 10
	d := sit(t, vfs.Config{})
	data := big(30_000_000, 1)
	d.grid.Add(d.root, "f", d.grid.PutData(data), "")
	reads := d.grid.CountReads()
	f := d.open("/f", vfs.FlagRead)
	defer f.Abandon()
	var next atomic.Int64
	var all sync.WaitGroup
	for k := range workers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(5, uint64(k)))
			for off := next.Add(piece) - piece; off < int64(len(data)); off = next.Add(piece) - piece {
				if r.IntN(4) == 0 {
					time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond)
				}
				b := make([]byte, piece)
				n, err := f.ReadAt(t.Context(), b, off)
				if want := data[off:min(off+piece, int64(len(data)))]; string(b[:n]) != want || err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("at %d: %d bytes, %v", off, n, err)
				}
			}
		})
	}
	all.Wait()
	if n := reads.Load(); workers == 1 && n > 31 { // a stream is for a MiB at least; of several workers one may be better off without
		t.Errorf("the grid was asked %d times", n)
	}
}

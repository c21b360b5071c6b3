package keeper_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/keeper"
	"tahoe/reactor"
)

// TestDrain is the small form of TestDrainLong.
func TestDrain(t *testing.T) {
	keyOf(t, 2)
	synctest.Test(t, func(t *testing.T) { drain(t, 40) })
}

// TestDrainLong drains a server of 10,000 shares.
func TestDrainLong(t *testing.T) {
	if os.Getenv("TAHOE_LONG") == "" {
		t.Skip("set TAHOE_LONG=1 for the long form")
	}
	keyOf(t, 2)
	synctest.Test(t, func(t *testing.T) { drain(t, 12_000) })
}

// drain retires a server while clients read and write, pauses in the middle, and looks that nothing is lost and the bound holds.
func drain(t *testing.T, files int) {
	w := newWorld(t, 1, 12)
	w.plant(files, 3)
	clock := reactor.System()
	rate := max(int64(files)*100, grid.LeastPace) // so that it takes a minute or some
	pace := grid.NewPace(clock, rate, rate)
	k, stop := w.run(func(c *keeper.Config) { c.Pace, c.Tick, c.Parallel = pace, time.Hour, 1 })
	defer stop()
	time.Sleep(time.Minute)
	w.idle(k)
	victim := w.alive()[0]
	had := len(victim.mem.Indices())
	bound := newMeter(pace, rate)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { bound.watch(t, ctx) })
	running.Go(func() { w.use(ctx) })
	victim.Retire(true)
	must(t, k.Now())
	time.Sleep(30 * time.Second)
	must(t, k.Pause())
	synctest.Wait()
	if st, err := k.Status(); err != nil || st.Leaving+st.Unchecked == 0 {
		t.Errorf("it was drained before the pause: %+v, %v", st, err)
	}
	in, out := pace.Moved()
	time.Sleep(6 * time.Hour)
	if in2, out2 := pace.Moved(); in2 != in || out2 != out {
		t.Errorf("paused, it moved %d and %d bytes", in2-in, out2-out)
	}
	must(t, k.Resume())
	begun := time.Now()
	w.drained(k)
	took := time.Since(begun).Round(time.Second)
	cancel()
	running.Wait()
	t.Logf("%d shares, in %v after the pause; at most %d bytes in %v, of %d", had, took, bound.most, window, int64(window.Seconds())*rate)
	for i, n := range w.shares(func(h *host) bool { return h != victim }) {
		if n < 10 {
			t.Errorf("%s has %d shares at the servers that stay", caps.Abbrev(w.files[i].cap), n)
		}
	}
	for _, i := range victim.mem.Indices() {
		if caps.IsMutable(w.files[i].cap) {
			t.Errorf("mutable shares of %s were not removed", i.Abbrev())
		}
	}
	w.forsaken(k, victim)
}

// forsaken looks that what was drained runs out, and nothing else does.
func (w *world) forsaken(k *keeper.Keeper, victim *host) {
	for range 7 {
		time.Sleep(7 * day)
		w.expire()
	}
	if left := len(victim.mem.Indices()); left > 0 {
		w.t.Errorf("%d files have shares at the drained server that somebody renews", left)
	}
	w.idle(k)
	if least, _ := w.fewest(); least < 10 {
		w.t.Errorf("a file has %d shares", least)
	}
	if bad := w.readAll(200); bad > 0 {
		w.t.Errorf("%d files cannot be read", bad)
	}
	auditStore(w.t, w.config(nil).Path)
}

// drained waits until nothing at the servers to be retired is needed there.
func (w *world) drained(k *keeper.Keeper) {
	w.t.Helper()
	var st keeper.Status
	for range 24 * 60 {
		var err error
		st, err = k.Status()
		must(w.t, err)
		if st.Leaving == 0 && st.Unchecked == 0 {
			return
		}
		time.Sleep(time.Minute)
	}
	events, _ := k.Events(20)
	w.t.Fatalf("the server is never drained: %+v\n%v", st, events)
}

// use reads and writes until ctx ends.
func (w *world) use(ctx context.Context) {
	d, err := w.client.OpenDirectory(w.root)
	must(w.t, err)
	var known []lafs.Child
	for i := 0; ctx.Err() == nil; i++ {
		child := w.put(100)
		if _, err := d.Set(w.t.Context(), lafs.NewChild{Name: fmt.Sprint("new ", i), Child: child}, lafs.ReplaceNever); err != nil {
			w.t.Errorf("write %d: %v", i, err)
		}
		known = append(known, child)
		n, err := w.client.OpenChild(known[w.rand.IntN(len(known))])
		must(w.t, err)
		var got bytes.Buffer
		if err := n.(lafs.File).Read(w.t.Context(), 0, 1000, &got); err != nil {
			w.t.Errorf("read: %v", err)
		}
		_ = reactor.Sleep(ctx, reactor.System(), 10*time.Minute)
	}
}

// A meter watches a pace.
type meter struct {
	pace    *grid.Pace
	rate    int64
	most    int64
	in, out int64
}

func newMeter(p *grid.Pace, rate int64) *meter {
	m := &meter{pace: p, rate: rate}
	m.in, m.out = p.Moved()
	return m
}

const window = time.Minute

// watch looks that in no minute more is moved than in one at the rate, one second's worth, and what one operation sends as single messages.
func (m *meter) watch(t *testing.T, ctx context.Context) {
	const messages = 150_000
	for reactor.Sleep(ctx, reactor.System(), window) == nil {
		in, out := m.pace.Moved()
		m.most = max(m.most, in-m.in, out-m.out)
		if in-m.in > m.rate*61+messages || out-m.out > m.rate*61+messages {
			t.Errorf("in a minute it moved %d bytes here and %d there, and the bound is %d a second", in-m.in, out-m.out, m.rate)
		}
		m.in, m.out = in, out
	}
}

func auditStore(t testing.TB, path string) {
	t.Helper()
	s, err := keeper.OpenStore(t.Context(), path)
	must(t, err)
	if err := s.Audit(keeper.Policy{}); err != nil {
		t.Error(err)
	}
	must(t, s.Close())
}

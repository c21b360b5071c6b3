package keeper_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/lafs/keeper"
	"tahoe/storage"
)

// TestSpread has servers join a grid in which each holds two shares of each file: afterwards each share has a server of its own, and of
// mutable files no other.
func TestSpread(t *testing.T) {
	keyOf(t, 1)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 5)
		small := lafs.NewChild{Name: "f", Child: w.crowded(200)}
		w.root = w.mkdir([]lafs.NewChild{small}).Cap()
		for range 7 {
			w.join()
		}
		k, stop := w.run(func(c *keeper.Config) { c.Least = 3 })
		defer stop()
		time.Sleep(2 * time.Hour)
		if st := w.idle(k); st.By[keeper.Healthy] != 2 || st.Failing > 0 {
			t.Fatalf("got %+v", st)
		}
		for i, s := range w.files {
			holders, copies := 0, 0
			for _, h := range w.alive() {
				n := len(h.mem.Shares(i))
				holders += min(n, 1)
				copies += n
			}
			if holders < 10 || caps.IsMutable(s.cap) && copies != 10 {
				t.Errorf("%s: %d servers hold %d shares", caps.Abbrev(s.cap), holders, copies)
			}
		}
		if bad := w.readAll(10); bad > 0 {
			t.Error("the file cannot be read")
		}
	})
}

// crowded stores a file on fewer servers than an upload demands otherwise.
func (w *world) crowded(size int) lafs.Child {
	old := w.client
	defer func() { w.client = old }()
	w.client = w.newClient(5)
	return w.put(size)
}

// TestKilled takes what is on disk at many moments, as a crash would leave it: each is whole, and a keeper goes on from it.
func TestKilled(t *testing.T) {
	keyOf(t, 1)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 12)
		w.plant(30, 2)
		_, stop := w.run(nil)
		var left []string
		for n := range 12 {
			if n == 4 {
				w.die(0)
				w.join()
			}
			time.Sleep(time.Duration(1+w.rand.IntN(70)) * time.Hour)
			left = append(left, w.snapshot(n))
		}
		stop()
		auditStore(t, w.config(nil).Path)
		for _, path := range left {
			auditStore(t, path)
		}
		w.die(1)
		w.join()
		k, stop := w.run(func(c *keeper.Config) { c.Path = left[len(left)/2] })
		time.Sleep(keeper.Policy{}.Delay())
		st := w.idle(k)
		if least, _ := w.fewest(); least < 10 || st.By[keeper.Healthy] != len(w.files) {
			t.Errorf("after a crash a file has %d shares; %+v", least, st.Counts)
		}
		stop()
		auditStore(t, left[len(left)/2])
	})
}

// snapshot copies the database as it is on disk at this moment.
func (w *world) snapshot(n int) string {
	w.t.Helper()
	from := w.config(nil).Path
	to := filepath.Join(w.t.TempDir(), "keeper.sqlite")
	for _, suffix := range []string{"", "-wal"} {
		in, err := os.Open(from + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(w.t, err)
		out, err := os.Create(to + suffix)
		must(w.t, err)
		_, err = io.Copy(out, in)
		must(w.t, errors.Join(err, in.Close(), out.Close()))
	}
	return to
}

// TestStates: a file of which too few shares are left is out of reach while a server is away, lost when all answer, and well again when the
// server is back. Who is to be told is told when it becomes worse and when it is well, until somebody listens.
func TestStates(t *testing.T) {
	keyOf(t, 0)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 12)
		file := w.put(100)
		w.root = file.Cap()
		var notices []keeper.Level
		deaf := true
		k, stop := w.run(func(c *keeper.Config) {
			c.Least = 1
			c.Tell = func(_ context.Context, n keeper.Notice) error {
				if deaf {
					deaf = false
					return errors.New("nobody listens")
				}
				if strings.Contains(n.Sentence, "URI:") {
					t.Errorf("a capability was told: %s", n.Sentence)
				}
				notices = append(notices, n.Level)
				return nil
			}
		})
		defer stop()
		time.Sleep(time.Hour)
		w.idle(k)
		expect := func(want keeper.State, level keeper.Level) {
			t.Helper()
			must(t, k.Now())
			time.Sleep(3 * time.Hour)
			st := w.idle(k)
			if st.By[want] != 1 || st.Level() != level {
				t.Errorf("got %+v: %s", st.Counts, st.Sentence(time.Now()))
			}
		}
		expect(keeper.Healthy, keeper.Good)
		holders := slices.DeleteFunc(w.alive(), func(h *host) bool { return len(h.mem.Indices()) == 0 })
		for _, h := range holders[:8] {
			w.away(h, true)
		}
		expect(keeper.Unreachable, keeper.Trouble)
		gone := holders[:8]
		for _, h := range gone {
			for _, i := range h.mem.Indices() {
				h.mem.Remove(i, h.mem.Shares(i)[0])
			}
			w.away(h, false)
		}
		expect(keeper.Lost, keeper.Loss)
		v, _ := caps.VerifyOnly(file.Cap())
		revive(w, v.Index())
		expect(keeper.Healthy, keeper.Good)
		if want := []keeper.Level{keeper.Trouble, keeper.Loss, keeper.Good}; !slices.Equal(notices, want) {
			t.Errorf("told %v, want %v", notices, want)
		}
		events, err := k.Events(100)
		must(t, err)
		for _, e := range events {
			if strings.Contains(e.Text, "URI:") || strings.Contains(e.Place, "URI:") {
				t.Errorf("a capability is in the history: %+v", e)
			}
		}
	})
}

// revive uploads a file anew, as whoever has it still would.
func revive(w *world, i storage.Index) {
	s := w.files[i]
	_, err := w.client.Put(w.t.Context(), strings.NewReader(string(s.contents)), lafs.PutOptions{Size: int64(len(s.contents))})
	must(w.t, err)
}

// TestCorrupt: damage that only reading shows is found by the verification of a sample, and repaired.
func TestCorrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 12)
		w.root = w.put(100).Cap()
		k, stop := w.run(func(c *keeper.Config) { c.Policy.Verify = 20 * day })
		defer stop()
		time.Sleep(time.Hour)
		w.idle(k)
		for _, h := range w.alive() {
			for _, i := range h.mem.Indices() {
				if n := h.mem.Shares(i)[0]; n < 4 {
					h.mem.FlipBit(i, n, 50)
				}
			}
		}
		time.Sleep(21 * day)
		w.idle(k)
		v, _ := caps.VerifyOnly(w.root)
		r, err := w.client.Check(t.Context(), v, lafs.CheckOptions{Verify: true})
		if err != nil || !r.Healthy {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

// TestForget: what is no longer linked is kept no longer, unless a directory could not be read, in which it may be.
func TestForget(t *testing.T) {
	keyOf(t, 2)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 12)
		inner := w.mkdir([]lafs.NewChild{{Name: "f", Child: w.put(100)}})
		root := w.mkdir([]lafs.NewChild{{Name: "d", Child: inner.Child()}, {Name: "g", Child: w.put(100)}})
		w.root = root.Cap()
		k, stop := w.run(nil)
		defer stop()
		files := func(want int) {
			t.Helper()
			must(t, k.Now())
			time.Sleep(2 * time.Hour)
			if st := w.idle(k); st.Files != want {
				t.Errorf("%d are kept, want %d: %s", st.Files, want, st.PassText)
			}
		}
		time.Sleep(time.Hour)
		files(4)
		v, _ := caps.VerifyOnly(inner.Cap())
		taken := map[*host]map[storage.ShareNum][]byte{}
		for _, h := range w.alive() {
			for _, n := range h.mem.Shares(v.Index()) {
				taken[h] = map[storage.ShareNum][]byte{n: h.mem.Bytes(v.Index(), n)}
				h.mem.Edit(v.Index(), n, func(b []byte) []byte { return make([]byte, len(b)) })
			}
		}
		files(4)
		for h, shares := range taken {
			for n, b := range shares {
				h.mem.Edit(v.Index(), n, func([]byte) []byte { return b })
			}
		}
		d, err := w.newClient(7).OpenDirectory(w.root)
		must(t, err)
		_, err = d.Unlink(t.Context(), "d")
		must(t, err)
		files(2)
	})
}

// TestOrders: an order is taken from the moment on at which there is something to watch, and holds over a restart.
func TestOrders(t *testing.T) {
	keyOf(t, 1)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 12)
		root := w.mkdir([]lafs.NewChild{{Name: "f", Child: w.put(100)}}).Cap()
		var watched atomic.Pointer[caps.Cap]
		change := func(c *keeper.Config) {
			c.Watch = func() (watch keeper.Watch, err error) {
				if root := watched.Load(); root != nil {
					watch.Roots = []keeper.Root{{Name: "home", Cap: *root}}
				}
				return watch, nil
			}
		}
		looked := func(k *keeper.Keeper, paused bool) {
			t.Helper()
			time.Sleep(3 * time.Hour)
			synctest.Wait()
			if st, err := k.Status(); err != nil || st.Paused != paused || !paused && st.Files != 2 {
				t.Errorf("paused %v: got %+v, %v", paused, st, err)
			}
		}
		k, stop := w.run(change)
		time.Sleep(time.Minute)
		for _, order := range []func() error{k.Pause, k.Resume, k.Now} {
			if err := order(); !errors.Is(err, keeper.ErrIdle) {
				t.Errorf("without anything to watch: got %v", err)
			}
		}
		watched.Store(&root)
		must(t, k.Pause())
		looked(k, true)
		stop()
		if err := k.Resume(); !errors.Is(err, keeper.ErrClosed) {
			t.Errorf("after the end: got %v", err)
		}

		k, stop = w.run(change)
		looked(k, true)
		stop()
		k, stop = w.run(change)
		must(t, k.Resume())
		looked(k, false)
		stop()
		auditStore(t, w.config(nil).Path)
	})
}

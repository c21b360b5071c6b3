package crawler_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/crawler"
)

// fill stores shares of both kinds.
func fill(t testing.TB, s storage.Server, buckets int) {
	t.Helper()
	for n := range buckets {
		put := upload
		if n%3 == 0 {
			put = write
		}
		if err := put(t.Context(), s, index(n), storage.ShareNum(n%5), []byte("some data"), secret(n%4)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilledAnywhere: a cycle that is killed after each number of visits in turn, again and again, ends with the figures of one that was
// never killed.
func TestKilledAnywhere(t *testing.T) {
	const buckets = 30
	dir := t.TempDir()
	clock := &leaping{now: t0}
	fill(t, openDisk(t, dir, clock, nil), buckets)
	want := wholeCycle(t, dir, &leaping{now: t0.Add(40 * 24 * time.Hour)}, -1)
	if want.Space["examined-shares"] != buckets || want.Space["configured-shares"] != buckets || want.Space["actual-shares"] != 0 {
		t.Fatalf("got %v, want %d shares looked at", want.Space, buckets)
	}
	for _, kill := range []int{0, 1, 4, 5, 11, 29} {
		got := wholeCycle(t, dir, &leaping{now: t0.Add(40 * 24 * time.Hour)}, kill)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("killed after %d visits: got %+v, want %+v", kill, got, want)
		}
	}
}

// wholeCycle makes one cycle, in as many processes as it takes; each but the last is killed after so many visits.
func wholeCycle(t *testing.T, dir string, clock *leaping, kill int) crawler.Tally {
	t.Helper()
	shares := openDisk(t, dir, clock, nil)
	for process := 0; ; process++ {
		ctx, cancel := context.WithCancel(t.Context())
		c := &counting{Shares: shares, left: kill, then: cancel}
		if kill < 0 || process > 0 && kill < 3 || process > 60 {
			c.then = func() {}
		}
		// Every third visit ends a slice, and so the state is saved.
		c.each = func(n int) {
			if n%3 == 0 {
				clock.Advance(time.Minute)
			}
		}
		l := crawler.NewLeases(crawler.LeaseConfig{
			Config: crawler.Config{Dir: dir, Shares: c, Clock: clock, Pace: crawler.Pace{Slice: time.Minute}},
			Policy: crawler.Policy{Immutable: true, Mutable: true},
		})
		err := l.Cycle(ctx)
		cancel()
		if err == nil {
			past, ok := l.Report().History.Last()
			if !ok {
				t.Fatal("a cycle has ended, and is not in the history")
			}
			return past.Tally
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// TestRenewalsAgainstRemovals: a client that was told that its lease is renewed finds its share afterwards, however the renewal and the
// removal met.
func TestRenewalsAgainstRemovals(t *testing.T) {
	const buckets = 60
	clock := &leaping{now: t0}
	shares := openDisk(t, t.TempDir(), clock, nil)
	fill(t, shares, buckets)
	clock.Advance(32 * 24 * time.Hour)
	dir := t.TempDir()
	l := crawler.NewLeases(crawler.LeaseConfig{
		Config: crawler.Config{Dir: dir, Shares: shares, Clock: clock}, Policy: crawler.Policy{Enabled: true, Immutable: true, Mutable: true},
	})
	renewed := make([]bool, buckets)
	var clients sync.WaitGroup
	for part := range 4 {
		clients.Go(func() {
			for n := part; n < buckets; n += 4 {
				err := shares.AddLease(t.Context(), index(n), secret(77))
				renewed[n] = err == nil
				if err != nil && !errors.Is(err, storage.ErrNotFound) {
					t.Error(err)
				}
			}
		})
	}
	if err := l.Cycle(t.Context()); err != nil {
		t.Fatal(err)
	}
	clients.Wait()
	for n := range buckets {
		if _, err := shares.Leases(index(n), storage.ShareNum(n%5)); renewed[n] != (err == nil) {
			t.Errorf("bucket %d: renewed %t, but reading its leases says %v", n, renewed[n], err)
		}
	}
}

// TestIndexSparesReading: a second cycle reads what was touched, what is due, and nothing else; an index that is lost is made again.
func TestIndexSparesReading(t *testing.T) {
	const buckets = 20
	dir := t.TempDir()
	clock := &leaping{now: t0}
	touches := crawler.OpenTouches(dir, quiet)
	shares := openDisk(t, dir, clock, touching{touches})
	fill(t, shares, buckets)
	leases := func(touches *crawler.Touches) *crawler.Leases {
		return crawler.NewLeases(crawler.LeaseConfig{
			Config: crawler.Config{Dir: dir, Shares: shares, Clock: clock}, Touches: touches,
			Policy: crawler.Policy{Enabled: true, Immutable: true, Mutable: true},
		})
	}
	l := leases(touches)
	cycle := func(name string, want int) {
		t.Helper()
		if err := l.Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := l.Report(); r.Reads != want {
			t.Errorf("%s: got %d buckets read, want %d", name, r.Reads, want)
		}
	}
	cycle("the first", buckets)
	clock.Advance(time.Hour)
	cycle("nothing has changed", 0)
	for n := range 3 {
		if err := shares.AddLease(t.Context(), index(n), secret(9)); err != nil {
			t.Fatal(err)
		}
	}
	cycle("three were renewed", 3)
	l = leases(crawler.OpenTouches(t.TempDir(), quiet))
	cycle("after a crash", buckets)
	clock.Advance(8 * 24 * time.Hour)
	cycle("after a week", buckets)
	if last, _ := l.Report().History.Last(); last.Space["examined-shares"] != buckets || last.Space["actual-shares"] != 0 {
		t.Errorf("got %v", last.Space)
	}
	clock.Advance(24 * 24 * time.Hour)
	cycle("when leases have ended", buckets)
	if last, _ := l.Report().History.Last(); last.Space["actual-shares"] != buckets {
		t.Errorf("got %v, want %d shares removed", last.Space, buckets)
	}
}

package crawler_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/crawler"
	"tahoe/storage/disk"
	"tahoe/storage/ledger"
	"tahoe/storage/meter"
	"tahoe/storage/share"
)

// TestLongMillionShares makes a million small shares, and prints what cycles over them cost: time, memory, and how much longer clients
// wait meanwhile. TAHOE_SHARES is another number of shares, and TMPDIR says where they lie.
func TestLongMillionShares(t *testing.T) {
	if os.Getenv("TAHOE_LONG") == "" {
		t.Skip("makes a million files; TAHOE_LONG=1 runs it")
	}
	shares := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("TAHOE_SHARES")); err == nil {
		shares = n
	}
	dir := t.TempDir()
	makeShares(t, dir, shares)
	clock := reactor.System()
	book, err := ledger.Open(ledger.Config{Dir: dir, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	touches := crawler.OpenTouches(dir, quiet)
	server := openDisk(t, dir, clock, accounts{book, touches})
	m := meter.New(clock)
	config := crawler.LeaseConfig{
		Config: crawler.Config{Dir: dir, Shares: server, Clock: clock}, Touches: touches, Census: book,
		Policy: crawler.Policy{Enabled: true, Immutable: true, Mutable: true},
	}
	unpaced := config
	unpaced.Pace = crawler.Pace{Slice: time.Hour}
	for _, name := range []string{"first cycle, every share read", "second cycle, by the index"} {
		measureCycle(t, name, crawler.NewLeases(unpaced), shares)
	}
	if usage, _ := book.Usage(); usage.Immutable.Shares != int64(shares) {
		t.Errorf("got %d shares counted, want %d", usage.Immutable.Shares, shares)
	}
	config.Touches = crawler.OpenTouches(t.TempDir(), quiet) // a cycle that reads every share
	config.Pace = crawler.Pace{Busy: m.Busy}
	measureClients(t, m.Server(server), crawler.NewLeases(config), shares)
}

// accounts hands changes to both who want them.
type accounts struct {
	*ledger.Ledger
	touches *crawler.Touches
}

func (a accounts) Changed(c share.Change) {
	a.touches.Touch(c.Index)
	a.Ledger.Changed(c)
}

var _ disk.Ledger = accounts{}

// makeShares writes share files by themselves: through the server, each would be synced.
func makeShares(t *testing.T, dir string, n int) {
	t.Helper()
	start := time.Now()
	c := share.NewImmutable(100)
	c.Leases = 1
	lease := c.Encode(share.NewLease(c.Version, 0, secret(1), time.Now().Add(20*24*time.Hour), [20]byte{}))
	file := slices.Concat(c.Header(), make([]byte, 100), lease)
	for k := range n {
		text := manyIndex(k).String()
		bucket := filepath.Join(dir, "shares", text[:2], text)
		if err := os.MkdirAll(bucket, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bucket, "0"), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("made %d shares in %v", n, time.Since(start).Round(time.Second))
}

func manyIndex(k int) (i storage.Index) {
	binary.BigEndian.PutUint64(i[:], uint64(k)*0x9e3779b97f4a7c15)
	return i
}

func measureCycle(t *testing.T, name string, l *crawler.Leases, shares int) {
	t.Helper()
	heap := watchHeap()
	start := time.Now()
	if err := l.Cycle(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	r := l.Report()
	t.Logf("%s: %v (%.1f µs a share), %d buckets read, at most %d MiB of heap", name, took.Round(10*time.Millisecond),
		took.Seconds()*1e6/float64(shares), r.Reads, heap()>>20)
	if last, _ := r.History.Last(); last.Space["examined-shares"] != int64(shares) || last.Space["actual-shares"] != 0 {
		t.Errorf("%s: got %d shares looked at and %d removed, want %d and none", name, last.Space["examined-shares"], last.Space["actual-shares"], shares)
	}
}

// watchHeap returns what says how large the heap became.
func watchHeap() func() uint64 {
	runtime.GC()
	ctx, cancel := context.WithCancel(context.Background())
	most := make(chan uint64)
	go func() {
		var peak uint64
		var s runtime.MemStats
		for ctx.Err() == nil {
			runtime.ReadMemStats(&s)
			peak = max(peak, s.HeapAlloc)
			time.Sleep(50 * time.Millisecond)
		}
		most <- peak
	}()
	return func() uint64 { cancel(); return <-most }
}

// measureClients reads, uploads and renews, by turns without and with a crawler, so that both see the same machine.
func measureClients(t *testing.T, s storage.Server, l *crawler.Leases, shares int) {
	t.Helper()
	var alone, beside []time.Duration
	next := 0
	for range 6 {
		alone = append(alone, calls(t, s, &next, shares)...)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = l.Cycle(ctx) }()
		beside = append(beside, calls(t, s, &next, shares)...)
		cancel()
		<-done
	}
	a, b := summary(alone), summary(beside)
	t.Logf("clients alone:             %v", a)
	t.Logf("beside a crawler that reads: %v; mean %+.1f %%; it read %d buckets meanwhile", b, 100*(b.mean/a.mean-1), l.Report().Reads)
	if b.median > a.median*11/10 {
		t.Errorf("half of the calls take %v beside a crawler, and %v alone: more than a tenth longer", b.median, a.median)
	}
	if l.Report().Reads == 0 {
		t.Error("the crawler did not work meanwhile")
	}
}

type latency struct {
	mean        float64
	median, p95 time.Duration
}

func (l latency) String() string {
	return fmt.Sprintf("mean %.0f µs, median %v, 95 %% below %v", l.mean*1e6, l.median.Round(time.Microsecond), l.p95.Round(time.Microsecond))
}

func summary(all []time.Duration) latency {
	slices.Sort(all)
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return latency{sum.Seconds() / float64(len(all)), all[len(all)/2], all[len(all)*95/100]}
}

// calls asks the server for ten seconds, as clients do, with a little time between.
func calls(t *testing.T, s storage.Server, next *int, shares int) []time.Duration {
	t.Helper()
	var took []time.Duration
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); *next++ {
		start := time.Now()
		i := manyIndex(*next % shares)
		err := s.AddLease(t.Context(), i, secret(1))
		if err == nil {
			_, err = s.Buckets(t.Context(), i)
		}
		if err == nil {
			_, err = s.ReadSlot(t.Context(), i, nil, []storage.Span{{Size: 100}})
		}
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(start))
		time.Sleep(time.Millisecond)
	}
	return took
}

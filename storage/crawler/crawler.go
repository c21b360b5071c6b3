// Package crawler walks the shares of a storage directory, again and again: one crawler counts buckets, the other looks at leases and, if
// it is told to, removes shares whose leases have all ended. It is for storage nodes. State and history lie in the files of Tahoe-LAFS
// 1.20 (bucket_counter.state.json, lease_checker.state.json, lease_checker.history.json), so that either program goes on where the other
// stopped.
//
// The invariant: a share is removed only after its leases have been read from the share itself, while its index was locked against
// renewals, and each of them had ended. What the crawler remembers (its state, the lease index) decides where it looks, and when; never
// what it removes. Wrong, old or lost, it can delay a removal, and cannot cause one.
//
// The lease index (folder lease-index) holds what was read of each share the last time, so that a cycle reads only the shares that
// changed, that may have to go, or that nobody has looked at for a week; the rest costs as much as a line of a list. It is a copy, one
// file for each two letters that an index begins with, and what is missing or damaged is read from the shares again.
package crawler

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/share"
)

// Shares is what is walked. A disk.Server is one.
type Shares interface {
	// Prefix lists the indices whose text begins with two letters, in the order of their texts.
	Prefix(prefix string) ([]storage.Index, error)
	// Visit calls f while nobody else changes the shares of i or their leases.
	Visit(ctx context.Context, i storage.Index, f func(share.Visit) error) error
}

// A Pace says how much of the machine a crawler takes. Zero values are those of New.
type Pace struct {
	SlowStart time.Duration // before the first cycle
	Rest      time.Duration // between cycles
	Slice     time.Duration // worked at a time; an eighth of it while the server is busy
	Part      float64       // of the time that is worked; a quarter of it while the server is busy
	Busy      func() bool   // whether anybody is being served; nil: never
}

const (
	slice      = 20 * time.Millisecond
	part       = 0.10
	busySlices = 8
	busyParts  = 4
	maxPause   = 299 * time.Second
	saveEvery  = 15 * time.Second
)

func (p Pace) or(slowStart, rest time.Duration) Pace {
	if p.SlowStart == 0 {
		p.SlowStart = slowStart
	}
	if p.Rest == 0 {
		p.Rest = rest
	}
	if p.Slice == 0 {
		p.Slice = slice
	}
	if p.Part == 0 {
		p.Part = part
	}
	if p.Busy == nil {
		p.Busy = func() bool { return false }
	}
	return p
}

// Config is what every crawler needs. Dir, Shares and Clock are required.
type Config struct {
	Dir    string // storage directory, where the state lies
	Shares Shares
	Clock  reactor.Clock
	Pace   Pace
	Log    *slog.Logger
}

// prefixes are the 1024 beginnings of an index's text, in the order of a walk, which is that of the texts.
var prefixes = func() []string {
	out := make([]string, 0, 1024)
	for k := range 1024 {
		out = append(out, storage.Index{byte(k >> 2), byte(k << 6)}.String()[:2])
	}
	slices.Sort(out)
	return out
}()

// A job is what is done on a walk. Its methods are called by the goroutine of the walk.
type job interface {
	// begin begins a cycle, or goes on with one behind a bucket.
	begin(cycle int, after string)
	// prefix does what is to be done with the indices of a prefix behind after, and calls w.passed for each.
	prefix(ctx context.Context, prefix, after string) error
	// finish ends a cycle.
	finish(cycle int) error
	// save makes the state durable, of which p is a part.
	save(p position) error
}

// A walker takes a job through all prefixes.
type walker struct {
	c   Config
	job job

	sliceStart, savedAt time.Time

	mu       sync.Mutex // guards what a page reads
	pos      position
	running  bool
	wake     time.Time // when it goes on; zero while it works
	cycleAt  time.Time // of this process, when the cycle began
	took     time.Duration
	prefixAt time.Time
	prefixIn time.Duration // what the last prefix took
}

func newWalker(c Config) walker {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return walker{c: c}
}

// Run walks until ctx ends.
func (w *walker) Run(ctx context.Context, ready func()) error {
	ready()
	pause := w.c.Pace.SlowStart
	for {
		if w.sleep(ctx, pause) != nil {
			return w.stop()
		}
		if err := w.Cycle(ctx); err != nil {
			return w.stop()
		}
		pause = w.c.Pace.Rest
	}
}

func (w *walker) stop() error {
	w.save()
	return nil
}

func (w *walker) sleep(ctx context.Context, d time.Duration) error {
	w.setWake(w.c.Clock.Now().Add(d))
	defer w.setWake(time.Time{})
	return reactor.Sleep(ctx, w.c.Clock, d)
}

func (w *walker) setWake(t time.Time) {
	w.mu.Lock()
	w.wake = t
	w.mu.Unlock()
}

// Cycle goes through all shares once, or through those that an earlier process left of a cycle. It ends early with ctx alone; what else
// goes wrong is logged, and left to the next cycle.
func (w *walker) Cycle(ctx context.Context) error {
	w.sliceStart = w.c.Clock.Now()
	first, after := w.start()
	for k := first; k < len(prefixes); k++ {
		err := w.job.prefix(ctx, prefixes[k], after)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			w.c.Log.Warn("crawling over shares", "prefix", prefixes[k], "error", err)
		}
		after = ""
		w.passedPrefix(k)
		if err := w.breathe(ctx); err != nil {
			return err
		}
	}
	w.end()
	return nil
}

// start begins a cycle, unless one is under way, and returns where to go on.
func (w *walker) start() (first int, after string) {
	now := w.c.Clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pos.Current == nil {
		n := 0
		if w.pos.LastFinished != nil {
			n = *w.pos.LastFinished + 1
		}
		w.pos.Current, w.pos.Started, w.pos.LastPrefix, w.pos.LastBucket = &n, unix(now), nil, nil
	}
	if w.pos.LastPrefix != nil {
		first = slices.Index(prefixes, *w.pos.LastPrefix) + 1
	}
	if w.pos.LastBucket != nil {
		after = *w.pos.LastBucket
	}
	cycle := *w.pos.Current
	w.mu.Unlock()
	w.job.begin(cycle, after)
	w.mu.Lock()
	w.running, w.cycleAt, w.prefixAt = true, now, now
	return first, after
}

// passed notes that a bucket is done.
func (w *walker) passed(bucket string) {
	w.mu.Lock()
	w.pos.LastBucket = &bucket
	w.mu.Unlock()
}

func (w *walker) passedPrefix(k int) {
	now := w.c.Clock.Now()
	w.mu.Lock()
	w.pos.LastPrefix = &prefixes[k]
	w.prefixIn, w.prefixAt = now.Sub(w.prefixAt), now
	w.mu.Unlock()
}

// end ends a cycle.
func (w *walker) end() {
	w.mu.Lock()
	cycle := *w.pos.Current
	w.mu.Unlock()
	err := w.job.finish(cycle)
	if err != nil {
		w.c.Log.Warn("ending a cycle over shares", "cycle", cycle, "error", err)
	}
	w.mu.Lock()
	w.pos.LastFinished, w.pos.Current, w.pos.LastPrefix, w.pos.LastBucket = &cycle, nil, nil, nil
	w.running, w.took = false, w.c.Clock.Now().Sub(w.cycleAt)
	w.mu.Unlock()
	w.save()
}

// save makes the state durable. A state that is not written is one that an earlier one stands in for.
func (w *walker) save() {
	w.mu.Lock()
	pos := w.pos
	w.mu.Unlock()
	if err := w.job.save(pos); err != nil {
		w.c.Log.Warn("saving the state of a crawler", "error", err)
	}
	w.savedAt = w.c.Clock.Now()
}

// breathe is called between two buckets. It pauses after each slice, for as long as makes the slice its part of the time.
func (w *walker) breathe(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limit, part := w.c.Pace.Slice, w.c.Pace.Part
	if w.c.Pace.Busy() {
		limit, part = limit/busySlices, part/busyParts
	}
	now := w.c.Clock.Now()
	worked := now.Sub(w.sliceStart)
	if worked >= 0 && worked < limit {
		return nil
	}
	if since := now.Sub(w.savedAt); since >= saveEvery || since < 0 {
		w.save()
	}
	pause := time.Duration(float64(worked)/part) - worked
	err := w.sleep(ctx, max(0, min(pause, maxPause)))
	w.sliceStart = w.c.Clock.Now()
	return err
}

func unix(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// behind is where the texts after a bucket begin.
func behind(indices []storage.Index, after string) int {
	at, found := slices.BinarySearchFunc(indices, after, func(i storage.Index, s string) int { return strings.Compare(i.String(), s) })
	if found {
		at++
	}
	return at
}

package immutable

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"tahoe/lafs/immutable/happiness"
)

const (
	// DefaultStall is how long the write of one share may make no progress before it is given up, and how long one that
	// holds up the others is looked at before it is judged. All shares advance together.
	DefaultStall = 30 * time.Second

	// looksPerStall is how many times in that time progress is looked at.
	looksPerStall = 8

	// leastRate is how many bytes a second a server has to take when others wait for it; one that takes less is dropped when
	// the upload is happy without it.
	leastRate = 8 << 10

	// farBehind is how many times faster the others have to be than one that is dropped: when all are slow, the line is.
	farBehind = 4
)

var (
	errWriteStalled = errors.New("took no data for too long")
	errWriteSlow    = errors.New("took data so slowly that it held up the upload")
)

// A shareWrite is the write of one share, as the watcher sees it. Its fields are guarded by the mutex of the pusher.
type shareWrite struct {
	share  int
	stream *shareStream
	cancel context.CancelCauseFunc

	seen   int64 // bytes that the server had taken at the last look
	idle   int   // looks in a row that saw it take nothing of what there was
	since  int64 // bytes that it had taken when it was judged last
	rested bool  // a look since then saw it hold up nobody
}

// watching looks at the writes every now and then until ctx ends. It counts looks, so that it needs no clock.
func (p *pusher) watching(ctx context.Context) {
	tick := time.NewTicker(p.c.Stall / looksPerStall)
	defer tick.Stop()
	for look := 1; ; look++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.look()
		if look%looksPerStall == 0 {
			p.judge()
		}
	}
}

// look gives up writes that make no progress, though there is something to write.
func (p *pusher) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	busy := 0
	for _, w := range p.writes {
		if w.look() {
			busy++
		}
		if w.idle >= looksPerStall {
			w.cancel(errWriteStalled)
		}
	}
	p.busyLooks += busy
	if busy == len(p.shares) { // nobody waits
		for _, w := range p.writes {
			w.rested = true
		}
	}
}

// look says whether there is something that the server has not taken.
func (w *shareWrite) look() (busy bool) {
	taken := w.stream.taken.Load()
	busy = w.stream.busy.Load()
	w.idle++
	if !busy || taken != w.seen {
		w.idle = 0
	}
	w.seen = taken
	w.rested = w.rested || !busy || taken == w.stream.p.layout.ShareSize() // the rest is waiting for the answer
	return busy
}

// A laggard is a server that holds up the others, with all writes of shares to it that are under way: to drop some of them
// would win nothing.
type laggard struct {
	writes []*shareWrite
	got    int64 // bytes that it took since it was judged last
}

// judge drops the servers that hold up the others, as far as the upload stays happy.
func (p *pusher) judge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.dispensable(p.laggards()) {
		for _, w := range l.writes {
			p.dropLocked(w.share, p.shares[w.share], errWriteSlow)
			w.cancel(errWriteSlow)
		}
	}
	for _, w := range p.writes {
		w.since, w.rested = w.seen, false
	}
}

// laggards are the servers that others waited for ever since they were judged, and that got next to nothing, the slowest
// first. Who seems to hang is not judged, but given up at one of the next looks if it does. p.mu is held.
func (p *pusher) laggards() []*laggard {
	// What a write took on average in as much time, while there was something to take; at most a look is missing for each.
	usual := p.pipe.meter.pushedBytes.Load() * looksPerStall / int64(p.busyLooks+p.pipe.geometry.Total)
	limit := min(int64(leastRate*p.c.Stall.Seconds()), usual/farBehind)
	servers := map[*candidate]*laggard{}
	slow := map[*laggard]bool{}
	for _, w := range p.writes {
		x := p.shares[w.share]
		if x == nil || w.idle >= looksPerStall-1 {
			continue
		}
		if servers[x] == nil {
			servers[x] = new(laggard)
		}
		l, got := servers[x], w.seen-w.since
		l.writes, l.got = append(l.writes, w), l.got+got
		if !w.rested && got < limit {
			slow[l] = true
		}
	}
	return slices.SortedFunc(maps.Keys(slow), func(a, b *laggard) int { return cmp.Compare(a.got, b.got) })
}

// dispensable is as many of the slowest servers as the upload can do without. Those who stay have to be much faster, or
// nothing would be won. p.mu is held.
func (p *pusher) dispensable(slowest []*laggard) []*laggard {
	for n := len(slowest); n > 0; n-- {
		if n < len(slowest) && slowest[n].got < farBehind*max(1, slowest[n-1].got) {
			continue
		}
		if p.happyWithoutLocked(slowest[:n]) {
			return slowest[:n]
		}
	}
	return nil
}

// happyWithoutLocked does not count on writes that seem to hang either: they may be given up soon. p.mu is held.
func (p *pusher) happyWithoutLocked(dropped []*laggard) bool {
	plan := p.planLocked()
	for _, w := range p.writes {
		if w.idle > 1 {
			plan[w.share] = happiness.Nowhere
		}
	}
	for _, l := range dropped {
		for _, w := range l.writes {
			plan[w.share] = happiness.Nowhere
		}
	}
	return p.placer.happiness(plan) >= p.placer.enc.Happy
}

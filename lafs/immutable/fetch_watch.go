package immutable

import "time"

// A watch is what the watcher of a fetch remembers between two looks. It is guarded by the mutex of the File.
type watch struct {
	progress int // counts shares found and proved, and blocks filled
	seen     int
	tree     int64 // bytes of the ciphertext hash tree at the last look
	idle     int   // looks in a row without any progress
	working  int   // pieces of processor work under way or waiting for the pool
	paused   bool  // waits for memory, so that no progress is to be expected

	looks   int  // so far
	opened  int  // looks when the window opened
	writing bool // the writer has something to write
	wrote   bool // it has come back since the last look
	blocked int  // looks in a row at which it was writing the same
	slow    int  // looks at which it was writing
}

const (
	// looksPerHedge is how often the watcher looks within the hedge time.
	looksPerHedge = 8

	// leastPerLook is how many bytes a lane has to get from one look to the next, on average: 8 KiB a second. A server that
	// gives less is no better than one that hangs.
	leastPerLook = 2 << 10
)

// watching looks at the fetch every now and then. It counts looks, so that it needs no clock.
func (x *fetch) watching() {
	pause := max(x.f.d.Hedge/looksPerHedge, time.Millisecond)
	patience := int(x.f.d.Patience / pause)
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			x.look(patience)
		case <-x.ctx.Done():
			return
		}
	}
}

func (x *fetch) look(patience int) {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	if x.ctx.Err() != nil {
		return
	}
	x.lookAtWriter()
	moved := x.watch.progress != x.watch.seen || x.watch.writing || x.watch.paused || x.watch.working > 0
	x.watch.seen = x.watch.progress
	if n := x.f.tree.Load(); n != x.watch.tree {
		x.watch.tree, moved = n, true
	}
	x.search.wanted = false
	for _, l := range x.lanes {
		moved = l.look() || moved
		if l.stalled() {
			x.replace(l)
		}
	}
	x.watch.idle++
	if moved {
		x.watch.idle = 0
	}
	if x.watch.idle >= patience {
		x.giveUp()
	}
}

// look says whether the lane got further than with any earlier use of its share since the last one: to bring the same bytes
// again and then stop is no progress. f.mu is held.
func (l *lane) look() (further bool) {
	n := l.meter.Load()
	moved := n != l.seen
	l.seen = n
	if got := n - l.since; l.share != nil && got > l.share.most {
		further, l.share.most = true, got
	}
	if moved && l.waits && l.share != nil {
		l.waits = false
		l.share.latency = max(l.share.latency, l.age)
	}
	l.still++
	if moved {
		l.still = 0
	}
	l.behind++
	if l.share == nil || !l.reading {
		l.still, l.behind = 0, 0
	} else {
		l.age++
	}
	if s := l.slot(); s == nil || s.have < max(l.x.f.chk.Needed()/2, 1) {
		l.behind = 0
	}
	return further
}

// slot is the place of the segment that the lane fills next, nil when there is none yet. f.mu is held.
func (l *lane) slot() *slot {
	if !l.x.window.open {
		return nil
	}
	return l.x.window.slot(l.position(l.x.window.g))
}

// pause tells the watcher that the Read waits for memory, and when that is over.
func (x *fetch) pause(paused bool) {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	x.watch.paused = paused
}

// stalled says whether the lane stood still for the hedge time, left others waiting at its segment for twice as long, or
// got next to nothing in twice that time. A lane whose servers stall one after the other waits half as long each time, so
// that many dead servers cost little more than one; but no server has less than twice the time in which it answered before,
// as far as that is below the hedge time.
func (l *lane) stalled() bool {
	if l.share == nil || !l.reading {
		return false
	}
	limit := max(looksPerHedge>>l.stalls, min(2*l.share.latency+1, looksPerHedge))
	return l.still >= limit || l.behind >= 2*limit || l.age >= 4*limit && l.drips()
}

// drips says whether next to nothing came since the lane took its share or filled a block. f.mu is held.
func (l *lane) drips() bool { return l.meter.Load()-l.since < int64(l.age)*leastPerLook }

// useless says whether even a share that stalled before may be better than what the lane has: the other may have stalled
// for no more than a moment, while this one had its full time. A lane that changes from one that drips waits twice as long
// each time, so that who is slow gets through; from one that stands still, after some rounds.
func (l *lane) useless() bool {
	if l.still >= looksPerHedge<<min(l.turns/8, 4) {
		return true
	}
	return l.still < looksPerHedge && l.age >= 4*looksPerHedge<<min(l.turns, 16) && l.drips()
}

// replace takes the share from a lane that stalls, if there is one that did not stall before; otherwise one is searched
// for, and the lane keeps its share meanwhile, unless it is useless: slow is better than nothing. f.mu is held.
func (x *fetch) replace(l *lane) {
	c := x.candidate(l)
	again := c != nil && x.stalled[c] > 0
	if c == nil || again {
		x.search.wanted = true
		x.signal()
	}
	if c == nil || again && !l.useless() {
		return
	}
	if again {
		l.turns++
	}
	x.charge(l)
	l.fresh()
	l.stalls++
	l.stop(errStalled)
}

// charge notes that the lane's share kept others waiting. One that brought something, and not enough, has shown how fast it
// is: others come before it. f.mu is held.
func (x *fetch) charge(l *lane) {
	looks := max(l.age, 1)
	if l.meter.Load() > l.since {
		looks *= 4
	}
	x.stalled[l.share] += looks
}

package lafs

import (
	"context"
	"sync"

	"tahoe/caps"
)

// ahead reads the directories that a walk will come to next, and those in them, so that the walk need not wait for servers at
// each. All but what mu guards belongs to the walk's goroutine.
type ahead struct {
	read    func(ctx context.Context, k caps.Cap) (*Listing, error)
	seen    *seen
	running sync.WaitGroup
	arrived chan struct{} // gets something when a reading is done

	readings map[uint64]*reading // those that the walk has not come to, by the hashes of their capabilities
	round    int

	mu     sync.Mutex
	active int   // readings under way
	bytes  int64 // of those that are done, and held
}

const (
	maxActive    = 16      // directories read at once
	maxHeld      = 64      // readings
	maxHeldBytes = 8 << 20 // of those that are done
)

// A reading is a directory that is being read, or was. What follows done is set when that is closed.
type reading struct {
	cancel  context.CancelCauseFunc
	round   int // when it was last among those that come next
	done    chan struct{}
	listing *Listing
	err     error
	kids    []kid

	dropped bool // nobody will come for it; ahead.mu guards it
}

// A kid is a directory in another one.
type kid struct {
	entry Entry
	id    uint64 // the hash of its capability
	seen  uint64 // what it is remembered by; 0 for a literal, which need not be read ahead
}

func (a *ahead) kid(e Entry) kid { return kid{e, a.seen.id(e.Cap()), a.seen.hash(e)} }

// begin starts to read a directory.
func (a *ahead) begin(ctx context.Context, k kid) *reading {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &reading{cancel: cancel, done: make(chan struct{}), round: a.round}
	a.readings[k.id] = r
	a.mu.Lock()
	a.active++
	a.mu.Unlock()
	a.running.Go(func() {
		defer cancel(errWalked)
		l, err := a.read(ctx, k.entry.Cap())
		a.finish(r, l, err)
		select {
		case a.arrived <- struct{}{}:
		default:
		}
	})
	return r
}

func (a *ahead) finish(r *reading, l *Listing, err error) {
	var kids []kid
	if l != nil {
		kids = a.kids(l)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.active--
	if r.err = err; err == nil && !r.dropped {
		r.listing, r.kids = l, kids
		a.bytes += l.Size()
	}
	close(r.done)
}

// kids are the first directories in a listing.
func (a *ahead) kids(l *Listing) (all []kid) {
	for e := range l.t.Directories() {
		if all = append(all, a.kid(e)); len(all) == maxActive {
			break
		}
	}
	return all
}

// wait waits for the directory that the walk has come to, and reads on ahead of it meanwhile.
func (a *ahead) wait(ctx context.Context, k kid, stack []*level) (*Listing, error) {
	if k.seen == 0 {
		return a.read(ctx, k.entry.Cap())
	}
	r := a.readings[k.id]
	if r == nil {
		r = a.begin(ctx, k)
	}
	for {
		a.advance(ctx, k, stack)
		select {
		case <-r.done:
			l := r.listing
			a.release(k.id)
			return l, r.err
		case <-a.arrived:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// release lets go of a reading. One that is under way ends soon.
func (a *ahead) release(id uint64) {
	r := a.readings[id]
	delete(a.readings, id)
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.listing != nil {
		a.bytes -= r.listing.Size()
	}
	r.dropped = true
	r.cancel(errWalked)
}

// advance begins the readings of what comes next, in the order in which the walk will come to it.
func (a *ahead) advance(ctx context.Context, first kid, stack []*level) {
	a.round++
	if !a.reach(ctx, first) {
		return
	}
	for i := len(stack) - 1; i >= 0; i-- {
		for _, k := range stack[i].upcoming() {
			if !a.reach(ctx, k) {
				return
			}
		}
	}
}

// reach begins to read k, or goes on to what is in it. It is false when nothing more can be begun.
func (a *ahead) reach(ctx context.Context, k kid) bool {
	if k.seen == 0 {
		return true
	}
	r := a.readings[k.id]
	if r == nil {
		if !a.room() {
			return false
		}
		a.begin(ctx, k)
		return true
	}
	if r.round == a.round {
		return true // it is within itself
	}
	r.round = a.round
	select {
	case <-r.done:
	default:
		return true
	}
	for _, below := range r.kids {
		if !a.seen.has(below.seen) && !a.reach(ctx, below) {
			return false
		}
	}
	return true
}

// room says whether one more can be begun. Where the walk goes down, what was begun further up is in the way: then that is
// dropped which has not been among the next for longest, to be read again.
func (a *ahead) room() bool {
	for {
		a.mu.Lock()
		active, bytes := a.active, a.bytes
		a.mu.Unlock()
		if active >= maxActive {
			return false
		}
		if len(a.readings) < maxHeld && bytes < maxHeldBytes {
			return true
		}
		if !a.drop() {
			return false
		}
	}
}

func (a *ahead) drop() bool {
	oldest, at := a.round, uint64(0)
	for id, r := range a.readings {
		if r.round < oldest {
			oldest, at = r.round, id
		}
	}
	if at == 0 {
		return false
	}
	a.release(at)
	return true
}

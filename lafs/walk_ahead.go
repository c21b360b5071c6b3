package lafs

import (
	"context"
	"sync"

	"tahoe/caps"
)

// ahead reads the directories that a walk will come to next, so that it need not wait for servers at each. But for bytes, it
// belongs to the walk's goroutine.
type ahead struct {
	read    func(ctx context.Context, k caps.Cap) (*Listing, error)
	running sync.WaitGroup
	held    int // readings that the walk has not come to

	mu    sync.Mutex
	bytes int64 // of those of them that are done
}

const (
	window       = 16 // how many directories ahead of the walk are begun
	maxHeld      = 64
	maxHeldBytes = 8 << 20
)

// A reading is a directory that is being read, or was.
type reading struct {
	cancel  context.CancelCauseFunc
	done    chan struct{}
	listing *Listing
	err     error
	dropped bool // nobody will come for it; ahead.mu guards it
}

// begin starts to read a directory.
func (a *ahead) begin(ctx context.Context, e Entry) *reading {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &reading{cancel: cancel, done: make(chan struct{})}
	a.held++
	a.running.Go(func() {
		defer close(r.done)
		defer cancel(errWalked)
		l, err := a.read(ctx, e.Cap())
		a.keep(r, l, err)
	})
	return r
}

func (a *ahead) keep(r *reading, l *Listing, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.err = err; err != nil || r.dropped {
		return
	}
	r.listing = l
	a.bytes += l.Size()
}

// finish waits for a reading that the walk has come to.
func (a *ahead) finish(ctx context.Context, r *reading) (*Listing, error) {
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	l := r.listing
	a.release(r)
	return l, r.err
}

// release lets go of a reading. One that is under way ends soon.
func (a *ahead) release(r *reading) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.listing != nil {
		a.bytes -= r.listing.Size()
	}
	r.listing, r.dropped = nil, true
	a.held--
	r.cancel(errWalked)
}

func (a *ahead) full() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held >= maxHeld || a.bytes >= maxHeldBytes
}

// advance begins the next readings. Where the walk goes down, those begun further up are in the way: the last of them that it
// will come to is then dropped, to be read again.
func (a *ahead) advance(ctx context.Context, stack []*level) {
	left := window
	for i := len(stack) - 1; i >= 0; i-- {
		l := stack[i]
		for at := l.next; at < l.dirs.Len() && left > 0; at++ {
			left--
			if l.read[at] != nil {
				continue
			}
			if a.full() && !a.drop(stack[:i]) {
				return
			}
			if e, ok := l.dirs.Entry(at); ok {
				l.read[at] = a.begin(ctx, e)
			}
		}
	}
}

// drop gives up the reading that is furthest ahead.
func (a *ahead) drop(stack []*level) bool {
	for _, l := range stack {
		last := -1
		for at := range l.read {
			last = max(last, at)
		}
		if last >= 0 {
			a.release(l.read[last])
			delete(l.read, last)
			return true
		}
	}
	return false
}

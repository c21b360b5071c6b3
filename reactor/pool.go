package reactor

import (
	"context"
	"runtime"
)

// A Pool admits as many pieces of processor work at a time as there are processors, so that a hundred uploads hash and
// encode side by side without a hundred segments in the caches. The work runs on the caller's goroutine. A slot is
// never held across I/O or a wait, so nobody waits long; for the same reason f never calls Do.
type Pool struct{ slots chan struct{} }

// NewPool makes a pool of so many slots, or of one for each processor that Go uses when slots is less than 1.
func NewPool(slots int) *Pool {
	if slots < 1 {
		slots = runtime.GOMAXPROCS(0)
	}
	return &Pool{slots: make(chan struct{}, slots)}
}

// Do waits for a slot and runs f in it. When ctx ends first, f is not run and the cause returned.
func (p *Pool) Do(ctx context.Context, f func()) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case p.slots <- struct{}{}:
	default:
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	defer func() { <-p.slots }()
	f()
	return nil
}

// Slots is the number of slots.
func (p *Pool) Slots() int { return cap(p.slots) }

// InUse is the number of slots taken now.
func (p *Pool) InUse() int { return len(p.slots) }

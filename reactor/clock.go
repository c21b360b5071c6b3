package reactor

import (
	"context"
	"time"
)

// A Clock tells domain time: leases, crawlers, reconnecting. Timeouts of a single call are no matter of a clock; they use
// contexts. Tests turn a reactortest.Clock by hand.
type Clock interface {
	Now() time.Time
	NewTimer(d time.Duration) Timer
}

// A Timer sends the time once, on C, when it is due. Stop says whether it came before that.
type Timer interface {
	C() <-chan time.Time
	Stop() bool
}

// System is the computer's own clock.
func System() Clock { return system{} }

type system struct{}

func (system) Now() time.Time                 { return time.Now() }
func (system) NewTimer(d time.Duration) Timer { return sysTimer{time.NewTimer(d)} }

type sysTimer struct{ t *time.Timer }

func (t sysTimer) C() <-chan time.Time { return t.t.C }
func (t sysTimer) Stop() bool          { return t.t.Stop() }

// Sleep waits for d on c, or until ctx ends, and then returns its cause.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := c.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Package reactortest has a clock that tests turn by hand. The invariant: its time moves in Advance alone, and every
// timer that Advance passes has fired when it returns, in order of their times.
package reactortest

import (
	"slices"
	"sync"
	"time"

	"tahoe/reactor"
)

// A Clock is a reactor.Clock that stands still. It may be used by several goroutines at once.
type Clock struct {
	mu     sync.Mutex
	armed  sync.Cond // a timer was made, stopped or fired
	now    time.Time
	timers []*timer
}

// NewClock makes a clock that shows t0.
func NewClock(t0 time.Time) *Clock {
	c := &Clock{now: t0}
	c.armed.L = &c.mu
	return c
}

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// NewTimer makes a timer that fires when the clock has been advanced by d; at once when d is not positive.
func (c *Clock) NewTimer(d time.Duration) reactor.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{clock: c, at: c.now.Add(d), c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- c.now
		return t
	}
	c.timers = append(c.timers, t)
	c.armed.Broadcast()
	return t
}

// Advance moves the clock by d. On its way it shows each timer's time as that fires. Who waits for the timers runs
// afterwards: a test then waits for what they do, with BlockUntil, synctest.Wait or a channel of its own.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.now.Add(d)
	for {
		i := c.next(end)
		if i < 0 {
			break
		}
		t := c.timers[i]
		c.timers = slices.Delete(c.timers, i, i+1)
		c.now = t.at
		t.c <- c.now
	}
	c.now = end
	c.armed.Broadcast()
}

// next is the place of the first timer that is due by end, or -1. c.mu is held.
func (c *Clock) next(end time.Time) int {
	first := -1
	for i, t := range c.timers {
		if !t.at.After(end) && (first < 0 || t.at.Before(c.timers[first].at)) {
			first = i
		}
	}
	return first
}

// Timers is the number of timers that have neither fired nor been stopped.
func (c *Clock) Timers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// BlockUntil waits until at least n timers are waiting, so that an Advance will find them.
func (c *Clock) BlockUntil(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.timers) < n {
		c.armed.Wait()
	}
}

type timer struct {
	clock *Clock
	at    time.Time
	c     chan time.Time
}

func (t *timer) C() <-chan time.Time { return t.c }

func (t *timer) Stop() bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.timers, t)
	if i < 0 {
		return false
	}
	c.timers = slices.Delete(c.timers, i, i+1)
	c.armed.Broadcast()
	return true
}

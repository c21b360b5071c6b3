package reactortest_test

import (
	"slices"
	"testing"
	"time"

	"tahoe/reactor/reactortest"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestAdvanceFiresInOrder(t *testing.T) {
	c := reactortest.NewClock(t0)
	late, early, now := c.NewTimer(2*time.Hour), c.NewTimer(time.Hour), c.NewTimer(0)
	stopped, beyond := c.NewTimer(time.Minute), c.NewTimer(4*time.Hour)
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop does not say whether it came first")
	}
	c.Advance(3 * time.Hour)
	var got []time.Duration
	for _, tm := range []<-chan time.Time{now.C(), early.C(), late.C()} {
		got = append(got, (<-tm).Sub(t0))
	}
	if want := []time.Duration{0, time.Hour, 2 * time.Hour}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if early.Stop() {
		t.Error("Stop of a timer that fired says true")
	}
	if c.Timers() != 1 || !c.Now().Equal(t0.Add(3*time.Hour)) {
		t.Errorf("got %d timers at %v, want 1 at %v", c.Timers(), c.Now(), t0.Add(3*time.Hour))
	}
	select {
	case <-stopped.C():
		t.Error("a stopped timer fired")
	case <-beyond.C():
		t.Error("a timer fired too early")
	default:
	}
}

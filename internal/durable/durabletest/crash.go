// Package durabletest lets operations die at every step that changes the disk. It is for crash tests of what is built
// on internal/durable.
//
// The invariant: after the step at which a Crash strikes, nothing changes any more on the disk.
package durabletest

import (
	"errors"
	"fmt"
	"sync"
)

// ErrDied is what every change fails with after the process has "died".
var ErrDied = errors.New("process died")

// Crash counts steps and dies before one of them. Its Step method is a durable.Hook.
type Crash struct {
	mu    sync.Mutex
	at    int
	steps []string
}

// Count only counts.
func Count() *Crash { return &Crash{} }

// At dies before the nth step, counted from 1.
func At(n int) *Crash { return &Crash{at: n} }

// Step counts a step, and fails when the process has died.
func (c *Crash) Step(call, path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, fmt.Sprintf("%s %s", call, path))
	if c.at > 0 && len(c.steps) >= c.at {
		return ErrDied
	}
	return nil
}

// Steps are the steps seen so far, those after death included.
func (c *Crash) Steps() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.steps...)
}

// Last names the step at which the process died, or the last one.
func (c *Crash) Last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.steps) == 0:
		return "no step"
	case c.at > 0 && c.at <= len(c.steps):
		return c.steps[c.at-1]
	default:
		return c.steps[len(c.steps)-1]
	}
}

// Package reactor runs the parts of a node: services in trees that start in order and stop in reverse, several nodes
// in one process, recurring work, a clock that tests can turn, and the two gates of scarce things, processor slots and
// bytes in flight. It is for every package that owns goroutines, and for main.
//
// The invariant: a Run that has returned has left nothing running. Whoever starts a service waits for it, however long
// that takes; nothing is ever abandoned, because what is abandoned may still write to a disk that a new process has
// taken over. There are no callbacks, no futures and no restarts: a service that fails stops what it is part of.
//
// Stopping has two phases. The context of Run ends first, with ErrStopping as its cause: take no new work, finish what
// was accepted. Accepted work goes on in Work(ctx), which ends when the service's grace period is over.
package reactor

import (
	"context"
	"errors"
	"time"
)

// ErrStopping is the cancellation cause of an orderly stop.
var ErrStopping = errors.New("stopping")

// A Service is something that runs until it is told to stop.
//
// Run blocks. It calls ready once it can serve; more calls do nothing. It returns soon after ctx has ended, and nil,
// ErrStopping or context.Canceled is then an orderly end. Whatever it starts has ended when it returns.
type Service interface {
	Run(ctx context.Context, ready func()) error
}

// ServiceFunc makes a Service of its Run.
type ServiceFunc func(ctx context.Context, ready func()) error

// Run calls f.
func (f ServiceFunc) Run(ctx context.Context, ready func()) error { return f(ctx, ready) }

// A Child is a named service of a tree. Grace is how long it may take to finish what it had accepted; 0 is DefaultGrace
// or, for a service that has a Grace method, as trees and hosts have, what that says.
type Child struct {
	Name    string
	Service Service
	Grace   time.Duration
}

// DefaultGrace is the grace period of a Child that states none.
const DefaultGrace = 10 * time.Second

func (c Child) grace() time.Duration {
	if c.Grace > 0 {
		return c.Grace
	}
	if g, ok := c.Service.(interface{ Grace() time.Duration }); ok {
		return g.Grace()
	}
	return DefaultGrace
}

// Work returns the context in which a service finishes what it accepted before it was told to stop: it goes on when
// ctx, the context of Run, has ended, and ends when the grace period is over. Outside of any tree it is ctx itself.
func Work(ctx context.Context) context.Context {
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok && s.work != nil {
		return s.work
	}
	return ctx
}

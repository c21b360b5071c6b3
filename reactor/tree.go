package reactor

import (
	"context"
	"log/slog"
	"time"
)

// A Tree is a service made of named services. Its children are started in order, each when the one before it is ready,
// and stopped in reverse, each waited for before the next; the tree is ready when the last child is. A child that
// ends stops the tree: with its error, by name, or in order when it ended without one.
type Tree struct {
	Log *slog.Logger // nil: that of the tree, host or Main around it

	name     string
	children []Child
}

// NewTree makes a tree. Its name is for the log.
func NewTree(name string, children ...Child) *Tree { return &Tree{name: name, children: children} }

// Grace is the sum of what the children may take, since they stop one after the other.
func (t *Tree) Grace() time.Duration {
	var d time.Duration
	for _, c := range t.children {
		d += c.grace()
	}
	return max(d, DefaultGrace)
}

// Run runs the children until ctx ends or one of them does.
func (t *Tree) Run(ctx context.Context, ready func()) error {
	ctx = withLog(ctx, t.Log)
	ended := make(chan *running, len(t.children))
	var started []*running
	up := true
	for _, c := range t.children {
		r := start(ctx, t.name, c, ended)
		started = append(started, r)
		if up = awaitReady(ctx, r, ended); !up {
			break
		}
	}
	if up {
		ready()
		awaitEnd(ctx, ended)
	}
	return t.halt(started, ended)
}

// awaitReady waits until r is ready. It says false when the tree stops instead; who ended is then back in ended.
func awaitReady(ctx context.Context, r *running, ended chan *running) bool {
	select {
	case <-r.ready:
		return true
	case <-ctx.Done():
	case e := <-ended:
		ended <- e
	}
	return false
}

// awaitEnd waits until ctx ends or one of those that run does; who ended is then back in ended.
func awaitEnd(ctx context.Context, ended chan *running) {
	select {
	case <-ctx.Done():
	case r := <-ended:
		ended <- r
	}
}

// halt stops what was started, the last one first. The error of the child that ended first comes first.
func (t *Tree) halt(started []*running, ended <-chan *running) error {
	first, err := firstEnded(ended)
	for i := len(started) - 1; i >= 0; i-- {
		if e := started[i].halt(); started[i] != first {
			err = and(err, e)
		}
	}
	return err
}

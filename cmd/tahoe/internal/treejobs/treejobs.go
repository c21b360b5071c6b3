// Package treejobs runs the work of a walk through a tree: jobs for what is in a directory, several at a time, and then one that
// finishes the directory. It is for cp and backup, whose trees may be larger than memory.
//
// The invariants: no more jobs wait than there are workers, so a walk never runs far ahead; and a directory is finished once, after
// all its jobs and after all directories in it were finished.
package treejobs

import (
	"context"
	"sync"
	"sync/atomic"
)

// A Runner holds the workers of one walk. Enter, Do and Leave are for the walker's goroutine, not for jobs.
type Runner struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	jobs    chan job
	workers sync.WaitGroup
}

// A Dir is a directory on its way.
type Dir struct {
	parent *Dir
	left   atomic.Int64 // jobs and directories that are not done, and the walker while it is in here
	finish func(context.Context) error
}

type job struct {
	dir *Dir
	run func(context.Context) error // nil: only the end of dir is due
}

// New starts the workers. The caller calls Wait.
func New(ctx context.Context, workers int) *Runner {
	r := &Runner{jobs: make(chan job, workers)}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	for range workers {
		r.workers.Go(r.work)
	}
	return r
}

// Context ends when a job has failed, and with the context of New.
func (r *Runner) Context() context.Context { return r.ctx }

// Enter begins a directory in parent, nil for the first one. finish runs when all in it is done.
func (r *Runner) Enter(parent *Dir, finish func(context.Context) error) *Dir {
	d := &Dir{parent: parent, finish: finish}
	d.left.Store(1)
	if parent != nil {
		parent.left.Add(1)
	}
	return d
}

// Do has a job run for a directory that was entered. It waits while too many are under way. It fails when a job has failed.
func (r *Runner) Do(d *Dir, f func(context.Context) error) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	d.left.Add(1)
	r.jobs <- job{d, f}
	return nil
}

// Leave says that the walker has given all jobs and directories of d.
func (r *Runner) Leave(d *Dir) { r.jobs <- job{dir: d} }

// Wait waits for everything, and returns the first failure. It is called when the walk is over, and only once.
func (r *Runner) Wait() error {
	close(r.jobs)
	r.workers.Wait()
	err := context.Cause(r.ctx)
	r.cancel(nil)
	return err
}

// Fail ends everything for a reason.
func (r *Runner) Fail(err error) {
	if err != nil {
		r.cancel(err)
	}
}

func (r *Runner) work() {
	for j := range r.jobs {
		if j.run != nil {
			r.try(j.run)
		}
		for d := j.dir; d != nil && d.left.Add(-1) == 0; d = d.parent {
			r.try(d.finish)
		}
	}
}

// try runs what is to be run, unless something has failed before.
func (r *Runner) try(f func(context.Context) error) {
	if r.ctx.Err() == nil {
		r.Fail(f(r.ctx))
	}
}

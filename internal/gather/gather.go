// Package gather collects k good results out of n chances without waiting for the slowest: it starts as many tasks as
// results are needed, starts another one for each that fails or is overdue, and stops when it has enough. It is for
// reads that any k of n servers can answer.
//
// The invariant: when Run returns, every task that it started has returned.
package gather

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrEnough is the cause with which the tasks that are still running are cancelled once there are enough results.
var ErrEnough = errors.New("enough results without this one")

// A Task tries for one result. It returns soon after its context ends.
type Task[T any] func(ctx context.Context) (T, error)

// A ShortError says that too few tasks succeeded.
type ShortError struct {
	Have, Need int
	Errs       []error // of the tasks that failed, by the order in which they failed
}

func (e *ShortError) Error() string {
	return fmt.Sprintf("%d of %d results: %v", e.Have, e.Need, errors.Join(e.Errs...))
}

// Unwrap gives the errors of the tasks.
func (e *ShortError) Unwrap() []error { return e.Errs }

// Run returns need results, in the order in which they arrived. Tasks are started in the order given: need of them at
// once, then one more whenever a task fails, or has not returned within hedge. An overdue task goes on, and its result
// counts if it comes in time. A hedge of zero never takes a task for overdue.
//
// With fewer than need good results, Run returns those there are and a *ShortError, or the cause of the end of ctx.
func Run[T any](ctx context.Context, need int, hedge time.Duration, tasks []Task[T]) ([]T, error) {
	run, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(ErrEnough)

	r := race[T]{need: need, hedge: hedge, tasks: tasks, events: make(chan event[T], 2*len(tasks))}
	for len(r.good) < need {
		r.widen(run, &running)
		if r.live == 0 {
			return r.good, &ShortError{Have: len(r.good), Need: need, Errs: r.errs}
		}
		select {
		case e := <-r.events:
			r.take(e)
		case <-ctx.Done():
			return r.good, context.Cause(ctx)
		}
	}
	return r.good, nil
}

// A race belongs to the goroutine of its Run; tasks and timers send it events.
type race[T any] struct {
	need   int
	hedge  time.Duration
	tasks  []Task[T]
	next   int          // the first task that was not started
	live   int          // started and not returned
	late   map[int]bool // tasks that are live and overdue
	over   map[int]bool // tasks that returned
	good   []T
	errs   []error
	events chan event[T] // room for two events a task, so that sending never waits
}

// An event is a task's return, or its timer.
type event[T any] struct {
	task    int
	overdue bool
	value   T
	err     error
}

// widen starts tasks until as many are in time as results are missing.
func (r *race[T]) widen(ctx context.Context, running *sync.WaitGroup) {
	for r.next < len(r.tasks) && len(r.good)+r.live-len(r.late) < r.need {
		i := r.next
		r.next++
		r.live++
		running.Go(func() { r.run(ctx, i) })
	}
}

func (r *race[T]) run(ctx context.Context, i int) {
	if r.hedge > 0 {
		timer := time.AfterFunc(r.hedge, func() { r.events <- event[T]{task: i, overdue: true} })
		defer timer.Stop()
	}
	value, err := r.tasks[i](ctx)
	r.events <- event[T]{task: i, value: value, err: err}
}

func (r *race[T]) take(e event[T]) {
	switch {
	case e.overdue && !r.over[e.task]:
		r.late = mark(r.late, e.task)
	case e.overdue:
	default:
		r.live--
		r.over = mark(r.over, e.task)
		delete(r.late, e.task)
		if e.err != nil {
			r.errs = append(r.errs, e.err)
			return
		}
		r.good = append(r.good, e.value)
	}
}

func mark(set map[int]bool, i int) map[int]bool {
	if set == nil {
		set = make(map[int]bool)
	}
	set[i] = true
	return set
}

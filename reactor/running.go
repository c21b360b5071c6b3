package reactor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// A ServiceError says which service failed. Nested trees give nested names: "client: web: address already in use".
type ServiceError struct {
	Name string
	Err  error
}

func (e *ServiceError) Error() string {
	if e.Name == "" {
		return e.Err.Error()
	}
	return e.Name + ": " + e.Err.Error()
}

// Unwrap returns the service's own error.
func (e *ServiceError) Unwrap() error { return e.Err }

// A PanicError is what a panic in the goroutine of a service's Run becomes. It fails that service, like any error, so
// that its neighbours still finish what they had accepted. A panic in a goroutine that a service started ends the
// process, as ever.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value, when that was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

var errEarly = errors.New("ended before it was ready")

// running is a service that somebody started and waits for.
type running struct {
	name  string // as in errors
	path  string // as in logs
	grace time.Duration
	scope scope

	stop  context.CancelCauseFunc
	cut   context.CancelCauseFunc
	ready chan struct{}
	done  chan struct{}
	err   error // of Run; after done
}

// start runs c below ctx, whose end it does not see: halt ends it. It sends itself to ended when it has ended.
func start(ctx context.Context, owner string, c Child, ended chan<- *running) *running {
	r := &running{
		name: c.Name, path: strings.TrimSuffix(owner+"/"+c.Name, "/"), grace: c.grace(), scope: scopeOf(ctx),
		ready: make(chan struct{}), done: make(chan struct{}),
	}
	work, cut := context.WithCancelCause(r.scope.work)
	below := r.scope
	below.work = work
	run, stop := context.WithCancelCause(withScope(context.WithoutCancel(ctx), below))
	r.stop, r.cut = stop, cut
	go func() { // halt waits for it
		r.err = call(run, c.Service, sync.OnceFunc(func() { close(r.ready) }))
		if r.err == nil && context.Cause(run) == nil && !isClosed(r.ready) {
			r.err = errEarly
		}
		r.logPanic()
		ended <- r
		close(r.done)
	}()
	return r
}

func call(ctx context.Context, s Service, ready func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return s.Run(ctx, ready)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// halt tells the service to stop, waits until it has, and returns its failure, if any, by name. A service that needs
// more than its grace period is named in the log and its work cut; one that needs twice as long has the stacks logged.
func (r *running) halt() error {
	asked := !isClosed(r.done)
	r.stop(ErrStopping)
	r.await()
	r.cut(ErrStopping)
	return r.failure(asked)
}

func (r *running) await() {
	if r.doneWithin(r.grace) {
		return
	}
	r.scope.log.Warn("service is slow to stop: cutting its work short", "service", r.path, "grace", r.grace)
	r.cut(fmt.Errorf("grace period of %v is over: %w", r.grace, ErrStopping))
	if r.doneWithin(r.grace) {
		return
	}
	r.scope.log.Error("service does not stop: waiting for it", "service", r.path)
	r.scope.logStacks(r.path)
	<-r.done
}

// doneWithin waits for the end of the service, for d, or less when the work of all above it is cut.
func (r *running) doneWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	var cut <-chan struct{}
	if r.scope.work.Err() == nil {
		cut = r.scope.work.Done()
	}
	select {
	case <-r.done:
		return true
	case <-cut:
	case <-t.C:
	}
	return isClosed(r.done)
}

// failure is the error of a service that has ended, by name; nil when it stopped in order or ended well by itself.
func (r *running) failure(asked bool) error {
	if r.err == nil || asked && (errors.Is(r.err, context.Canceled) || errors.Is(r.err, ErrStopping)) {
		return nil
	}
	return &ServiceError{Name: r.name, Err: r.err}
}

func (r *running) logPanic() {
	if p, ok := errors.AsType[*PanicError](r.err); ok {
		r.scope.log.Error("service panicked", "service", r.path, "panic", fmt.Sprint(p.Value), "stack", string(p.Stack))
	}
}

// firstEnded is who ended before anybody was told to stop, with its failure; nil when nobody did.
func firstEnded(ended <-chan *running) (*running, error) {
	select {
	case r := <-ended:
		err := r.failure(false)
		r.scope.log.Info("service ended", "service", r.path, "error", err)
		return r, err
	default:
		return nil, nil
	}
}

// and joins two failures in one sentence.
func and(first, next error) error {
	switch {
	case next == nil:
		return first
	case first == nil:
		return next
	}
	return fmt.Errorf("%w; then %w", first, next)
}

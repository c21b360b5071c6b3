package reactor

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A Loop is a service that does its work again and again: never twice at a time, and not at the same moment as all the
// other nodes do. An error of the work does not end the loop; it is kept for a status page.
type Loop struct {
	every time.Duration
	work  func(ctx context.Context) error
	c     LoopConfig

	asked chan chan error
	ended chan struct{}

	mu     sync.Mutex
	status LoopStatus
}

// LoopConfig is what a Loop may be given.
type LoopConfig struct {
	Clock  Clock          // nil: System
	Jitter float64        // each pause is up to this part of it shorter or longer; 0 is a tenth, less is none
	AtOnce bool           // the first run is at the start, and not one pause later
	Rand   func() float64 // in [0, 1); nil: math/rand/v2
}

// A LoopStatus says how a loop is doing.
type LoopStatus struct {
	Runs      int
	Running   bool
	LastStart time.Time
	LastEnd   time.Time
	LastError error     // of the last run that ended; nil when that went well
	NextDue   time.Time // zero while running, and before and after Run
}

// NewLoop makes a loop that works every so often; the pause is counted from the end of a run. The context of the work
// is that of Run; work that should not be broken off by a stop uses Work(ctx).
func NewLoop(every time.Duration, work func(ctx context.Context) error, c LoopConfig) *Loop {
	if c.Clock == nil {
		c.Clock = System()
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Jitter == 0 {
		c.Jitter = 0.1
	}
	return &Loop{every: every, work: work, c: c, asked: make(chan chan error), ended: make(chan struct{})}
}

// Run works until ctx ends. A loop runs once.
func (l *Loop) Run(ctx context.Context, ready func()) error {
	defer close(l.ended)
	defer l.due(time.Time{})
	ready()
	pause := l.pause()
	if l.c.AtOnce {
		pause = 0
	}
	for {
		waiting, ok := l.await(ctx, pause)
		if !ok {
			return nil
		}
		err := l.once(ctx)
		for _, w := range waiting {
			w <- err
		}
		pause = l.pause()
	}
}

// await waits until the next run, and returns who asked for it; false when ctx has ended.
func (l *Loop) await(ctx context.Context, pause time.Duration) ([]chan error, bool) {
	if ctx.Err() != nil {
		return nil, false
	}
	l.due(l.c.Clock.Now().Add(pause))
	t := l.c.Clock.NewTimer(pause)
	defer t.Stop()
	var waiting []chan error
	select {
	case <-ctx.Done():
		return nil, false
	case <-t.C():
	case w := <-l.asked:
		waiting = append(waiting, w)
	}
	for { // all who asked before the run begins share it
		select {
		case w := <-l.asked:
			waiting = append(waiting, w)
		default:
			return waiting, true
		}
	}
}

func (l *Loop) once(ctx context.Context) error {
	l.update(func(s *LoopStatus) {
		s.Running, s.LastStart, s.NextDue = true, l.c.Clock.Now(), time.Time{}
	})
	err := l.work(ctx)
	l.update(func(s *LoopStatus) {
		s.Running, s.LastEnd, s.LastError = false, l.c.Clock.Now(), err
		s.Runs++
	})
	return err
}

func (l *Loop) pause() time.Duration {
	if l.c.Jitter < 0 {
		return l.every
	}
	return time.Duration(float64(l.every) * (1 + l.c.Jitter*(2*l.c.Rand()-1)))
}

func (l *Loop) due(t time.Time) { l.update(func(s *LoopStatus) { s.NextDue = t }) }

func (l *Loop) update(f func(*LoopStatus)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.status)
}

// Trigger makes the loop work now, and waits: it returns the error of a run that began after the call. Callers who
// come together share a run. ErrStopping when the loop has ended, the cause of ctx when that ends first.
func (l *Loop) Trigger(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case l.asked <- done:
	case <-l.ended:
		return ErrStopping
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-done:
		return err
	case <-l.ended: // the work panicked, or answered just before the end
		select {
		case err := <-done:
			return err
		default:
			return ErrStopping
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Status says how the loop is doing.
func (l *Loop) Status() LoopStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// LastError is the error of the last run that ended, nil when that went well.
func (l *Loop) LastError() error { return l.Status().LastError }

// NextDue is when the next run is due; zero while one is running.
func (l *Loop) NextDue() time.Time { return l.Status().NextDue }

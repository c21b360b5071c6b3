package reactor_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/reactor"
	"tahoe/reactor/reactortest"
)

// running runs s until the test ends.
func running(t *testing.T, s reactor.Service) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, never) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("stop: got %v, want nil", err)
		}
	})
}

var monday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func TestLoopRunsAgainAndAgain(t *testing.T) {
	tests := []struct {
		name   string
		config reactor.LoopConfig
		first  time.Duration
		pause  time.Duration
	}{
		{"at once", reactor.LoopConfig{AtOnce: true, Jitter: -1}, 0, time.Hour},
		{"after a pause", reactor.LoopConfig{Jitter: -1}, time.Hour, time.Hour},
		{"with little jitter", reactor.LoopConfig{Rand: func() float64 { return 0 }}, 54 * time.Minute, 54 * time.Minute},
		{"with much jitter", reactor.LoopConfig{Jitter: 0.5, Rand: func() float64 { return 1 }}, 90 * time.Minute, 90 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := reactortest.NewClock(monday)
				test.config.Clock = clock
				var at []time.Time
				loop := reactor.NewLoop(time.Hour, func(context.Context) error {
					at = append(at, clock.Now())
					return nil
				}, test.config)
				running(t, loop)
				for range 3 {
					synctest.Wait()
					clock.Advance(loop.NextDue().Sub(clock.Now()))
				}
				synctest.Wait()
				due := monday.Add(test.first)
				for i, got := range at[:3] {
					if !got.Equal(due) {
						t.Errorf("run %d at %v, want %v", i, got, due)
					}
					due = due.Add(test.pause)
				}
			})
		})
	}
}

func TestLoopTellsHowItIsDoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk full")
		results := []error{nil, broken, nil}
		var loop *reactor.Loop
		loop = reactor.NewLoop(time.Hour, func(context.Context) error {
			if s := loop.Status(); !s.Running || !s.NextDue.IsZero() {
				t.Errorf("during a run: got %+v, want it running and not due", s)
			}
			time.Sleep(time.Minute)
			err := results[0]
			results = results[1:]
			return err
		}, reactor.LoopConfig{Jitter: -1})
		if got := loop.Status(); got != (reactor.LoopStatus{}) {
			t.Errorf("before Run: got %+v, want nothing", got)
		}
		running(t, loop)
		for i, want := range []error{nil, broken, nil} {
			begun := time.Now()
			if err := loop.Trigger(t.Context()); err != want {
				t.Errorf("Trigger %d: got %v, want %v", i, err, want)
			}
			synctest.Wait()
			want := reactor.LoopStatus{Runs: i + 1, LastStart: begun, LastEnd: begun.Add(time.Minute), LastError: want, NextDue: begun.Add(61 * time.Minute)}
			if got := loop.Status(); got != want {
				t.Errorf("status %d: got %+v, want %+v", i, got, want)
			}
			if loop.LastError() != want.LastError {
				t.Errorf("LastError %d: got %v, want %v", i, loop.LastError(), want.LastError)
			}
		}
	})
}

// TestTriggersShareARunThatBeginsAfterThem: one trigger starts a run, three come during it and share the next.
func TestTriggersShareARunThatBeginsAfterThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, inside := 0, 0
		loop := reactor.NewLoop(time.Hour, func(context.Context) error {
			if inside++; inside > 1 {
				t.Error("two runs at a time")
			}
			runs++
			time.Sleep(time.Minute)
			inside--
			return nil
		}, reactor.LoopConfig{Jitter: -1})
		running(t, loop)
		var wg sync.WaitGroup
		trigger := func() {
			if err := loop.Trigger(t.Context()); err != nil {
				t.Error(err)
			}
		}
		wg.Go(trigger)
		synctest.Wait()
		for range 3 {
			wg.Go(trigger)
		}
		synctest.Wait()
		wg.Wait()
		if runs != 2 {
			t.Errorf("got %d runs, want 2", runs)
		}
	})
}

func TestTriggerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		loop := reactor.NewLoop(time.Hour, func(context.Context) error {
			cancel(why)
			time.Sleep(time.Minute)
			return nil
		}, reactor.LoopConfig{})
		late, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := loop.Trigger(late); err != context.DeadlineExceeded {
			t.Errorf("not running: got %v, want %v", err, context.DeadlineExceeded)
		}
		rctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- loop.Run(rctx, never) }()
		if err := loop.Trigger(ctx); err != why {
			t.Errorf("running: got %v, want %v", err, why)
		}
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := loop.Trigger(t.Context()); err != reactor.ErrStopping {
			t.Errorf("ended: got %v, want %v", err, reactor.ErrStopping)
		}
	})
}

func TestLoopStopsWaitingAndWorking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := reactor.NewLoop(time.Hour, func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}, reactor.LoopConfig{AtOnce: true})
		ctx, stop := context.WithTimeoutCause(t.Context(), time.Minute, reactor.ErrStopping)
		defer stop()
		if err := loop.Run(ctx, never); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		if got := loop.LastError(); got != reactor.ErrStopping {
			t.Errorf("last error: got %v, want %v", got, reactor.ErrStopping)
		}
		if !loop.NextDue().IsZero() {
			t.Errorf("next due: got %v, want none", loop.NextDue())
		}
	})
}

func TestSleep(t *testing.T) {
	clock := reactortest.NewClock(monday)
	done := make(chan error, 1)
	go func() { done <- reactor.Sleep(t.Context(), clock, 31*24*time.Hour) }()
	clock.BlockUntil(1)
	clock.Advance(31 * 24 * time.Hour)
	if err := <-done; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { done <- reactor.Sleep(ctx, clock, time.Hour) }()
	clock.BlockUntil(1)
	cancel(reactor.ErrStopping)
	if err := <-done; err != reactor.ErrStopping {
		t.Errorf("got %v, want %v", err, reactor.ErrStopping)
	}
	if err := reactor.Sleep(ctx, clock, time.Hour); err != reactor.ErrStopping {
		t.Errorf("ended context: got %v, want %v", err, reactor.ErrStopping)
	}
	if got := clock.Timers(); got != 0 {
		t.Errorf("%d timers left, want none", got)
	}
}

func TestSystemClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := reactor.System()
		begun := c.Now()
		if err := reactor.Sleep(t.Context(), c, time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := c.Now().Sub(begun); got != time.Hour {
			t.Errorf("slept %v, want %v", got, time.Hour)
		}
		if tm := c.NewTimer(time.Hour); !tm.Stop() || tm.Stop() {
			t.Error("Stop does not say whether it came first")
		}
	})
}

func TestTriggerOfWorkThatPanics(t *testing.T) {
	loop := reactor.NewLoop(time.Hour, func(context.Context) error { panic("boom") }, reactor.LoopConfig{})
	done := make(chan error, 1)
	tree := reactor.NewTree("node", reactor.Child{Name: "expirer", Service: loop})
	go func() { done <- tree.Run(t.Context(), never) }()
	if err := loop.Trigger(t.Context()); err != reactor.ErrStopping {
		t.Errorf("Trigger: got %v, want %v", err, reactor.ErrStopping)
	}
	if got, want := text(<-done), "expirer: panic: boom"; got != want {
		t.Errorf("Run: got %q, want %q", got, want)
	}
}

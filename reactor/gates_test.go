package reactor_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/reactor"
)

func TestPoolAdmitsNoMoreThanItsSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := reactor.NewPool(3)
		var now, most atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				err := p.Do(t.Context(), func() {
					if n := now.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(time.Second)
					now.Add(-1)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if got := p.InUse(); got != 3 {
			t.Errorf("in use: got %d, want 3", got)
		}
		wg.Wait()
		if got := most.Load(); got != 3 || p.InUse() != 0 {
			t.Errorf("at most %d at a time, %d left over; want 3 and 0", got, p.InUse())
		}
	})
}

func TestPoolGivesUpWithItsContext(t *testing.T) {
	p := reactor.NewPool(1)
	why := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := p.Do(ctx, func() {
		cancel(why)
		if err := p.Do(ctx, func() { t.Error("ran") }); err != why {
			t.Errorf("full: got %v, want %v", err, why)
		}
	})
	if err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if err := p.Do(ctx, func() { t.Error("ran") }); err != why {
		t.Errorf("free: got %v, want %v", err, why)
	}
}

func TestPoolWaiterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := reactor.NewPool(1)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { _ = p.Do(t.Context(), func() { time.Sleep(time.Hour) }) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Do(ctx, func() { t.Error("ran") }); err != context.DeadlineExceeded {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestPoolSlotSurvivesAPanic(t *testing.T) {
	p := reactor.NewPool(1)
	func() {
		defer func() { _ = recover() }()
		_ = p.Do(t.Context(), func() { panic("boom") })
	}()
	if got := p.InUse(); got != 0 {
		t.Errorf("got %d slots in use, want 0", got)
	}
	if got, want := reactor.NewPool(0).Slots(), runtime.GOMAXPROCS(0); got != want {
		t.Errorf("default: got %d slots, want %d", got, want)
	}
}

func TestBudgetServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := reactor.NewBudget(10)
		first, err := b.Acquire(t.Context(), 6)
		if err != nil {
			t.Fatal(err)
		}
		var j journal
		for _, n := range []int64{8, 1, 3} { // 1 and 3 would fit now, and wait behind 8
			go func() {
				release, err := b.Acquire(t.Context(), n)
				if err != nil {
					t.Error(err)
					return
				}
				j.add(strconv.FormatInt(n, 10))
				time.Sleep(time.Second)
				release()
			}()
			synctest.Wait()
		}
		if b.InUse() != 6 || b.Waiting() != 3 || b.Total() != 10 {
			t.Errorf("in use %d, waiting %d, total %d; want 6, 3, 10", b.InUse(), b.Waiting(), b.Total())
		}
		first()
		first()
		synctest.Wait()
		if b.InUse() != 9 || b.Waiting() != 1 {
			t.Errorf("in use %d, waiting %d; want 9, 1", b.InUse(), b.Waiting())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		slices.Sort(j.lines[:2]) // these two were granted together
		j.want(t, "1", "8", "3")
		if got := b.InUse(); got != 0 {
			t.Errorf("%d in use at the end, want 0", got)
		}
	})
}

func TestBudgetClips(t *testing.T) {
	tests := []struct {
		name     string
		total, n int64
		want     int64
	}{
		{"more than all", 10, 1 << 40, 10},
		{"nothing", 10, 0, 0},
		{"less than nothing", 10, -5, 0},
		{"of an empty budget", 0, 100, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := reactor.NewBudget(test.total)
			release, err := b.Acquire(t.Context(), test.n)
			if err != nil || b.InUse() != test.want {
				t.Fatalf("got %d in use, %v; want %d, nil", b.InUse(), err, test.want)
			}
			release()
			if got := b.InUse(); got != 0 {
				t.Errorf("got %d in use after the release, want 0", got)
			}
		})
	}
}

func TestBudgetWaiterThatGivesUpMakesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := reactor.NewBudget(10)
		release, err := b.Acquire(t.Context(), 5)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		why := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		large, small := make(chan error, 1), make(chan error, 1)
		go func() { _, err := b.Acquire(ctx, 10); large <- err }()
		synctest.Wait()
		go func() { _, err := b.Acquire(t.Context(), 5); small <- err }()
		synctest.Wait()
		cancel(why)
		if err := <-large; err != why {
			t.Errorf("large: got %v, want %v", err, why)
		}
		if err := <-small; err != nil {
			t.Errorf("small: got %v, want nil", err)
		}
		if _, err := b.Acquire(ctx, 1); err != why {
			t.Errorf("ended context: got %v, want %v", err, why)
		}
	})
}

// TestBudgetUnderLoad grants, cancels and releases at random: never more than the total, and nothing is lost.
func TestBudgetUnderLoad(t *testing.T) {
	b := reactor.NewBudget(100)
	var used atomic.Int64
	var wg sync.WaitGroup
	for seed := range uint64(16) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 300 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(200))*time.Microsecond)
				n := r.Int64N(120)
				if release, err := b.Acquire(ctx, n); err == nil {
					if got := used.Add(min(n, 100)); got > 100 {
						t.Errorf("%d bytes of 100 in use", got)
					}
					runtime.Gosched()
					used.Add(-min(n, 100))
					release()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if b.InUse() != 0 || b.Waiting() != 0 {
		t.Errorf("%d in use and %d waiting at the end, want none", b.InUse(), b.Waiting())
	}
}

func BenchmarkBudget(b *testing.B) {
	budget := reactor.NewBudget(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		release, err := budget.Acquire(b.Context(), 4096)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

func BenchmarkPool(b *testing.B) {
	p := reactor.NewPool(0)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Do(b.Context(), func() {}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTryAcquireOvertakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := reactor.NewBudget(10)
		release, ok := b.TryAcquire(6)
		if !ok || b.InUse() != 6 {
			t.Fatalf("got %v with %d in use, want 6 in use", ok, b.InUse())
		}
		for _, n := range []int64{5, 11, 1 << 62} {
			if _, ok := b.TryAcquire(n); ok {
				t.Errorf("got %d of 4", n)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = b.Acquire(ctx, 5) })
		synctest.Wait()
		if _, ok := b.TryAcquire(1); ok {
			t.Error("overtook somebody who waits")
		}
		cancel()
		wg.Wait()
		last, ok := b.TryAcquire(4)
		if !ok || b.InUse() != 10 {
			t.Errorf("got %v with %d in use, want 10 in use", ok, b.InUse())
		}
		last()
		release()
		release()
		if b.InUse() != 0 {
			t.Errorf("%d left over", b.InUse())
		}
	})
}

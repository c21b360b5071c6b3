package gather_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/internal/gather"
)

var errBroken = errors.New("broken")

// A try is what one task does: it waits, then gives its number or fails.
type try struct {
	wait time.Duration
	fail bool
}

func TestRun(t *testing.T) {
	const never = time.Hour * 1000
	for _, tc := range []struct {
		name    string
		need    int
		hedge   time.Duration
		tries   []try
		want    []int
		short   bool
		took    time.Duration
		started int
	}{
		{"none needed", 0, time.Second, []try{{}}, nil, false, 0, 0},
		{"all well", 2, time.Second, []try{{wait: 2}, {wait: 1}, {}}, []int{1, 0}, false, 2, 2},
		{"one fails", 2, 0, []try{{wait: 5}, {wait: 1, fail: true}, {wait: 1}}, []int{2, 0}, false, 5, 3},
		{"one hangs", 2, 10, []try{{wait: never}, {wait: 1}, {wait: 3}}, []int{1, 2}, false, 13, 3},
		{"hedge cascades", 1, 10, []try{{wait: never}, {wait: never}, {wait: 1}}, []int{2}, false, 21, 3},
		{"overdue but in time", 1, 10, []try{{wait: 12}, {wait: never}}, []int{0}, false, 12, 2},
		{"overdue fails, hedge runs", 1, 10, []try{{wait: 12, fail: true}, {wait: 5}, {}}, []int{1}, false, 15, 2},
		{"too few tasks", 3, 10, []try{{}, {}}, []int{0, 1}, true, 0, 2},
		{"too few good ones", 2, 10, []try{{wait: 1}, {wait: 2, fail: true}, {wait: 3, fail: true}}, []int{0}, true, 5, 3},
		{"no tasks", 1, 10, nil, nil, true, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var started, running atomic.Int32
				tasks := make([]gather.Task[int], len(tc.tries))
				for i, try := range tc.tries {
					tasks[i] = func(ctx context.Context) (int, error) {
						started.Add(1)
						running.Add(1)
						defer running.Add(-1)
						return i, try.do(ctx, i)
					}
				}
				begin := time.Now()
				got, err := gather.Run(t.Context(), tc.need, tc.hedge, tasks)
				if took := time.Since(begin); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				if tc.took == 0 {
					slices.Sort(got)
				}
				if !slices.Equal(got, tc.want) {
					t.Errorf("got %v, want %v", got, tc.want)
				}
				short, isShort := errors.AsType[*gather.ShortError](err)
				if isShort != tc.short || (err != nil) != tc.short {
					t.Errorf("got error %v, want short %v", err, tc.short)
				}
				if isShort && (short.Have != len(tc.want) || short.Need != tc.need) {
					t.Errorf("got %+v", short)
				}
				if n := int(started.Load()); n != tc.started {
					t.Errorf("started %d, want %d", n, tc.started)
				}
				if n := running.Load(); n != 0 {
					t.Errorf("%d tasks still run", n)
				}
			})
		})
	}
}

func (y try) do(ctx context.Context, i int) error {
	select {
	case <-time.After(y.wait):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if y.fail {
		return fmt.Errorf("task %d: %w", i, errBroken)
	}
	return nil
}

func TestRunCancelsWithCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		_, err := gather.Run(t.Context(), 1, 5, []gather.Task[int]{
			func(ctx context.Context) (int, error) { <-ctx.Done(); cause = context.Cause(ctx); return 0, cause },
			func(context.Context) (int, error) { return 1, nil },
		})
		if err != nil || !errors.Is(cause, gather.ErrEnough) {
			t.Errorf("got error %v, cause %v, want cause %v", err, cause, gather.ErrEnough)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(errBroken) })
		_, err := gather.Run(ctx, 1, 0, []gather.Task[int]{
			func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
		})
		if !errors.Is(err, errBroken) {
			t.Errorf("got %v, want %v", err, errBroken)
		}
	})
}

func TestShortErrorNamesAll(t *testing.T) {
	_, err := gather.Run(t.Context(), 1, 0, []gather.Task[int]{
		func(context.Context) (int, error) { return 0, errBroken },
	})
	if !errors.Is(err, errBroken) || err.Error() != "0 of 1 results: broken" {
		t.Errorf("got %v", err)
	}
}

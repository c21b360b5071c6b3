package treejobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"tahoe/cmd/tahoe/internal/treejobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) add(line string) func(context.Context) error {
	return func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lines = append(r.lines, line)
		return nil
	}
}

// grow walks a tree of the given depth and width, in which each directory has as many jobs.
func grow(r *treejobs.Runner, rec *record, parent *treejobs.Dir, name string, depth, width int) error {
	d := r.Enter(parent, rec.add("end "+name))
	defer r.Leave(d)
	for i := range width {
		if err := r.Do(d, rec.add(fmt.Sprint("job ", name, "/", i))); err != nil {
			return err
		}
		if depth > 0 {
			if err := grow(r, rec, d, fmt.Sprint(name, "/d", i), depth-1, width); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestOrder has every directory finished once, after what is in it.
func TestOrder(t *testing.T) {
	for _, workers := range []int{1, 2, 7} {
		var rec record
		r := treejobs.New(t.Context(), workers)
		if err := errors.Join(grow(r, &rec, nil, "", 3, 4), r.Wait()); err != nil {
			t.Fatal(err)
		}
		at := map[string]int{}
		for i, line := range rec.lines {
			if _, twice := at[line]; twice {
				t.Errorf("%d workers: %q came twice", workers, line)
			}
			at[line] = i
		}
		if want := (1 + 4 + 16 + 64) * 5; len(at) != want {
			t.Errorf("%d workers: got %d calls, want %d", workers, len(at), want)
		}
		for line, i := range at {
			name := line[4:]
			for end := len(name) - 1; end >= 0; end-- {
				if name[end] == '/' && at["end "+name[:end]] < i {
					t.Errorf("%d workers: %q came after the end of %q", workers, line, name[:end])
				}
			}
		}
	}
}

// TestBounded has a walker that is not let run ahead of its jobs.
func TestBounded(t *testing.T) {
	const workers = 3
	var given, done atomic.Int64
	r := treejobs.New(t.Context(), workers)
	d := r.Enter(nil, func(context.Context) error { return nil })
	for range 500 {
		if err := r.Do(d, func(context.Context) error { done.Add(1); return nil }); err != nil {
			t.Fatal(err)
		}
		if ahead := given.Add(1) - done.Load(); ahead > 2*workers+1 {
			t.Fatalf("the walker is %d jobs ahead", ahead)
		}
	}
	r.Leave(d)
	if err := r.Wait(); err != nil || done.Load() != 500 {
		t.Errorf("got %v after %d jobs", err, done.Load())
	}
}

// TestFailure has nothing begin after a failure, no directory finished, and the walker told.
func TestFailure(t *testing.T) {
	broken := errors.New("broken")
	var rec record
	r := treejobs.New(t.Context(), 2)
	d := r.Enter(nil, rec.add("end"))
	if err := r.Do(d, func(context.Context) error { return broken }); err != nil {
		t.Fatal(err)
	}
	<-r.Context().Done()
	if err := r.Do(d, rec.add("job")); !errors.Is(err, broken) {
		t.Errorf("got %v, want the failure", err)
	}
	r.Leave(d)
	if err := r.Wait(); !errors.Is(err, broken) || slices.Contains(rec.lines, "end") || slices.Contains(rec.lines, "job") {
		t.Errorf("got %v and %v", err, rec.lines)
	}
}

// TestStopped has a context that ends.
func TestStopped(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	r := treejobs.New(ctx, 2)
	d := r.Enter(nil, func(context.Context) error { t.Error("finished"); return nil })
	why := errors.New("enough")
	stop(why)
	if err := r.Do(d, func(context.Context) error { return nil }); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	r.Leave(d)
	if err := r.Wait(); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

package reactor_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/reactor"
)

func TestHostStartsAndStopsNodesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		host := reactor.NewHost(nil)
		for _, n := range []string{"n1", "n2", "n3"} {
			host.Add(n, j.child(n, 2*time.Second, 3*time.Second).Service)
		}
		begun := time.Now()
		var up time.Duration
		ctx, stop := context.WithCancel(t.Context())
		if err := host.Run(ctx, func() { up = time.Since(begun); stop() }); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		if want := 2 * time.Second; up != want {
			t.Errorf("ready after %v, want %v", up, want)
		}
		if got, want := time.Since(begun), 5*time.Second; got != want {
			t.Errorf("stopped after %v, want %v", got, want)
		}
	})
}

func TestHostStopsAllWhenANodeFails(t *testing.T) {
	broken := errors.New("disk gone")
	tests := []struct {
		name  string
		after time.Duration
	}{{"while starting", 0}, {"later", time.Hour}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				host := reactor.NewHost(nil)
				host.Add("good", j.child("good", time.Second, 0).Service)
				host.Add("bad", reactor.NewTree("bad", failing("storage", test.after, broken)))
				err := host.Run(t.Context(), never)
				if got, want := text(err), "bad: storage: disk gone"; got != want || !errors.Is(err, broken) {
					t.Errorf("got %q, want %q", got, want)
				}
				if !slices.Contains(j.lines, "stopped good") {
					t.Errorf("the other node was not stopped: %q", j.lines)
				}
			})
		})
	}
}

func TestHostWithoutNodes(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	if err := reactor.NewHost(nil).Run(ctx, stop); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestHostOfManyNodes(t *testing.T) {
	host := reactor.NewHost(nil)
	var j journal
	for range 200 {
		host.Add("n", reactor.NewTree("n", j.child("a", 0, 0), j.child("b", 0, 0)))
	}
	ctx, stop := context.WithCancel(t.Context())
	if err := host.Run(ctx, stop); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if got, want := len(j.lines), 200*2*3; got != want {
		t.Errorf("got %d events, want %d", got, want)
	}
}

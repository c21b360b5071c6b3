package grid_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/grid"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

func TestFirstProbesRunTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a", "b", "c", "d")
		for _, s := range f.servers {
			s.Add(storagetest.Fault{Effect: storagetest.Delay(time.Second)})
		}
		begun := time.Now()
		b := run(t, f, grid.BrokerConfig{})
		if got := status(t, b, "a"); got.State != grid.NeverTried || got.Text() != "connecting" {
			t.Errorf("at first: got %+v", got)
		}
		if err := b.WaitConnected(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(begun); got != time.Second {
			t.Errorf("all connected after %v, want %v", got, time.Second)
		}
		if up(b) != "abcd" || b.Connected() != 4 {
			t.Errorf("connected: got %s, %d, want abcd, 4", up(b), b.Connected())
		}
		synctest.Wait()
		now := time.Now()
		got := status(t, b, "a")
		want := grid.Status{
			ID: "a", TubID: tub, Static: true, State: grid.Connected, Since: now, LastSeen: now, NextTry: now.Add(5 * time.Minute),
			Version: got.Version, Certification: grid.Certification{Valid: true}, // nobody asks for certificates
		}
		if !got.LastSeen.Equal(want.LastSeen) {
			t.Errorf("last seen: got %v, want %v", got.LastSeen, want.LastSeen)
		}
		got.LastSeen = want.LastSeen
		if got != want || got.Version.MaxImmutableShare == 0 {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestFailingCallFindsADeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a", "b")
		b := run(t, f, grid.BrokerConfig{})
		time.Sleep(time.Minute)
		f.servers["a"].Stop()
		if up(b) != "ab" {
			t.Errorf("before anybody noticed: got %s, want ab", up(b))
		}
		var a *grid.Server
		for _, s := range b.Permuted(one) {
			if s.ID() == "a" {
				a = s
			}
		}
		_, err := a.Storage().Buckets(t.Context(), one)
		if _, ok := errors.AsType[*grid.ServerError](err); !ok {
			t.Errorf("got %v, want a ServerError", err)
		}
		synctest.Wait()
		got := status(t, b, "a")
		if up(b) != "b" || got.State != grid.Disconnected || !got.Since.Equal(time.Now()) {
			t.Errorf("afterwards: got %s, %+v; want b, a lost now", up(b), got)
		}
		if want := "not connected: server is down: "; !strings.HasPrefix(got.Text(), want) {
			t.Errorf("got %q, want %q…", got.Text(), want)
		}
	})
}

func TestRefusalsAreSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a")
		b := run(t, f, grid.BrokerConfig{})
		time.Sleep(time.Minute)
		a := b.Permuted(one)[0]
		if err := a.Storage().AddLease(t.Context(), one, storage.LeaseSecrets{}); !errors.Is(err, storage.ErrNotFound) {
			t.Fatalf("got %v, want %v", err, storage.ErrNotFound)
		}
		synctest.Wait()
		if got := a.Status().LastSeen; !got.Equal(time.Now()) {
			t.Errorf("last seen %v, want now, %v", got, time.Now())
		}
		if got := len(f.asked["a"]); got != 1 {
			t.Errorf("asked %d times for a sign of life, want once, at the start", got)
		}
	})
}

func TestBrokenConnectionIsAskedAfter(t *testing.T) {
	tests := []struct {
		name  string
		alive bool
		want  grid.State
	}{{"the server lives", true, grid.Connected}, {"the server is gone", false, grid.Disconnected}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm("a")
				b := run(t, f, grid.BrokerConfig{})
				time.Sleep(time.Minute)
				if !test.alive {
					f.servers["a"].Stop()
				}
				begun := time.Now()
				for range 5 { // five connections of one server break together
					f.events["a"].Disconnected(errors.New("EOF"))
				}
				synctest.Wait()
				if got := status(t, b, "a").State; got != test.want {
					t.Errorf("got %v, want %v", got, test.want)
				}
				if got := len(f.asked["a"]) - 1; got != 1 {
					t.Errorf("asked %d times, want once", got)
				}
				if test.alive && len(f.since("a", begun.Add(time.Minute))) != 0 {
					t.Error("asked again without a reason")
				}
			})
		})
	}
}

// TestHangingServerIsFoundOut: a caller that gives up after a while makes the broker ask, one that changed its mind does
// not.
func TestHangingServerIsFoundOut(t *testing.T) {
	tests := []struct {
		name    string
		patient time.Duration
		want    grid.State
	}{{"given up", 3 * time.Second, grid.Disconnected}, {"no longer wanted", time.Second, grid.Connected}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm("a")
				b := run(t, f, grid.BrokerConfig{})
				f.servers["a"].Add(storagetest.HangAll(storagetest.OpAny))
				ctx, cancel := context.WithTimeout(t.Context(), test.patient)
				defer cancel()
				if _, err := b.Permuted(one)[0].Storage().Buckets(ctx, one); err == nil {
					t.Error("got nil, want an error")
				}
				time.Sleep(6 * time.Second)
				got := status(t, b, "a")
				if got.State != test.want {
					t.Errorf("got %v, want %v", got.State, test.want)
				}
				if want := "not connected: no answer within 5s"; test.want == grid.Disconnected && got.Text() != want {
					t.Errorf("got %q, want %q", got.Text(), want)
				}
			})
		})
	}
}

func TestLostServerIsTriedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a")
		f.servers["a"].Stop()
		begun := time.Now()
		b := run(t, f, grid.BrokerConfig{})
		time.Sleep(9 * time.Minute)
		want := []float64{1, 3, 7, 15, 31, 63, 127, 247, 367, 487}
		if got := f.since("a", begun); !slices.Equal(got, want) {
			t.Errorf("asked at %v s, want %v", got, want)
		}
		if got := status(t, b, "a"); !got.NextTry.Equal(begun.Add(607 * time.Second)) {
			t.Errorf("next try at %v, want 607 s", got.NextTry.Sub(begun))
		}
	})
}

func TestJitterSpreadsTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a")
		begun := time.Now()
		run(t, f, grid.BrokerConfig{Rand: func() float64 { return 0 }})
		time.Sleep(9 * time.Minute)
		if got, want := f.since("a", begun), []float64{240, 480}; !slices.Equal(got, want) {
			t.Errorf("asked at %v s, want %v", got, want)
		}
	})
}

// TestReturningServerIsUsedSoon: with somebody waiting, a server is back within two seconds of its return, however long
// it had been away.
func TestReturningServerIsUsedSoon(t *testing.T) {
	tests := []struct {
		name string
		want func(ctx context.Context, b *grid.Broker)
	}{
		{"waiting", func(ctx context.Context, b *grid.Broker) { _ = b.WaitConnected(ctx, 2) }},
		{"trying now and then", func(ctx context.Context, b *grid.Broker) {
			for ctx.Err() == nil {
				b.TryNow()
				time.Sleep(3 * time.Second)
			}
		}},
		{"looking for servers", func(ctx context.Context, b *grid.Broker) {
			for ctx.Err() == nil {
				b.Permuted(one)
				time.Sleep(3 * time.Second)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm("a", "b")
				f.servers["a"].Stop()
				b := run(t, f, grid.BrokerConfig{})
				time.Sleep(time.Hour)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				var wg sync.WaitGroup
				wg.Go(func() { test.want(ctx, b) })
				time.Sleep(12300 * time.Millisecond)
				f.servers["a"].Start()
				back := time.Now()
				for b.Connected() < 2 && time.Since(back) < time.Minute {
					time.Sleep(10 * time.Millisecond)
				}
				if got := time.Since(back); got > 2*time.Second {
					t.Errorf("used again after %v, want at most 2s", got)
				}
				cancel()
				wg.Wait()
			})
		})
	}
}

// TestHurryEnds: after a hint, tries become rare again; with enough servers, callers give none.
func TestHurryEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a", "b")
		f.servers["a"].Stop()
		b := run(t, f, grid.BrokerConfig{Enough: 1})
		time.Sleep(time.Hour)
		begun := time.Now()
		b.Permuted(one)
		time.Sleep(20 * time.Second)
		if got := f.since("a", begun); len(got) > 1 {
			t.Errorf("with enough servers: asked at %v s, want no more than the one try that was due", got)
		}
		begun = time.Now()
		b.TryNow()
		time.Sleep(50 * time.Second)
		if got := len(f.since("a", begun)); got < 9 || got > 12 {
			t.Errorf("after a hint: asked %d times, want about 10", got)
		}
	})
}

// TestIdleGridIsQuiet: an hour of ten idle servers costs a dozen requests to each.
func TestIdleGridIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
		b := run(t, f, grid.BrokerConfig{})
		time.Sleep(time.Hour)
		for id, s := range f.servers {
			if n := s.Count(storagetest.OpAny); n > 13 {
				t.Errorf("server %s was asked %d times, want at most 13", id, n)
			}
		}
		if got := b.Connected(); got != 10 {
			t.Errorf("%d connected, want 10", got)
		}
	})
}

// TestLostServerThatAnswersIsFound: a call under way that succeeds says more than an older failure.
func TestLostServerThatAnswersIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a")
		b := run(t, f, grid.BrokerConfig{})
		a := b.Permuted(one)[0]
		f.servers["a"].Stop()
		f.events["a"].Disconnected(errors.New("EOF"))
		time.Sleep(5 * time.Minute)
		f.servers["a"].Start()
		if b.Connected() != 0 {
			t.Fatal("not lost")
		}
		if _, err := a.Storage().Buckets(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b.Connected() != 1 {
			t.Error("not found again")
		}
	})
}

func TestWaitConnectedSaysHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newFarm("a", "b"), grid.BrokerConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := b.WaitConnected(ctx, 3)
		if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "waiting for 3 servers, 2 connected: context deadline exceeded" {
			t.Errorf("got %v", err)
		}
	})
}

func TestThousandsOfServersAreNotAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		for i := range 2000 {
			f.servers[grid.ServerID(fmt.Sprint(i))] = storagetest.NewFaulty(storagetest.NewMem(storagetest.Config{}),
				storagetest.Fault{Effect: storagetest.Delay(time.Second)})
		}
		b := run(t, f, grid.BrokerConfig{})
		if err := b.WaitConnected(t.Context(), 2000); err != nil {
			t.Error(err)
		}
		if f.most != 64 {
			t.Errorf("%d at a time, want 64", f.most)
		}
	})
}

// Right after the start, whoever needs servers gets those that answer, without waiting long for one that does not.
func TestSettle(t *testing.T) {
	for _, test := range []struct {
		name   string
		hang   string // servers that do not answer
		delay  time.Duration
		need   int
		want   string
		waited time.Duration
	}{
		{"all answer", "", 300 * time.Millisecond, 3, "abc", 300 * time.Millisecond},
		{"more are needed than there are", "", 300 * time.Millisecond, 10, "abc", 300 * time.Millisecond},
		{"enough answer", "a", 300 * time.Millisecond, 2, "bc", 300 * time.Millisecond},
		{"one hangs", "a", 300 * time.Millisecond, 3, "bc", 2 * time.Second},
		{"one refuses", "-a", 300 * time.Millisecond, 3, "bc", 300 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm("a", "b", "c")
				for id, s := range f.servers {
					switch test.hang {
					case string(id):
						s.Add(storagetest.HangAll(storagetest.OpVersion))
					case "-" + string(id):
						s.Stop()
					default:
						s.Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpVersion}, Effect: storagetest.Delay(test.delay)})
					}
				}
				b := run(t, f, grid.BrokerConfig{})
				begun := time.Now()
				b.Settle(t.Context(), test.need)
				if waited := time.Since(begun); waited != test.waited || up(b) != test.want {
					t.Errorf("got %s after %v, want %s after %v", up(b), waited, test.want, test.waited)
				}
				time.Sleep(10 * time.Second) // the one that hangs has been given up
				begun = time.Now()
				b.Settle(t.Context(), 10)
				if waited := time.Since(begun); waited != 0 {
					t.Errorf("later on it waited %v", waited)
				}
			})
		})
	}
}

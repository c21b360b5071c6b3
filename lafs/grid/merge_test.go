package grid_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/grid"
	"tahoe/storage"
)

func named(id, nickname string) grid.Announcement {
	a := announce(id)
	a.Nickname = nickname
	return a
}

func (f *farm) wantMade(t *testing.T, id grid.ServerID, made, closed int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made[id] != made || f.closed[id] != closed {
		t.Errorf("%s: %d connections made and %d closed, want %d and %d", id, f.made[id], f.closed[id], made, closed)
	}
}

func TestAnnouncementsMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a", "b", "c")
		b := run(t, f, grid.BrokerConfig{})
		set := func(o grid.Origin, list ...grid.Announcement) {
			t.Helper()
			if err := b.Set(o, list); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		set(grid.Static, named("a", ""), named("b", "attic")) // a stays, b changes, c goes
		f.wantMade(t, "a", 1, 0)
		f.wantMade(t, "b", 2, 1)
		f.wantMade(t, "c", 1, 1)
		if got := status(t, b, "b").Nickname; got != "attic" || up(b) != "ab" {
			t.Errorf("got nickname %q and servers %s, want attic and ab", got, up(b))
		}

		set(grid.Announced, named("b", "cellar"), named("c", "cellar")) // static ones win
		if got := status(t, b, "b"); got.Nickname != "attic" || !got.Static {
			t.Errorf("got %+v, want the static one", got)
		}
		if got := status(t, b, "c"); got.Nickname != "cellar" || got.Static || up(b) != "abc" {
			t.Errorf("got %+v and servers %s, want the announced one, abc", got, up(b))
		}
		f.wantMade(t, "b", 2, 1)

		set(grid.Static, named("a", "")) // what was hidden is seen again
		if got := status(t, b, "b"); got.Nickname != "cellar" || got.Static {
			t.Errorf("got %+v, want the announced one", got)
		}
		if err := b.Update(grid.Announced, named("c", "barn")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := status(t, b, "c").Nickname; got != "barn" || up(b) != "abc" {
			t.Errorf("got nickname %q and servers %s, want barn and abc", got, up(b))
		}
		set(grid.Announced)
		set(grid.Static)
		if got := b.Statuses(); len(got) != 0 || up(b) != "" {
			t.Errorf("got %v, want none", got)
		}
	})
}

func TestLetGoServerSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a")
		b := run(t, f, grid.BrokerConfig{})
		a := b.Permuted(one)[0]
		if err := b.Set(grid.Static, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, want := a.Status().Text(), "not connected: this node no longer uses it"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestUselessAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a")
		b := run(t, f, grid.BrokerConfig{})
		err := b.Set(grid.Static, []grid.Announcement{announce("a"), {ID: "x", Nickname: "old"}})
		if err == nil || !strings.Contains(err.Error(), `announcement of server old (x): "anonymous-storage-FURL" is missing`) {
			t.Errorf("Set: got %v", err)
		}
		if err := b.Update(grid.Announced, grid.Announcement{ID: "y"}); err == nil {
			t.Error("Update: got nil, want an error")
		}
		synctest.Wait()
		f.wantMade(t, "a", 1, 0)
		if up(b) != "a" {
			t.Errorf("got %s, want a", up(b))
		}
	})
}

// TestUnusableServerIsShown: what the connector refuses is not tried, but listed with the reason.
func TestUnusableServerIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm("a")
		f.refuse = errors.New("it offers no address that this node can use")
		b := run(t, f, grid.BrokerConfig{})
		b.TryNow()
		time.Sleep(time.Hour)
		got := status(t, b, "a")
		if got.Text() != "unusable: it offers no address that this node can use" || !got.NextTry.IsZero() || up(b) != "" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestPreferredServersComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain := run(t, newFarm("a", "b", "c", "d"), grid.BrokerConfig{})
		some := run(t, newFarm("a", "b", "c", "d"), grid.BrokerConfig{Preferred: []grid.ServerID{"d", "b", "unknown"}})
		for n := range byte(50) {
			i := storage.Index{n}
			order := names(plain.Permuted(i))
			var first, rest string
			for _, id := range order {
				if strings.ContainsRune("bd", id) {
					first += string(id)
				} else {
					rest += string(id)
				}
			}
			if got := names(some.Permuted(i)); got != first+rest {
				t.Fatalf("index %d: got %s, want %s", n, got, first+rest)
			}
		}
	})
}

// TestBrokerUnderLoad changes everything at once; the race detector judges.
func TestBrokerUnderLoad(t *testing.T) {
	f := newFarm("a", "b", "c")
	b := grid.NewBroker(f.connect, grid.BrokerConfig{})
	start(t, f, b)
	all := f.announcements()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for _, do := range []func(){
		func() { _ = b.Set(grid.Static, all[:1]) },
		func() { _ = b.Set(grid.Announced, all) },
		func() { _ = b.Update(grid.Announced, named("b", time.Now().String())) },
		func() { _, _ = b.Statuses(), b.Connected() },
		b.TryNow,
		func() { f.servers["a"].Stop(); f.servers["a"].Start() },
		func() {
			for _, s := range b.Permuted(one) {
				_, _ = s.Storage().Buckets(ctx, one)
			}
		},
		func() {
			short, done := context.WithTimeout(ctx, time.Millisecond)
			defer done()
			_ = b.WaitConnected(short, 3)
		},
	} {
		wg.Go(func() {
			for ctx.Err() == nil {
				do()
				time.Sleep(50 * time.Microsecond)
			}
		})
	}
	wg.Wait()
}

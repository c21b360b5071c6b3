package introducer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/introducer"
)

// A peer is the other end of a connection that a test ends.
type peer struct {
	name string

	mu    sync.Mutex
	gone  bool
	funcs map[int]func()
	n     int
}

func (p *peer) OnGone(f func()) func() {
	p.mu.Lock()
	if p.gone {
		p.mu.Unlock()
		f()
		return func() {}
	}
	if p.funcs == nil {
		p.funcs = map[int]func(){}
	}
	p.n++
	n := p.n
	p.funcs[n] = f
	p.mu.Unlock()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.funcs, n)
	}
}

func (p *peer) listeners() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.funcs)
}

func (p *peer) end() {
	p.mu.Lock()
	p.gone = true
	all := p.funcs
	p.funcs = nil
	p.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// A listener is a subscriber that remembers what it is told.
type listener struct {
	peer
	slow    bool // it never takes a batch
	fails   error
	cut     bool
	batches []int
	heard   []string
}

func (l *listener) Announce(ctx context.Context, batch []introducer.Signed) error {
	if l.slow {
		<-ctx.Done()
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, len(batch))
	for _, a := range batch {
		var ann struct {
			Nickname string
			Seqnum   int
		}
		if err := json.Unmarshal(a.Message, &ann); err != nil {
			return err
		}
		l.heard = append(l.heard, fmt.Sprint(ann.Nickname, " ", ann.Seqnum))
	}
	return l.fails
}

func (l *listener) Same(other introducer.Subscriber) bool { return other == introducer.Subscriber(l) }

func (l *listener) Cut()            { l.cut = true; l.end() }
func (l *listener) TubID() string   { return "tub-" + l.name }
func (l *listener) Address() string { return "address-" + l.name }

func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

// start runs an introducer until the test ends.
func start(t *testing.T, c introducer.ServerConfig) *introducer.Server {
	t.Helper()
	s := introducer.NewServer(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func publish(t testing.TB, s *introducer.Server, from introducer.Peer, key, seqnum int, service string) {
	t.Helper()
	v := newSigner(key).announce(t, seqnum, map[string]any{"service-name": service, "nickname": fmt.Sprint("k", key)})
	if err := s.Publish(v.Signed(), from); err != nil {
		t.Fatal(err)
	}
}

func TestSubscribersHearOldAndNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, introducer.ServerConfig{})
		server := &peer{}
		early, late, other := &listener{}, &listener{}, &listener{}
		for _, sub := range []struct {
			to      *listener
			service string
		}{{early, "storage"}, {early, "storage"}, {other, "else"}} {
			if err := s.Subscribe(sub.to, sub.service, introducer.Info{}); err != nil {
				t.Fatal(err)
			}
		}
		publish(t, s, server, 1, 1, "storage")
		synctest.Wait()
		publish(t, s, server, 2, 1, "storage")
		publish(t, s, server, 3, 1, "else")
		synctest.Wait()
		publish(t, s, server, 1, 2, "storage")
		publish(t, s, server, 1, 2, "storage")
		synctest.Wait()
		if err := s.Subscribe(late, "storage", introducer.Info{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, c := range []struct {
			who  *listener
			want []string
		}{{early, []string{"k1 1", "k2 1", "k1 2"}}, {late, []string{"k2 1", "k1 2"}}, {other, []string{"k3 1"}}} {
			if got := c.who.all(); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		}
		if c := s.Status().Counts; c.Received != 5 || c.Repeated != 1 || c.Sent != 6 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestStaleAndForged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, introducer.ServerConfig{})
		to, from, key := &listener{}, &peer{}, newSigner(1)
		if err := s.Subscribe(to, "storage", introducer.Info{}); err != nil {
			t.Fatal(err)
		}
		forged := key.announce(t, 9, nil).Signed()
		forged.Signature = newSigner(2).announce(t, 9, nil).Signed().Signature
		for _, c := range []struct {
			name string
			a    introducer.Signed
			want error
		}{
			{"new", key.announce(t, 5, nil).Signed(), nil},
			{"forged", forged, introducer.ErrBadSignature},
			{"older", key.announce(t, 4, nil).Signed(), introducer.ErrStale},
			{"as old, other words", key.announce(t, 5, map[string]any{"nickname": "m"}).Signed(), introducer.ErrStale},
			{"no seqnum", key.raw(`{"service-name": "storage"}`), introducer.ErrStale},
			{"the same", key.announce(t, 5, nil).Signed(), nil},
			{"newer", key.announce(t, 6, nil).Signed(), nil},
		} {
			if err := s.Publish(c.a, from); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%s: got %v, want %v", c.name, err, c.want)
			}
			synctest.Wait()
		}
		if got, want := to.all(), []string{"n 5", "n 6"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if n := from.listeners(); n != 1 {
			t.Errorf("%d functions wait for the end of the publisher, want 1", n)
		}
	})
}

// TestSlowSubscriberHoldsUpNobody: it is dropped and cut, and others hear meanwhile.
func TestSlowSubscriberHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, introducer.ServerConfig{Sending: 2})
		slow, quick, broken := &listener{slow: true}, &listener{}, &listener{fails: errors.New("gone")}
		for _, l := range []*listener{slow, quick, broken} {
			if err := s.Subscribe(l, "storage", introducer.Info{}); err != nil {
				t.Fatal(err)
			}
		}
		publish(t, s, &peer{}, 1, 1, "storage")
		synctest.Wait()
		if got := quick.all(); len(got) != 1 {
			t.Errorf("got %v while another one is slow", got)
		}
		if n := len(s.Status().Subscribers); n != 2 {
			t.Errorf("got %d subscribers, want 2: the broken one is gone", n)
		}
		time.Sleep(30*time.Second + time.Millisecond)
		synctest.Wait()
		if n := len(s.Status().Subscribers); n != 1 || !slow.cut || !broken.cut || quick.cut {
			t.Errorf("got %d subscribers, want 1; slow cut: %v, broken cut: %v, quick cut: %v", n, slow.cut, broken.cut, quick.cut)
		}
		quick.end()
		if n := len(s.Status().Subscribers); n != 0 {
			t.Errorf("got %d subscribers, want 0", n)
		}
	})
}

// TestLimits: those who are gone make room, in the order in which they went; those who are here do not.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, introducer.ServerConfig{Announcements: 3, Subscribers: 2})
		here, first, second := &peer{}, &peer{}, &peer{}
		publish(t, s, here, 1, 1, "storage")
		publish(t, s, first, 2, 1, "storage")
		publish(t, s, second, 3, 1, "storage")
		v := newSigner(4).announce(t, 1, map[string]any{"nickname": "k4"})
		if err := s.Publish(v.Signed(), here); !errors.Is(err, introducer.ErrFull) {
			t.Errorf("got %v, want %v", err, introducer.ErrFull)
		}
		second.end()
		time.Sleep(time.Second)
		first.end()
		publish(t, s, here, 1, 2, "storage") // an update needs no room
		if err := s.Publish(v.Signed(), here); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range s.Status().Announcements {
			got = append(got, fmt.Sprint(a.Nickname, " ", a.Here))
		}
		if want := []string{"k1 true", "k2 false", "k4 true"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		publish(t, s, here, 2, 1, "storage") // it is back, and says the same
		if err := s.Publish(newSigner(5).announce(t, 1, nil).Signed(), here); !errors.Is(err, introducer.ErrFull) {
			t.Errorf("got %v, want %v", err, introducer.ErrFull)
		}
		for i, want := range []error{nil, nil, introducer.ErrTooMany} {
			if err := s.Subscribe(&listener{}, "storage", introducer.Info{}); !errors.Is(err, want) {
				t.Errorf("subscriber %d: got %v, want %v", i, err, want)
			}
		}
	})
}

func TestLimitOfBytes(t *testing.T) {
	s := introducer.NewServer(introducer.ServerConfig{Bytes: 100 << 10})
	gone := &peer{}
	gone.end()
	for i := range 200 {
		v := newSigner(i).announce(t, 1, map[string]any{"x": strings.Repeat("x", 10<<10)})
		if err := s.Publish(v.Signed(), gone); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Status().Announcements); n < 8 || n > 10 {
		t.Errorf("got %d announcements of 10 KiB in 100 KiB", n)
	}
}

// TestManyAtOnce: 5,000 announcements, which a subscriber takes in bounded batches, and updates of them without end.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, introducer.ServerConfig{})
		before, after, from := &listener{}, &listener{}, &peer{}
		if err := s.Subscribe(before, "storage", introducer.Info{}); err != nil {
			t.Fatal(err)
		}
		const many = 5000
		for i := range many {
			publish(t, s, from, i, 1, "storage")
		}
		for seqnum := range 3 {
			for i := range 100 {
				publish(t, s, from, i, 2+seqnum, "storage")
			}
		}
		synctest.Wait()
		if err := s.Subscribe(after, "storage", introducer.Info{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(after.all()); n != many {
			t.Errorf("got %d, want %d", n, many)
		}
		if n := len(before.all()); n < many {
			t.Errorf("got %d, want at least %d", n, many)
		}
		if most := slices.Max(after.batches); most > 256 {
			t.Errorf("got a batch of %d", most)
		}
		if n := from.listeners(); n != many {
			t.Errorf("%d functions wait for the end of the publisher, want %d", n, many)
		}
	})
}

func TestStatusShowsStrangersInOneLine(t *testing.T) {
	s := introducer.NewServer(introducer.ServerConfig{})
	v := newSigner(1).announce(t, 1, map[string]any{
		"nickname": "a\nb" + strings.Repeat("x", 1000), "my-version": "\x1b[31m1",
		"anonymous-storage-FURL": "pb://tub@tcp:a:1,tcp:b:2/secret",
	})
	if err := s.Publish(v.Signed(), &peer{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Subscribe(&listener{peer: peer{name: "x"}}, "storage", introducer.Info{Nickname: "c\rd", Version: "2"}); err != nil {
		t.Fatal(err)
	}
	st := s.Status()
	a, sub := st.Announcements[0], st.Subscribers[0]
	if !strings.HasPrefix(a.Nickname, "abxxx") || len([]rune(a.Nickname)) > 100 || a.Version != "[31m1" || !slices.Equal(a.Hints, []string{"tcp:a:1", "tcp:b:2"}) {
		t.Errorf("got %+v", a)
	}
	if sub.Nickname != "cd" || sub.Version != "2" || sub.TubID != "tub-x" || sub.Address != "address-x" {
		t.Errorf("got %+v", sub)
	}
	if strings.Contains(fmt.Sprintf("%+v", st), "secret") {
		t.Error("the status holds the swissnum")
	}
	announcements, subscriptions := st.Summary()
	if announcements["storage"] != 1 || subscriptions["storage"] != 1 {
		t.Errorf("got %v, %v", announcements, subscriptions)
	}
}

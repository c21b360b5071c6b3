package introducer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/introducer"
)

// A world is an introducer that comes and goes, as a client sees it.
type world struct {
	mu     sync.Mutex
	server *introducer.Server // nil: it is away
	links  []*worldLink
	tries  []time.Time
	old    bool // it does not speak version 2
	full   bool // it takes no subscribers
}

var errAway = errors.New("nobody there")

func (w *world) connect(context.Context, string) (introducer.Link, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries = append(w.tries, time.Now())
	if w.server == nil {
		return nil, errAway
	}
	l := &worldLink{world: w, server: w.server, done: make(chan struct{})}
	w.links = append(w.links, l)
	return l, nil
}

// become replaces the introducer, whose connections end.
func (w *world) become(s *introducer.Server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server = s
	for _, l := range w.links {
		close(l.done)
		l.end()
	}
	w.links = nil
}

type worldLink struct {
	peer
	world    *world
	server   *introducer.Server
	done     chan struct{}
	listener func([]introducer.Signed)
}

func (l *worldLink) Check(context.Context) error {
	if l.world.old {
		return errors.New("too old")
	}
	return nil
}

func (l *worldLink) Publish(_ context.Context, a introducer.Signed) error {
	return l.server.Publish(a, l)
}

func (l *worldLink) Subscribe(_ context.Context, service string, i introducer.Info, heard func([]introducer.Signed)) error {
	if l.world.full {
		return introducer.ErrTooMany
	}
	l.listener = heard
	return l.server.Subscribe(l, service, i)
}

func (l *worldLink) Announce(_ context.Context, batch []introducer.Signed) error {
	l.listener(batch)
	return nil
}

func (l *worldLink) Same(introducer.Subscriber) bool { return false }

func (l *worldLink) Done() <-chan struct{} { return l.done }
func (l *worldLink) Where() string         { return "tcp:here:1" }
func (l *worldLink) Close()                { l.end() }
func (l *worldLink) Cut()                  {}
func (l *worldLink) TubID() string         { return "t" }
func (l *worldLink) Address() string       { return "a" }

// A sink remembers what a client has heard.
type sink struct {
	mu    sync.Mutex
	heard []string
	calls int
}

func (s *sink) take(news []introducer.Heard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	for _, h := range news {
		s.heard = append(s.heard, fmt.Sprint(h.Table["nickname"], " ", h.Table["seqnum"]))
	}
}

func (s *sink) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.heard)
	slices.Sort(all)
	return all
}

// runClient runs a client until the test ends, or stop is called.
func runClient(t *testing.T, c introducer.ClientConfig) (cl *introducer.Client, stop func()) {
	t.Helper()
	if c.Rand == nil {
		c.Rand = func() float64 { return 0.5 }
	}
	cl = introducer.NewClient(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- cl.Run(ctx, func() {}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return cl, stop
}

func TestClientPublishesAndHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{server: start(t, introducer.ServerConfig{})}
		var heard sink
		own := newSigner(1).announce(t, 3, nil)
		one, _ := runClient(t, introducer.ClientConfig{
			Introducers: []introducer.Introducer{{Name: "a"}}, Connect: w.connect, Service: "storage", Sink: heard.take,
			Publish: []*introducer.Verified{own}, Info: introducer.Info{Nickname: "me", Version: "v"},
		})
		synctest.Wait()
		if got, want := heard.all(), []string{"n 3"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		st := one.Statuses()[0]
		if !st.Connected || st.Text != "Connected to tcp:here:1 via tcp" || st.Name != "a" {
			t.Errorf("got %+v", st)
		}
		if sub := w.server.Status().Subscribers[0]; sub.Nickname != "me" || sub.Version != "v" {
			t.Errorf("got %+v", sub)
		}
	})
}

// TestClientComesBack: an introducer that starts anew is told again, and what was heard from the former one stays.
func TestClientComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := start(t, introducer.ServerConfig{}), start(t, introducer.ServerConfig{})
		w := &world{server: first}
		publish(t, first, &peer{}, 7, 1, "storage")
		var heard sink
		cl, _ := runClient(t, introducer.ClientConfig{
			Introducers: []introducer.Introducer{{Name: "a"}}, Connect: w.connect, Service: "storage", Sink: heard.take,
			Publish: []*introducer.Verified{newSigner(1).announce(t, 3, nil)},
		})
		synctest.Wait()
		w.become(nil)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if st := cl.Statuses()[0]; st.Connected || st.LastErr != "nobody there" || !strings.HasPrefix(st.Text, "Reconnecting in ") {
			t.Errorf("got %+v", st)
		}
		w.become(second)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if st := second.Status(); len(st.Announcements) != 1 || len(st.Subscribers) != 1 {
			t.Errorf("the new introducer knows %+v", st)
		}
		publish(t, second, &peer{}, 7, 2, "storage")
		time.Sleep(time.Second)
		if got, want := heard.all(), []string{"k7 1", "k7 2", "n 3"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		var pauses []time.Duration
		for i := range w.tries[1:] {
			pauses = append(pauses, w.tries[i+1].Sub(w.tries[i]))
		}
		if want := []time.Duration{1, 2, 4, 8, 16}; len(pauses) < 5 || pauses[4] != want[4]*time.Second || pauses[0] != time.Second {
			t.Errorf("got pauses of %v", pauses)
		}
	})
}

// TestSeveralIntroducers: the newest announcement of each key wins, wherever it comes from and in whatever order.
func TestSeveralIntroducers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := start(t, introducer.ServerConfig{}), start(t, introducer.ServerConfig{})
		publish(t, a, &peer{}, 1, 5, "storage")
		publish(t, b, &peer{}, 2, 1, "storage")
		worlds := map[string]*world{"A": {server: a}, "B": {server: b}}
		var heard sink
		runClient(t, introducer.ClientConfig{
			Introducers: []introducer.Introducer{{Name: "a", FURL: "A"}, {Name: "b", FURL: "B"}}, Service: "storage", Sink: heard.take,
			Connect: func(ctx context.Context, furl string) (introducer.Link, error) {
				return worlds[furl].connect(ctx, furl)
			},
		})
		time.Sleep(time.Second)
		publish(t, b, &peer{}, 1, 4, "storage") // b lags behind
		time.Sleep(time.Second)
		if got, want := heard.all(), []string{"k1 5", "k2 1"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestForgedAndStrange: what a bad introducer tells does not reach the sink, and the rest of its batch does.
func TestForgedAndStrange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{server: start(t, introducer.ServerConfig{})}
		var heard sink
		runClient(t, introducer.ClientConfig{
			Introducers: []introducer.Introducer{{Name: "a"}}, Connect: w.connect, Service: "storage", Sink: heard.take,
		})
		synctest.Wait()
		forged := newSigner(1).announce(t, 1, nil).Signed()
		forged.Message = []byte(strings.Replace(string(forged.Message), "storage", "storagE", 1))
		w.links[0].listener([]introducer.Signed{
			forged, {}, newSigner(2).announce(t, 1, map[string]any{"service-name": "else"}).Signed(), newSigner(3).announce(t, 8, nil).Signed(),
		})
		w.links[0].listener([]introducer.Signed{newSigner(3).announce(t, 7, nil).Signed()})
		time.Sleep(time.Second)
		if got, want := heard.all(), []string{"n 8"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestRefused: a node whose announcement is refused hears all the same; one that is not heard out asks more and more rarely.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, introducer.ServerConfig{Announcements: 1})
		publish(t, s, &peer{}, 7, 1, "storage")
		w := &world{server: s}
		var heard sink
		c := introducer.ClientConfig{
			Introducers: []introducer.Introducer{{Name: "a"}}, Connect: w.connect, Service: "storage", Sink: heard.take,
			Publish: []*introducer.Verified{newSigner(1).announce(t, 3, nil)},
		}
		runClient(t, c)
		time.Sleep(time.Second)
		if got, want := heard.all(), []string{"k7 1"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		for _, bad := range []*world{{server: s, full: true}, {server: s, old: true}} {
			c.Connect = bad.connect
			cl, _ := runClient(t, c)
			time.Sleep(10 * time.Minute)
			if st := cl.Statuses()[0]; st.Connected || st.LastErr == "" || len(bad.tries) > 15 {
				t.Errorf("got %+v after %d attempts", st, len(bad.tries))
			}
		}
	})
}

func TestManyAreCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{server: start(t, introducer.ServerConfig{})}
		var heard sink
		runClient(t, introducer.ClientConfig{
			Introducers: []introducer.Introducer{{Name: "a"}}, Connect: w.connect, Service: "storage", Sink: heard.take,
			Announcements: 1500,
		})
		time.Sleep(time.Second)
		from := &peer{}
		for i := range 2000 {
			publish(t, w.server, from, i, 1, "storage")
		}
		time.Sleep(time.Second)
		if n := len(heard.all()); n != 1500 || heard.calls > 10 {
			t.Errorf("got %d announcements by %d calls, want 1500 by few", n, heard.calls)
		}
	})
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "introducer_a_cache.yaml")
		w := &world{server: start(t, introducer.ServerConfig{})}
		config := introducer.ClientConfig{
			Introducers: []introducer.Introducer{{Name: "a", Cache: path}}, Connect: w.connect, Service: "storage",
		}
		_, stop := runClient(t, config)
		odd := map[string]any{"nickname": "yes", "my-version": "1.10", "list": []any{"0o7", nil, true, 1.5}, "u": "ü\n \u2028'\": #\x7f\u0085😀\\"}
		v := newSigner(1).announce(t, 2, odd)
		if err := w.server.Publish(v.Signed(), &peer{}); err != nil {
			t.Fatal(err)
		}
		publish(t, w.server, &peer{}, 2, 1, "storage")
		synctest.Wait()
		stop()
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("got %v, %v", info, err)
		}

		w.become(nil)
		var heard sink
		config.Sink = heard.take
		runClient(t, config)
		time.Sleep(500 * time.Millisecond)
		if got, want := heard.all(), []string{"k2 1", "yes 2"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if all, _, _ := introducer.ReadCache(path); all[0].Table["u"] != odd["u"] || all[0].Table["my-version"] != "1.10" {
			t.Errorf("got %q", all[0].Table)
		}
		next := start(t, introducer.ServerConfig{})
		publish(t, next, &peer{}, 2, 1, "storage")
		w.become(next)
		time.Sleep(10 * time.Second)
		all, bad, err := introducer.ReadCache(path)
		if err != nil || bad != 0 || len(all) != 1 || all[0].Key != newSigner(2).public() {
			t.Errorf("got %v, %d, %v: want what was heard since the start alone", all, bad, err)
		}
	})
}

func TestReadCache(t *testing.T) {
	key := newSigner(1).public()
	entry := "- ann: {service-name: storage, seqnum: 3}\n  key_s: " + key + "\n"
	for _, c := range []struct {
		name, text string
		all, bad   int
		fails      bool
	}{
		{name: "empty"},
		{name: "one", text: entry, all: 1},
		{name: "not a list", text: "a: b", fails: true},
		{name: "not YAML", text: "[", fails: true},
		{name: "strange entries", text: entry + "- 7\n- key_s: x\n- {ann: [], key_s: y}\n- {ann: {service-name: storage}, key_s: v0-abc}\n", all: 1, bad: 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			all, bad, err := introducer.ReadCache(path)
			if len(all) != c.all || bad != c.bad || (err != nil) != c.fails {
				t.Errorf("got %v, %d, %v", all, bad, err)
			}
		})
	}
	if all, bad, err := introducer.ReadCache(filepath.Join(t.TempDir(), "none")); all != nil || bad != 0 || err != nil {
		t.Errorf("no file: got %v, %d, %v", all, bad, err)
	}
}

func TestCacheName(t *testing.T) {
	for name, ok := range map[string]bool{"default": true, "my grid": true, "": false, "../x": false, `a\b`: false, strings.Repeat("x", 101): false} {
		if got, err := introducer.CacheName(name); (err == nil) != ok {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
}

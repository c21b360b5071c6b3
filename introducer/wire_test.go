package introducer_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/internal/foolscap"
	"tahoe/introducer"
)

func newTub(t *testing.T) *foolscap.Tub {
	t.Helper()
	cert, err := foolscap.Stranger()
	if err != nil {
		t.Fatal(err)
	}
	return foolscap.NewTub(cert, foolscap.Config{})
}

// runTub runs a Tub that connects to others.
func runTub(t *testing.T) *foolscap.Tub {
	t.Helper()
	tub := newTub(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	ready := make(chan struct{})
	go func() { done <- tub.Run(ctx, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return tub
}

// listen serves an introducer on loopback, until stop is called or the test ends, and returns its FURL.
func listen(t *testing.T, tub *foolscap.Tub, addr string, s *introducer.Server) (furl string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { _ = tub.Serve(ctx, c) })
		}
	})
	wg.Go(func() { _ = s.Run(ctx, func() {}) })
	tub.Register("swissnum", s.Object("test/1"))
	stop = sync.OnceFunc(func() {
		_ = l.Close()
		cancel()
		wg.Wait()
	})
	t.Cleanup(stop)
	return tub.FURL([]string{"tcp:" + l.Addr().String()}, "swissnum"), stop
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

// TestByFoolscap publishes and hears over real connections, and again after the introducer was replaced.
func TestByFoolscap(t *testing.T) {
	identity := newTub(t)
	first := introducer.NewServer(introducer.ServerConfig{})
	furl, stop := listen(t, identity, "127.0.0.1:0", first)
	parsed, err := foolscap.ParseFURL(furl)
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimPrefix(parsed.Hints()[0], "tcp:")

	var heard sink
	runClient(t, introducer.ClientConfig{
		Introducers: []introducer.Introducer{{Name: "a", FURL: furl}}, Connect: introducer.Connect(runTub(t)), Service: "storage",
		Sink: heard.take, Info: introducer.Info{Nickname: "listener"}, RetryFirst: 20 * time.Millisecond, Collect: time.Millisecond,
	})
	publisher, _ := runClient(t, introducer.ClientConfig{
		Introducers: []introducer.Introducer{{Name: "a", FURL: furl}}, Connect: introducer.Connect(runTub(t)),
		Publish: []*introducer.Verified{newSigner(1).announce(t, 3, nil)}, RetryFirst: 20 * time.Millisecond,
	})
	eventually(t, "the announcement is heard", func() bool { return slices.Equal(heard.all(), []string{"n 3"}) })
	if got, want := publisher.Statuses()[0].Text, "Connected to tcp:"+addr+" via tcp"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if sub := first.Status().Subscribers[0]; sub.Nickname != "listener" || !strings.HasPrefix(sub.Address, "127.0.0.1:") || len(sub.TubID) != 32 {
		t.Errorf("got %+v", sub)
	}
	stop()
	eventually(t, "the loss is noticed", func() bool { return !publisher.Statuses()[0].Connected })
	if n := len(first.Status().Subscribers); n != 0 {
		t.Errorf("the introducer has %d subscribers after its end", n)
	}

	second := introducer.NewServer(introducer.ServerConfig{})
	listen(t, identity, addr, second)
	eventually(t, "both are back", func() bool {
		st := second.Status()
		return len(st.Announcements) == 1 && st.Announcements[0].Here && len(st.Subscribers) == 1
	})
}

func TestRefusalsByFoolscap(t *testing.T) {
	furl, _ := listen(t, newTub(t), "127.0.0.1:0", introducer.NewServer(introducer.ServerConfig{Announcements: 1}))
	remote, err := runTub(t).Connect(t.Context(), furl)
	if err != nil {
		t.Fatal(err)
	}
	tuple := func(a introducer.Signed) foolscap.Tuple { return foolscap.Tuple{a.Message, a.Signature, a.Key} }
	good := newSigner(1).announce(t, 5, nil).Signed()
	forged := good
	forged.Signature = newSigner(2).announce(t, 5, nil).Signed().Signature
	me := object{}
	for _, c := range []struct {
		name   string
		method string
		args   []foolscap.Value
		want   string // type of the failure
	}{
		{"good", "publish_v2", []foolscap.Value{tuple(good), me}, ""},
		{"as texts", "publish_v2", []foolscap.Value{foolscap.Tuple{string(good.Message), string(good.Signature), string(good.Key)}, me}, ""},
		{"older", "publish_v2", []foolscap.Value{tuple(newSigner(1).announce(t, 4, nil).Signed()), me}, ""},
		{"forged", "publish_v2", []foolscap.Value{tuple(forged), me}, "allmydata.crypto.error.BadSignature"},
		{"no room", "publish_v2", []foolscap.Value{tuple(newSigner(2).announce(t, 5, nil).Signed()), me}, "builtins.ValueError"},
		{"not signed", "publish_v2", []foolscap.Value{foolscap.Tuple{good.Message, nil, nil}, me}, "foolscap.tokens.Violation"},
		{"two parts", "publish_v2", []foolscap.Value{foolscap.Tuple{good.Message, good.Key}, me}, "foolscap.tokens.Violation"},
		{"no canary", "publish_v2", []foolscap.Value{tuple(good), nil}, "foolscap.tokens.Violation"},
		{"too few", "publish_v2", []foolscap.Value{tuple(good)}, "foolscap.tokens.Violation"},
		{"no subscriber", "subscribe_v2", []foolscap.Value{int64(1), []byte("storage"), foolscap.Dict{}}, "foolscap.tokens.Violation"},
		{"no service", "subscribe_v2", []foolscap.Value{me, []byte(""), foolscap.Dict{}}, "foolscap.tokens.Violation"},
		{"no information", "subscribe_v2", []foolscap.Value{me, []byte("storage"), []foolscap.Value{}}, "foolscap.tokens.Violation"},
		{"version of what", "get_version", []foolscap.Value{int64(1)}, "foolscap.tokens.Violation"},
		{"unknown", "shut_down", nil, "foolscap.tokens.Violation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := remote.Call(t.Context(), c.method, foolscap.Positional(c.args...))
			failure, ok := errors.AsType[*foolscap.RemoteError](err)
			if c.want == "" && err != nil || c.want != "" && (!ok || failure.Type != c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// An object of a test, which answers nothing.
type object struct{}

func (object) Call(context.Context, string, foolscap.Args) (foolscap.Value, error) { return nil, nil }

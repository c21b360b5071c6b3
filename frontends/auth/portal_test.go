package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/frontends/auth"
)

// one is a checker of one account without any cost.
type one struct {
	name, password string
	err            error // what it answers instead of looking
}

func (o one) Check(ctx context.Context, l auth.Login) (auth.Account, error) {
	p, ok := l.Proof.(auth.Password)
	switch {
	case o.err != nil:
		return auth.Account{}, o.err
	case l.Name != o.name || !ok:
		return auth.Account{}, auth.ErrUnhandled
	case p.Reveal() != o.password:
		return auth.Account{}, auth.ErrDenied
	}
	return auth.Account{Name: o.name}, nil
}

func greet(_ context.Context, a auth.Account) (string, func(), error) {
	return "hello " + a.Name, func() {}, nil
}

func at(addr string) netip.Addr { return netip.MustParseAddr(addr) }

func login(name, password, from string) auth.Login {
	return auth.Login{Name: name, Proof: auth.NewPassword(password), From: at(from), Door: "test"}
}

func TestPortal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &auth.Portal[string]{
			Realm: greet, Guard: auth.NewGuard(nil), Log: slog.New(slog.NewTextHandler(&log, nil)),
			Checkers: []auth.Checker{one{name: "alice", password: "pw-alice"}, one{name: "bob", password: "pw-bob"}},
		}
		got, _, err := p.Login(t.Context(), login("bob", "pw-bob", "192.0.2.1"))
		if got != "hello bob" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		for _, l := range []auth.Login{login("bob", "pw-alice", "192.0.2.1"), login("carol", "x", "192.0.2.1"), login("", "x", "192.0.2.1"), login(strings.Repeat("y", 1<<20), "x", "192.0.2.1")} {
			begin := time.Now()
			if _, _, err := p.Login(t.Context(), l); err != auth.ErrDenied {
				t.Errorf("got %v, want ErrDenied itself", err)
			}
			if d := time.Since(begin); d != time.Second {
				t.Errorf("a refusal took %v, want the same for all", d)
			}
		}
		for _, want := range []string{`msg="signed in" door=test account=bob from=192.0.2.1 by=password`, `msg="sign-in refused" door=test account=carol`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %q:\n%s", want, log.String())
			}
		}
		if strings.Contains(log.String(), "pw-") || log.Len() > 2000 {
			t.Errorf("the log tells a secret, or is long: %.3000s", log.String())
		}
	})
}

func TestPortalWhenNobodyCanTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := auth.NewGuard(nil)
		broken := &auth.Portal[string]{Realm: greet, Guard: guard, Checkers: []auth.Checker{one{err: errors.New("the service is away")}}}
		for range 100 { // none of them counts
			if _, _, err := broken.Login(t.Context(), login("bob", "pw", "192.0.2.1")); err != auth.ErrDenied {
				t.Fatalf("got %v", err)
			}
		}
		good := &auth.Portal[string]{Realm: greet, Guard: guard, Checkers: []auth.Checker{one{name: "bob", password: "pw"}}}
		if _, _, err := good.Login(t.Context(), login("bob", "pw", "192.0.2.1")); err != nil {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := broken.Login(ctx, login("bob", "pw", "192.0.2.1")); err != context.Canceled {
			t.Errorf("got %v, want the context's", err)
		}
	})
}

// A robot tries ten thousand passwords at one address, many at once. It gets few looks, others are not held up, and neither is
// the owner of the account at an address from which he has come before.
func TestBruteForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := &counter{next: one{name: "alice", password: "correct"}}
		p := &auth.Portal[string]{Realm: greet, Guard: auth.NewGuard(nil), Checkers: []auth.Checker{looks, one{name: "bob", password: "pw"}}}
		enter := func(name, password, from string) error {
			_, _, err := p.Login(t.Context(), login(name, password, from))
			return err
		}
		if err := enter("alice", "correct", "198.51.100.7"); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		var robots sync.WaitGroup
		for r := range 50 {
			robots.Go(func() {
				for k := range 200 {
					if enter("alice", fmt.Sprint("guess", r, k), "203.0.113.9") == nil {
						t.Error("a guess went through")
					}
				}
			})
		}
		robots.Wait()
		minutes := time.Since(begin).Minutes()
		if n := looks.count(); float64(n) > 5+3+minutes+1 { // three more, because four are looked at side by side
			t.Errorf("the robot got %d looks in %.0f minutes", n, minutes)
		}
		if err := enter("alice", "correct", "203.0.113.9"); err == nil {
			t.Error("the robot's address is not locked out")
		}
		if err := enter("alice", "correct", "198.51.100.7"); err != nil {
			t.Errorf("alice is locked out where she has signed in before: %v", err)
		}
		if err := enter("bob", "pw", "192.0.2.1"); err != nil {
			t.Errorf("bob is locked out: %v", err)
		}
		time.Sleep(time.Hour)
		if err := enter("alice", "correct", "203.0.113.9"); err != nil {
			t.Errorf("after an hour: %v", err)
		}
	})
}

// One robot at many addresses, and one at one address with many names.
func TestBruteForceAllAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := &counter{next: one{name: "alice", password: "correct"}}
		p := &auth.Portal[string]{Realm: greet, Guard: auth.NewGuard(nil), Checkers: []auth.Checker{looks}}
		var all sync.WaitGroup
		for k := range 20_000 {
			all.Go(func() { _, _, _ = p.Login(t.Context(), login("alice", "x", fmt.Sprintf("10.1.%d.%d", k/250, k%250))) })
		}
		all.Wait()
		if n := looks.count(); n > 30+4 {
			t.Errorf("20,000 addresses at once got %d looks at one name", n)
		}
		time.Sleep(time.Hour)
		before := looks.count()
		for k := range 2000 {
			all.Go(func() { _, _, _ = p.Login(t.Context(), login(fmt.Sprint("user", k), "x", "2001:db8::"+fmt.Sprint(k))) })
		}
		all.Wait()
		if n := looks.count() - before; n > 30+4+1 {
			t.Errorf("2,000 names at once got %d looks from one network", n)
		}
	})
}

type counter struct {
	next auth.Checker
	mu   sync.Mutex
	n    int
}

func (c *counter) Check(ctx context.Context, l auth.Login) (auth.Account, error) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	time.Sleep(30 * time.Millisecond) // as hashing takes
	return c.next.Check(ctx, l)
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func TestRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := &counter{next: one{name: "alice", password: "correct"}}
		c := auth.Remember(looks, time.Minute, nil)
		check := func(password string, wantErr error, wantLooks int) {
			t.Helper()
			a, err := c.Check(t.Context(), login("alice", password, "192.0.2.1"))
			if err != wantErr || looks.count() != wantLooks || (err == nil) != (a.Name == "alice") {
				t.Errorf("%s: got %v, %v after %d looks, want %v after %d", password, a, err, looks.count(), wantErr, wantLooks)
			}
		}
		check("correct", nil, 1)
		check("correct", nil, 1)
		check("wrong", auth.ErrDenied, 2)
		check("wrong", auth.ErrDenied, 3)
		check("correct", nil, 3)
		time.Sleep(time.Minute)
		check("correct", nil, 4)
	})
}

package auth_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/frontends/auth"
)

// A lodge is a table of sessions over an accounts file.
type lodge struct {
	t    *testing.T
	path string
	line string // of alice, whose password is "wonderland"
	all  *auth.Sessions[string]
	outs []string // who has been signed out
	log  bytes.Buffer
}

func newLodge(t *testing.T) *lodge {
	t.Helper()
	l := &lodge{t: t, line: "alice " + cheapBcrypt(t, "wonderland") + " " + testRoot(t, "alice").Encode()}
	l.path = writeAccounts(t, l.line, "bob "+cheapBcrypt(t, "builder")+" "+testRoot(t, "bob").Encode())
	f, err := auth.OpenAccountFile(l.path, auth.FileConfig{})
	if err != nil {
		t.Fatal(err)
	}
	l.all = auth.NewSessions(&auth.Portal[string]{
		Checkers: []auth.Checker{f}, Guard: auth.NewGuard(nil), Log: slog.New(slog.NewTextHandler(&l.log, nil)),
		Realm: func(_ context.Context, a auth.Account) (string, func(), error) {
			return "room of " + a.Name, func() { l.outs = append(l.outs, a.Name) }, nil
		},
	})
	return l
}

func (l *lodge) login(name, password string) string {
	l.t.Helper()
	ticket, err := l.all.Login(l.t.Context(), login(name, password, "192.0.2.1"))
	if err != nil {
		l.t.Fatal(err)
	}
	return ticket
}

// lets says whether a ticket is good.
func (l *lodge) lets(ticket string) bool {
	in := l.all.Enter(l.t.Context(), ticket)
	if in == nil {
		return false
	}
	defer l.all.Leave(in)
	return in.Avatar == "room of "+in.Account.Name
}

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLodge(t)
		first, second := l.login("alice", "wonderland"), l.login("alice", "wonderland")
		if first == second || len(first) != 43 {
			t.Errorf("tickets %q and %q, want two of 256 bits", first, second)
		}
		for _, bad := range []string{"", "x", first + "x", first[1:]} {
			if l.lets(bad) {
				t.Errorf("the ticket %q is good", bad)
			}
		}
		if _, err := l.all.Login(t.Context(), login("alice", "wrong", "192.0.2.1")); err != auth.ErrDenied {
			t.Errorf("got %v, want ErrDenied", err)
		}
		if !l.lets(first) || !l.lets(second) {
			t.Error("a ticket is not good at first")
		}
		l.all.Logout(first)
		if l.lets(first) || !l.lets(second) {
			t.Error("signing out ends another session than the one it is for")
		}
		time.Sleep(119 * time.Minute)
		if !l.lets(second) {
			t.Error("a session ended before its time")
		}
		time.Sleep(2 * time.Hour)
		if l.lets(second) {
			t.Error("an idle session goes on")
		}
		third := l.login("alice", "wonderland")
		for range 23 {
			time.Sleep(time.Hour)
			if !l.lets(third) {
				t.Fatal("a session in use ended")
			}
		}
		time.Sleep(time.Hour)
		if l.lets(third) {
			t.Error("a session goes on for ever")
		}
		if got := fmt.Sprint(l.outs); got != "[alice alice alice]" {
			t.Errorf("signed out: %s", got)
		}
		for _, secret := range []string{first, second, third, "wonderland", "URI:"} {
			if strings.Contains(l.log.String(), secret) {
				t.Errorf("the log tells a secret:\n%s", l.log.String())
			}
		}
	})
}

func TestSessionsEndWithTheAccount(t *testing.T) {
	for _, change := range []struct{ name, line string }{
		{"removed", ""},
		{"another password", "alice HASH ROOT"},
		{"read-only", "LINE read-only"},
		{"a quota", "LINE quota=10MB"},
	} {
		t.Run(change.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLodge(t)
				alice, bob := l.login("alice", "wonderland"), l.login("bob", "builder")
				text, err := os.ReadFile(l.path)
				if err != nil {
					t.Fatal(err)
				}
				line := strings.NewReplacer("LINE", l.line, "HASH", cheapBcrypt(t, "other"), "ROOT", testRoot(t, "alice").Encode()).Replace(change.line)
				if err := os.WriteFile(l.path, []byte("# a comment\n"+strings.Replace(string(text), l.line, line, 1)), 0o600); err != nil {
					t.Fatal(err)
				}
				if l.lets(alice) {
					t.Error("the session goes on")
				}
				if !l.lets(bob) {
					t.Error("the session of somebody else ended")
				}
			})
		})
	}
}

func TestSessionEndsAfterItsRequests(t *testing.T) {
	l := newLodge(t)
	ticket := l.login("alice", "wonderland")
	in := l.all.Enter(t.Context(), ticket)
	l.all.Logout(ticket)
	if l.lets(ticket) || len(l.outs) != 0 {
		t.Errorf("signed out: %v, want nobody while a request is under way", l.outs)
	}
	l.all.Leave(in)
	if len(l.outs) != 1 {
		t.Errorf("signed out: %v, want alice", l.outs)
	}
	l.login("bob", "builder")
	l.all.Close()
	if len(l.outs) != 2 {
		t.Errorf("signed out: %v, want bob too", l.outs)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLodge(t)
		bob := l.login("bob", "builder")
		var tickets []string
		for range 40 {
			tickets = append(tickets, l.login("alice", "wonderland"))
			time.Sleep(time.Second)
		}
		for k, ticket := range tickets {
			if got, want := l.lets(ticket), k >= 8; got != want {
				t.Errorf("session %d of 40: good %v, want %v", k, got, want)
			}
		}
		if !l.lets(bob) {
			t.Error("one account took the room of another")
		}
	})
}

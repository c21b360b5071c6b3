// Package doortest has what is behind a door: accounts with trees, on a grid in memory. It is for the tests of the doors.
//
// The invariant: all that a World starts has ended when its test has.
package doortest

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
	"tahoe/reactor"
)

// Password is that of all accounts.
const Password = "secret"

// A World has three accounts: alice; bob, who may only read what she has; small, who has a quota of 1000 bytes.
type World struct {
	T    testing.TB
	Grid *vfstest.Grid
	FS   *vfs.FS
	Root caps.DirectoryWrite // alice's
	Log  *Log

	people people
}

// New makes a world, which works until the test ends.
func New(t testing.TB, c vfs.Config) *World {
	t.Helper()
	w := &World{T: t, Grid: vfstest.NewGrid(), Log: &Log{}}
	alice, small := w.Grid.Account("alice"), w.Grid.Account("small")
	small.Quota = 1000
	w.Root = alice.Root.(caps.DirectoryWrite)
	w.people = people{"alice": alice, "bob": {Name: "bob", Root: alice.Root, ReadOnly: true}, "small": small}
	w.FS = vfstest.Open(t, w.Grid, c)
	return w
}

// Logger writes to w.Log.
func (w *World) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(w.Log, nil)) }

// Portal lets the accounts in.
func (w *World) Portal(r auth.Realm[*vfs.View]) *auth.Portal[*vfs.View] {
	return &auth.Portal[*vfs.View]{Realm: r, Checkers: []auth.Checker{w.people}, Log: w.Logger()}
}

// Settle waits until all that was closed is on the grid.
func (w *World) Settle() {
	w.T.Helper()
	vfstest.Settle(w.T, w.FS)
}

// Serve runs a door until the test ends or stop is called. What is under way then has the grace period to finish.
func (w *World) Serve(grace time.Duration, door func(net.Listener) reactor.Service) (addr string, stop func()) {
	w.T.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- reactor.NewTree("test", reactor.Child{Name: "door", Service: door(l), Grace: grace}).Run(ctx, func() {})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.T.Error(err)
		}
	})
	w.T.Cleanup(stop)
	return l.Addr().String(), stop
}

type people map[string]auth.Account

// Check implements auth.Checker.
func (p people) Check(_ context.Context, l auth.Login) (auth.Account, error) {
	a, ok := p[l.Name]
	pw, isPW := l.Proof.(auth.Password)
	switch {
	case !ok:
		return auth.Account{}, auth.ErrUnhandled
	case !isPW || pw.Reveal() != Password:
		return auth.Account{}, auth.ErrDenied
	}
	return a, nil
}

// A Log is one that tests look into. It may be used by several goroutines at once.
type Log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

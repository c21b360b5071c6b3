package foolscap

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"tahoe/reactor"
)

// Run owns the connections that Connect makes, until ctx ends.
func (t *Tub) Run(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	t.mu.Lock()
	if t.running != nil {
		t.mu.Unlock()
		cancel()
		return errors.New("run a Tub: it is running")
	}
	t.running = ctx
	t.mu.Unlock()
	ready()
	<-ctx.Done()
	t.mu.Lock()
	t.running = nil
	t.mu.Unlock()
	cancel()
	t.group.Wait()
	return nil
}

// Connect returns the object that a FURL names, over the connection that there is with its Tub, or a new one.
func (t *Tub) Connect(ctx context.Context, furl string) (*Remote, error) {
	f, err := ParseFURL(furl)
	if err != nil {
		return nil, err
	}
	r, err := t.find(ctx, f)
	if errors.Is(err, ErrDisconnected) && ctx.Err() == nil {
		r, err = t.find(ctx, f) // the connection that there was is no more
	}
	return r, err
}

// find asks the Tub of f for its object.
func (t *Tub) find(ctx context.Context, f FURL) (*Remote, error) {
	l, err := t.reach(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", f, err)
	}
	v, err := l.call(ctx, 0, "getReferenceByName", Named(map[string]Value{"name": []byte(f.Swissnum())}))
	if err != nil {
		return nil, fmt.Errorf("ask %s for the object: %w", f, err)
	}
	r, ok := v.(*Remote)
	if !ok {
		releaseAll(v)
		return nil, fmt.Errorf("ask %s for the object: %w: the answer is none", f, ErrProtocol)
	}
	return r, nil
}

// An attempt to connect to a Tub, for all who want it.
type attempt struct {
	id      TubID
	waiting int // for it; under Tub.mu
	cancel  context.CancelFunc
	done    chan struct{}
	link    *link
	err     error
}

// reach returns a live connection with the Tub of f.
func (t *Tub) reach(ctx context.Context, f FURL) (*link, error) {
	a := t.join(f)
	defer t.leave(a)
	select {
	case <-a.done:
		return a.link, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// join joins the attempt to connect to the Tub of f, or begins one.
func (t *Tub) join(f FURL) *attempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.attempts[f.tub]
	if a != nil {
		a.waiting++
		return a
	}
	ctx, cancel := context.WithCancel(context.Background())
	a = &attempt{id: f.tub, waiting: 1, cancel: cancel, done: make(chan struct{})}
	t.attempts[f.tub] = a
	switch l := t.links[f.tub]; {
	case l != nil && l.ctx.Err() == nil:
		t.settleLocked(a, l, nil)
	case t.running == nil || t.running.Err() != nil:
		t.settleLocked(a, nil, ErrNotRunning)
	default:
		running := t.running
		t.group.Go(func() { t.try(ctx, running, a, f) })
	}
	return a
}

// leave ends an attempt for which nobody waits.
func (t *Tub) leave(a *attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.waiting--; a.waiting == 0 && t.attempts[a.id] == a {
		delete(t.attempts, a.id)
		a.cancel()
	}
}

func (t *Tub) settle(a *attempt, l *link, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settleLocked(a, l, err)
}

// settleLocked tells those who wait how it went, unless they know.
func (t *Tub) settleLocked(a *attempt, l *link, err error) {
	if t.attempts[a.id] != a {
		return
	}
	delete(t.attempts, a.id)
	a.link, a.err = l, err
	close(a.done)
}

// try connects, and runs the connection.
func (t *Tub) try(ctx, running context.Context, a *attempt, f FURL) {
	defer a.cancel()
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(running, cancel)()
	defer cancel()
	if f.tub == t.id {
		t.loop(running)
		return
	}
	l, err := t.dialAll(ctx, f)
	if err == nil {
		t.settle(a, l, nil)
		_ = l.run(running)
		return
	}
	if errors.Is(err, ErrNegotiation) && strings.Contains(err.Error(), duplicate) {
		awaitOther(ctx, a)
	}
	t.settle(a, nil, err)
}

// awaitOther waits for the connection because of which the other end refuses ours: it is on its way.
func awaitOther(ctx context.Context, a *attempt) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-a.done:
	case <-ctx.Done():
	}
}

// loop connects a Tub with itself.
func (t *Tub) loop(running context.Context) {
	one, other := net.Pipe()
	mine, theirs := newLink(t, one, true), newLink(t, other, false)
	mine.peer, theirs.peer = t.id, t.id
	t.take(mine, func(*link) bool { return true })
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { _ = theirs.run(running) })
	_ = mine.run(running)
}

// stagger is how long an address has before the next one is tried beside it.
const stagger = 300 * time.Millisecond

type dialed struct {
	conn net.Conn
	addr string
	err  error
}

// dialAll connects to the first of the addresses of f that answers as the Tub of f.
func (t *Tub) dialAll(ctx context.Context, f FURL) (*link, error) {
	addrs := f.addresses()
	if len(addrs) == 0 {
		return nil, errors.New("the FURL has no address that can be reached from here")
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan dialed)
	var group sync.WaitGroup
	for i, addr := range addrs {
		group.Go(func() { t.dialOne(ctx, time.Duration(i)*stagger, addr, results) })
	}
	defer group.Wait()
	defer cancel()
	var errs []error
	for range addrs {
		var d dialed
		select {
		case d = <-results:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if d.err == nil {
			var l *link
			l, d.err = t.within(ctx, d.conn, func(ctx context.Context, conn net.Conn) (*link, error) {
				return t.dial(ctx, conn, d.addr, f.tub)
			})
			if d.err == nil {
				cancel()
				return l, nil
			}
			_ = d.conn.Close()
		}
		errs = append(errs, fmt.Errorf("%s: %w", d.addr, d.err))
	}
	return nil, errors.Join(errs...)
}

// dialOne dials after a while, and gives the connection to whoever takes it.
func (t *Tub) dialOne(ctx context.Context, after time.Duration, addr string, results chan<- dialed) {
	d := dialed{addr: addr}
	if d.err = reactor.Sleep(ctx, reactor.System(), after); d.err == nil {
		d.conn, d.err = t.cfg.Dial(ctx, "tcp", addr)
	}
	select {
	case results <- d:
	case <-ctx.Done():
		if d.conn != nil {
			_ = d.conn.Close()
		}
	}
}

// The pauses of Keep.
const (
	firstPause = time.Second
	lastPause  = 10 * time.Minute
	jitter     = 0.12
)

// Keep connects, calls onConnect, and does so again whenever the connection has ended, with growing pauses, until ctx ends,
// whose cause it returns. The ctx of onConnect ends with the connection; Keep waits for onConnect.
func (t *Tub) Keep(ctx context.Context, furl string, onConnect func(ctx context.Context, r *Remote)) error {
	f, err := ParseFURL(furl)
	if err != nil {
		return err
	}
	pause := firstPause
	for ctx.Err() == nil {
		began := t.cfg.Clock.Now()
		r, err := t.Connect(ctx, furl)
		if err == nil {
			t.hold(ctx, r, onConnect)
		} else if ctx.Err() == nil {
			t.cfg.Log.Info("no connection", "furl", f, "error", err, "again_in", pause)
		}
		if lived := t.cfg.Clock.Now().Sub(began); err == nil && lived > pause {
			pause = firstPause
		}
		if reactor.Sleep(ctx, t.cfg.Clock, pause) != nil {
			break
		}
		pause = min(lastPause, time.Duration(float64(pause)*math.E*(1+jitter*(2*rand.Float64()-1))))
	}
	return context.Cause(ctx)
}

// hold calls onConnect, and waits for the end of the connection.
func (t *Tub) hold(ctx context.Context, r *Remote, onConnect func(ctx context.Context, r *Remote)) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	forget := r.OnDisconnect(func(error) { cancel() })
	defer forget()
	onConnect(within, r)
	<-within.Done()
}

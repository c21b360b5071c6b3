package introducer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tahoe/reactor"
)

// A LinkStatus is an introducer of a client, for people. It holds no secret.
type LinkStatus struct {
	Name      string
	Connected bool
	Text      string    // how it stands, in words
	Since     time.Time // it is connected or not
	LastErr   string    // why it is not connected, in one sentence
}

// A link is what a client has to do with one introducer.
type link struct {
	c *Client
	Introducer
	dirty chan struct{} // the cache is no longer what the book holds

	mu      sync.Mutex
	book    *book // what this introducer has told, since the client started
	st      LinkStatus
	where   string
	last    time.Time // the last attempt began then
	next    time.Time // the next one is due then; zero while there is one
	oddness int       // announcements that were refused
}

func newLink(c *Client, i Introducer) *link {
	return &link{
		c: c, Introducer: i, dirty: make(chan struct{}, 1), book: newBook(c.c.Announcements, c.c.Bytes),
		st: LinkStatus{Name: i.Name, Since: c.c.Clock.Now()},
	}
}

// lasting is how long a connection lasts that counts as a success when it is lost.
const lasting = time.Minute

// run connects until ctx ends.
func (l *link) run(ctx context.Context) {
	failures := 0
	for {
		started := l.c.c.Clock.Now()
		l.set(func() { l.last, l.next = started, time.Time{} })
		connected, err := l.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if l.lost(err); connected && l.c.c.Clock.Now().Sub(started) > lasting {
			failures = 0
		}
		if failures++; failures == 1 && !connected {
			l.useCache()
		}
		pause := l.pause(failures)
		l.set(func() { l.next = l.c.c.Clock.Now().Add(pause) })
		if reactor.Sleep(ctx, l.c.c.Clock, pause) != nil {
			return
		}
	}
}

// pause is how long to wait after so many failures in a row.
func (l *link) pause(failures int) time.Duration {
	d := l.c.c.RetryFirst
	for range failures - 1 {
		if d *= 2; d >= l.c.c.RetryMax {
			d = l.c.c.RetryMax
			break
		}
	}
	const jitter = 0.25
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*l.c.c.Rand()))
}

var errEnded = errors.New("the connection ended")

// once is one connection from its beginning to its end. It says whether it came about: whether the introducer tells us.
func (l *link) once(ctx context.Context) (connected bool, err error) {
	remote, err := l.connect(ctx)
	if err != nil {
		return false, err
	}
	defer remote.Close()
	if err := l.greet(ctx, remote); err != nil {
		return false, err
	}
	l.found(remote)
	select {
	case <-remote.Done():
		return true, errEnded
	case <-ctx.Done():
		return true, nil
	}
}

func (l *link) connect(ctx context.Context) (Link, error) {
	ctx, cancel := l.patience(ctx)
	defer cancel()
	remote, err := l.c.c.Connect(ctx, l.FURL)
	if err != nil {
		return nil, causeOf(ctx, err)
	}
	if err := remote.Check(ctx); err != nil {
		remote.Close()
		return nil, causeOf(ctx, err)
	}
	return remote, nil
}

// greet publishes and subscribes. An introducer that refuses an announcement may yet tell those of others.
func (l *link) greet(ctx context.Context, remote Link) error {
	for _, v := range l.c.c.Publish {
		asking, cancel := l.patience(ctx)
		err := causeOf(asking, remote.Publish(asking, v.Signed()))
		cancel()
		if err != nil {
			l.c.c.Log.Warn("publishing at an introducer", "introducer", l.Name, "error", err)
		}
	}
	if l.c.c.Service == "" {
		return nil
	}
	asking, cancel := l.patience(ctx)
	defer cancel()
	if err := causeOf(asking, remote.Subscribe(asking, l.c.c.Service, l.c.c.Info, l.heard)); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

func (l *link) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	late := fmt.Errorf("no answer within %v", l.c.c.Patience)
	return context.WithTimeoutCause(ctx, l.c.c.Patience, late)
}

// causeOf is the reason why a call that was given ctx ended with err.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// heard takes in what the introducer tells.
func (l *link) heard(batch []Signed) {
	var news []*Verified
	for _, a := range batch {
		v, err := a.Verify()
		if err == nil && v.Service() != l.c.c.Service {
			err = fmt.Errorf("%w: it is of a service that was not asked for", ErrMalformed)
		}
		if err == nil {
			err = l.note(v, &news)
		}
		if err != nil {
			l.complain(err)
		}
	}
	if len(news) > 0 {
		l.c.merge(news)
		poke(l.dirty)
	}
}

// note puts an announcement into the book of this introducer, and appends it to the news if it is some.
func (l *link) note(v *Verified, news *[]*Verified) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, changed, err := l.book.put(v, l.c.c.Clock.Now())
	if changed {
		*news = append(*news, v)
	}
	return err
}

// complain logs refused announcements, the more rarely the more there are.
func (l *link) complain(err error) {
	var n int
	l.set(func() { l.oddness++; n = l.oddness })
	if n&(n-1) == 0 {
		l.c.c.Log.Warn("announcement refused", "introducer", l.Name, "error", err, "so far", n)
	}
}

func (l *link) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *link) found(remote Link) {
	l.set(func() {
		l.st.Connected, l.st.LastErr, l.st.Since, l.where = true, "", l.c.c.Clock.Now(), remote.Where()
	})
	l.c.c.Log.Info("introducer connected", "introducer", l.Name)
}

func (l *link) lost(err error) {
	if err == nil {
		err = errEnded
	}
	var told bool
	l.set(func() {
		if told = l.st.Connected || l.st.LastErr == ""; l.st.Connected {
			l.st.Since = l.c.c.Clock.Now()
		}
		l.st.Connected, l.st.LastErr = false, clean(err.Error())
	})
	if told {
		l.c.c.Log.Info("introducer not connected", "introducer", l.Name, "error", err)
	}
}

// status is the link for people. The words "Connected to" are those that programs look for.
func (l *link) status() LinkStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, now := l.st, l.c.c.Clock.Now()
	switch {
	case st.Connected && l.where != "":
		st.Text = fmt.Sprintf("Connected to %s via tcp", l.where)
	case st.Connected:
		st.Text = "Connected to the introducer"
	case l.last.IsZero():
		st.Text = "unstarted"
	case l.next.IsZero():
		st.Text = "Trying to connect"
	default:
		st.Text = fmt.Sprintf("Reconnecting in %d seconds (last attempt %ds ago)", wholeSeconds(l.next.Sub(now)), wholeSeconds(now.Sub(l.last)))
	}
	return st
}

func wholeSeconds(d time.Duration) int { return int(max(0, d).Round(time.Second) / time.Second) }

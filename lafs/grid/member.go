package grid

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"tahoe/storage"
)

// A member is a server that a broker looks after. The goroutine in run owns the connection and the schedule; others
// raise doubts and wake it.
type member struct {
	*Server
	b        *Broker
	wake     chan struct{}
	doubtful atomic.Bool // something happened that does not fit the state
	conn     atomic.Pointer[Conn]

	// Of run alone.
	failures int
	asked    time.Time // when the last sign of life was received or given up
	jitter   float64   // in [-1, 1), drawn anew after each
}

func newMember(b *Broker, a sealed) (*member, error) {
	s, err := newServer(*a(), b.c.Clock)
	if err != nil {
		return nil, err
	}
	s.certify(b.c.Managers, b.c.Clock, b.c.Log)
	m := &member{Server: s, b: b, wake: make(chan struct{}, 1)}
	s.store.next = func() storage.Server {
		if c := m.conn.Load(); c != nil {
			return *c
		}
		return nil
	}
	s.store.failed = func() { m.doubt(Connected) }
	s.store.answered = func() { m.doubt(Disconnected) }
	return m, nil
}

// doubt wakes run when the state is no longer credible: a connected server that fails, a lost one that answers.
func (m *member) doubt(state State) {
	if m.vitals.state() == state && m.doubtful.CompareAndSwap(false, true) {
		poke(m.wake)
	}
}

// run makes the connection, asks for signs of life, and closes the connection when ctx ends.
func (m *member) run(ctx context.Context) {
	conn, err := m.b.connect(*m.ann().clone(), Events{Disconnected: func(error) { m.doubt(Connected) }})
	if err != nil {
		m.b.c.Log.Warn("server cannot be used", "server", m.Server, "error", err)
		m.set(Unusable, err)
		return
	}
	m.conn.Store(&conn)
	for m.probe(ctx, conn) && m.rest(ctx) {
	}
	m.set(Disconnected, errReleased)
	if err := conn.Close(); err != nil {
		m.b.c.Log.Warn("closing the connection to a server", "server", m.Server, "error", err)
	}
}

var errReleased = errors.New("this node no longer uses it")

// probe asks for a sign of life. It says false when ctx has ended.
func (m *member) probe(ctx context.Context, conn Conn) bool {
	select {
	case m.b.gate <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	m.doubtful.Store(false)
	asking, cancel := context.WithTimeout(ctx, m.b.c.ProbeTimeout)
	v, err := conn.Version(asking)
	if err != nil && asking.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("no answer within %v", m.b.c.ProbeTimeout)
	}
	cancel()
	<-m.b.gate
	if ctx.Err() != nil {
		return false
	}
	m.asked, m.jitter = m.b.c.Clock.Now(), 2*m.b.c.Rand()-1
	if err != nil {
		m.failures++
		m.lost(err)
	} else {
		m.failures = 0
		m.found(v)
	}
	return true
}

func (m *member) found(v storage.Version) {
	was := m.vitals.state()
	m.vitals.answered()
	m.vitals.change(func(s *Status) {
		s.Version = v
		s.Version.Application = clean(v.Application)
	})
	m.set(Connected, nil)
	if was != Connected {
		m.b.c.Log.Info("server connected", "server", m.Server)
	}
}

func (m *member) lost(err error) {
	if m.vitals.state() != Disconnected {
		m.b.c.Log.Info("server not connected", "server", m.Server, "error", err)
	}
	m.set(Disconnected, err)
}

// maxReason is the longest reason in a status, in characters.
const maxReason = 300

func (m *member) set(state State, err error) {
	reason := ""
	if err != nil {
		reason = cleanTo(err.Error(), maxReason)
	}
	now, was := m.b.c.Clock.Now(), m.vitals.state()
	m.vitals.change(func(s *Status) {
		s.to(state, now)
		s.LastErr, s.NextTry = reason, time.Time{}
	})
	if state != was {
		m.b.tellMove()
	}
}

// rest waits until the next sign of life is due. It says false when ctx has ended.
func (m *member) rest(ctx context.Context) bool {
	for {
		now := m.b.c.Clock.Now()
		due := m.due(now)
		m.vitals.change(func(s *Status) { s.NextTry = due })
		t := m.b.c.Clock.NewTimer(due.Sub(now))
		select {
		case <-t.C():
			return true
		case <-m.wake:
			t.Stop()
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// doubtGap is how soon after a sign of life a doubt leads to the next one.
const doubtGap = 500 * time.Millisecond

// due is when the next sign of life is due, as things stand.
func (m *member) due(now time.Time) time.Time {
	c := &m.b.c
	var pause time.Duration
	switch {
	case m.doubtful.Load():
		pause = doubtGap
	case m.failures == 0:
		pause = c.ProbeEvery + time.Duration(0.2*m.jitter*float64(c.ProbeEvery))
	default:
		pause = min(c.RetryFirst<<min(m.failures-1, 20), c.RetryMax)
		pause += time.Duration(0.2 * m.jitter * float64(pause))
		if m.b.hot(now) {
			pause = min(pause, hotRetry)
		}
	}
	return m.asked.Add(pause)
}

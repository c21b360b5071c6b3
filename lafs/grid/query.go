package grid

import (
	"context"
	"fmt"
	"time"

	"tahoe/storage"
)

// Permuted returns the connected servers, those first that should hold the shares of i. With few servers connected, the
// call hastens the search for the others, as TryNow does; it does not wait for them.
func (b *Broker) Permuted(i storage.Index) []*Server {
	members := *b.members.Load()
	up := make([]*Server, 0, len(members))
	for _, m := range members {
		if m.vitals.state() == Connected {
			up = append(up, m.Server)
		}
	}
	if len(up) < min(b.c.Enough, len(members)) {
		b.TryNow()
	}
	return permute(up, i, b.preferred)
}

// Statuses are snapshots of all known servers, by their IDs.
func (b *Broker) Statuses() []Status {
	members := *b.members.Load()
	out := make([]Status, len(members))
	for i, m := range members {
		out[i] = m.Status()
	}
	return out
}

// Connected is the number of connected servers.
func (b *Broker) Connected() int {
	n := 0
	for _, m := range *b.members.Load() {
		if m.vitals.state() == Connected {
			n++
		}
	}
	return n
}

// How long a hint of a caller keeps the search for servers fast, and how fast that is.
const (
	hotFor   = 10 * time.Second
	hotRetry = time.Second
)

// TryNow says that somebody needs servers now: those that are not connected are tried at once, unless that was done in
// the last second, and every second for a while.
func (b *Broker) TryNow() {
	now := b.c.Clock.Now().UnixNano()
	until := b.hotUntil.Load()
	if until-now > int64(hotFor/2) || !b.hotUntil.CompareAndSwap(until, now+int64(hotFor)) {
		return
	}
	if until < now {
		b.wakeLost()
	}
}

func (b *Broker) hot(now time.Time) bool {
	return b.waiting.Load() > 0 || now.UnixNano() < b.hotUntil.Load()
}

// wakeLost makes the owners of all servers that are not connected look at the time again.
func (b *Broker) wakeLost() {
	for _, m := range *b.members.Load() {
		if m.vitals.state() == Disconnected {
			poke(m.wake)
		}
	}
}

// WaitConnected waits until at least n servers are connected, and meanwhile hastens the search for them. The error of a
// ctx that ended first says how many there were.
func (b *Broker) WaitConnected(ctx context.Context, n int) error {
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	b.wakeLost()
	for {
		next := b.nextMove()
		up := b.Connected()
		if up >= n {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d servers, %d connected: %w", n, up, context.Cause(ctx))
		}
	}
}

// firstAnswers is how long Settle waits at most.
const firstAnswers = 2 * time.Second

// Settle waits while fewer than n servers are connected and others are being asked for the first time, two seconds at
// most: right after a start the servers are there, and have not answered yet.
func (b *Broker) Settle(ctx context.Context, n int) {
	if !b.unsettled(n) {
		return
	}
	t := b.c.Clock.NewTimer(firstAnswers)
	defer t.Stop()
	for {
		next := b.nextMove()
		if !b.unsettled(n) {
			return
		}
		select {
		case <-next:
		case <-t.C():
			return
		case <-ctx.Done():
			return
		}
	}
}

// unsettled says whether waiting for first answers may bring the number of connected servers nearer to n.
func (b *Broker) unsettled(n int) bool {
	up, asked := 0, false
	for _, m := range *b.members.Load() {
		switch m.vitals.state() {
		case Connected:
			up++
		case NeverTried:
			asked = true
		}
	}
	return asked && up < n
}

// nextMove is closed when the state of a server changes.
func (b *Broker) nextMove() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.moved
}

func (b *Broker) tellMove() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.moved)
	b.moved = make(chan struct{})
}

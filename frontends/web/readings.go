package web

import (
	"context"
	"sync"

	"tahoe/caps"
	"tahoe/lafs"
)

// readings let requests that need the same directory at the same time read it together. Whoever comes while it is being read
// waits for the next reading, which begins after he came, so that he sees all that was written before. Readings are done by
// one of those who wait for them.
type readings struct {
	mu    sync.Mutex
	lines map[caps.Cap]*readingLine
}

// A readingLine is what goes on with one directory. It is gone when nobody wants it.
type readingLine struct{ now, next *reading }

// A reading is one look at a directory. Its waiters are guarded by the lock; the result is fixed when done is closed.
type reading struct {
	turn    chan struct{} // has an element while nobody does what is to be done
	done    chan struct{}
	waiters int

	listing *lafs.Listing
	err     error
}

func newReading() *reading {
	return &reading{turn: make(chan struct{}, 1), done: make(chan struct{})}
}

// list reads a directory.
func (l *readings) list(ctx context.Context, d *lafs.Directory) (*lafs.Listing, error) {
	r := l.join(d.Cap())
	select {
	case <-r.turn:
		return l.read(ctx, d, r)
	case <-r.done:
		return r.listing, r.err
	case <-ctx.Done():
		l.leave(d.Cap(), r)
		return nil, context.Cause(ctx)
	}
}

// join finds the next reading that nobody has begun.
func (l *readings) join(key caps.Cap) *reading {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.lines[key]
	if line == nil {
		if l.lines == nil {
			l.lines = map[caps.Cap]*readingLine{}
		}
		r := newReading()
		r.waiters = 1
		r.turn <- struct{}{}
		l.lines[key] = &readingLine{now: r}
		return r
	}
	if line.next == nil {
		line.next = newReading()
	}
	line.next.waiters++
	return line.next
}

// read does what is to be done, for all who wait. When only this one gives up, another takes his place.
func (l *readings) read(ctx context.Context, d *lafs.Directory, r *reading) (*lafs.Listing, error) {
	listing, err := d.List(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	r.waiters--
	if ctx.Err() != nil && r.waiters > 0 {
		r.turn <- struct{}{}
		return listing, err
	}
	r.listing, r.err = listing, err
	close(r.done)
	l.advance(d.Cap())
	return listing, err
}

// leave is for who does not want to wait any more.
func (l *readings) leave(key caps.Cap, r *reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.waiters--; r.waiters == 0 && l.lines[key] != nil && l.lines[key].now == r {
		l.advance(key)
	}
}

// advance begins the next reading, if anybody waits for it. The lock is held.
func (l *readings) advance(key caps.Cap) {
	line := l.lines[key]
	line.now, line.next = line.next, nil
	if line.now == nil || line.now.waiters == 0 {
		delete(l.lines, key)
		return
	}
	line.now.turn <- struct{}{}
}

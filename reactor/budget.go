package reactor

import (
	"container/list"
	"context"
	"sync"
)

// A Budget bounds the bytes in flight: the memory of all transfers together. Who asks first is served first, so that a
// large request is never starved by small ones behind it.
type Budget struct {
	total int64

	mu      sync.Mutex
	used    int64
	waiters list.List // of *waiter, the first one first
}

type waiter struct {
	n       int64
	granted chan struct{}
}

// NewBudget makes a budget of so many bytes, at least 1.
func NewBudget(bytes int64) *Budget { return &Budget{total: max(1, bytes)} }

// Acquire takes n bytes, waiting for them, and returns the function that gives them back; calling that again does
// nothing. A request for more than the whole budget gets the whole budget: it is alone, and not refused. When ctx ends
// first, nothing is taken and the cause returned.
func (b *Budget) Acquire(ctx context.Context, n int64) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	n = min(max(n, 0), b.total)
	w := b.enqueue(n)
	if w != nil {
		select {
		case <-w.Value.(*waiter).granted:
		case <-ctx.Done():
			if b.withdraw(w) {
				return nil, context.Cause(ctx)
			}
		}
	}
	return sync.OnceFunc(func() { b.give(n) }), nil
}

// TryAcquire takes n bytes if they are there and nobody waits; it overtakes no one.
func (b *Budget) TryAcquire(n int64) (release func(), ok bool) {
	n = max(n, 0)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiters.Len() > 0 || n > b.total-b.used {
		return nil, false
	}
	b.used += n
	return sync.OnceFunc(func() { b.give(n) }), true
}

// enqueue takes n bytes and returns nil, or returns the place in the queue.
func (b *Budget) enqueue(n int64) *list.Element {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiters.Len() == 0 && b.used+n <= b.total {
		b.used += n
		return nil
	}
	return b.waiters.PushBack(&waiter{n: n, granted: make(chan struct{})})
}

// withdraw leaves the queue. It says false when the bytes were granted meanwhile: they are then the caller's.
func (b *Budget) withdraw(e *list.Element) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if isClosed(e.Value.(*waiter).granted) {
		return false
	}
	b.waiters.Remove(e)
	b.grant()
	return true
}

func (b *Budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.grant()
}

// grant serves the head of the queue while it fits. b.mu is held.
func (b *Budget) grant() {
	for e := b.waiters.Front(); e != nil; e = b.waiters.Front() {
		w := e.Value.(*waiter)
		if b.used+w.n > b.total {
			return
		}
		b.used += w.n
		b.waiters.Remove(e)
		close(w.granted)
	}
}

// Total is the size of the budget in bytes.
func (b *Budget) Total() int64 { return b.total }

// InUse is the number of bytes taken now.
func (b *Budget) InUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Waiting is the number of callers that wait for bytes.
func (b *Budget) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiters.Len()
}

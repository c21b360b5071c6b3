package mutable

import (
	"container/list"
	"context"
	"sync"
)

// A gate lets many pass together or one alone, in the order in which they came. Waiting ends with the context.
type gate struct {
	mu     sync.Mutex
	inside int  // who passed together
	alone  bool // one passed alone
	queue  list.List
}

type entrant struct {
	alone bool
	open  chan struct{}
}

// pass waits for the gate and returns the function that leaves it, which is called once.
func (g *gate) pass(ctx context.Context, alone bool) (leave func(), err error) {
	g.mu.Lock()
	e := g.queue.PushBack(&entrant{alone, make(chan struct{})})
	g.admit()
	g.mu.Unlock()
	w := e.Value.(*entrant)
	select {
	case <-w.open:
	case <-ctx.Done():
		if g.withdraw(e) {
			return nil, context.Cause(ctx)
		}
	}
	return func() { g.leave(alone) }, nil
}

// withdraw leaves the queue, and says false when the gate opened meanwhile.
func (g *gate) withdraw(e *list.Element) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-e.Value.(*entrant).open:
		return false
	default:
		g.queue.Remove(e)
		g.admit()
		return true
	}
}

func (g *gate) leave(alone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if alone {
		g.alone = false
	} else {
		g.inside--
	}
	g.admit()
}

// admit opens the gate for who comes next, as far as that can be. g.mu is held.
func (g *gate) admit() {
	for e := g.queue.Front(); e != nil; e = g.queue.Front() {
		w := e.Value.(*entrant)
		if g.alone || w.alone && g.inside > 0 {
			return
		}
		if w.alone {
			g.alone = true
		} else {
			g.inside++
		}
		g.queue.Remove(e)
		close(w.open)
	}
}

package vfs

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
)

// locks are one slot for each place that somebody works at.
type locks struct {
	mu  sync.Mutex
	all map[place]*slot
}

type slot struct {
	users int
	turn  chan struct{}
}

// lock takes the slots of places, in an order that all keep to.
func (l *locks) lock(ctx context.Context, places ...place) (unlock func(), err error) {
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(slices.Compare(a.dir[:], b.dir[:]), strings.Compare(a.name, b.name))
	})
	places = slices.Compact(places)
	for k, p := range places {
		if err := l.take(ctx, p); err != nil {
			l.give(places[:k])
			return nil, err
		}
	}
	return sync.OnceFunc(func() { l.give(places) }), nil
}

func (l *locks) take(ctx context.Context, p place) error {
	l.mu.Lock()
	if l.all == nil {
		l.all = make(map[place]*slot)
	}
	s := l.all[p]
	if s == nil {
		s = &slot{turn: make(chan struct{}, 1)}
		l.all[p] = s
	}
	s.users++
	l.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.leave(p, s)
		return context.Cause(ctx)
	}
}

func (l *locks) give(places []place) {
	for _, p := range places {
		l.mu.Lock()
		s := l.all[p]
		l.mu.Unlock()
		<-s.turn
		l.leave(p, s)
	}
}

func (l *locks) leave(p place, s *slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(l.all, p)
	}
}

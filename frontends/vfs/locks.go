package vfs

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"tahoe/storage"
)

// locks are one slot for each place that somebody works at. While somebody works at a place in a directory, that directory
// cannot be sealed.
type locks struct {
	mu   sync.Mutex
	all  map[place]*slot
	dirs map[storage.Index]*visitors
}

// visitors are who has or awaits a slot in a directory.
type visitors struct {
	many   int
	sealed chan struct{} // closed when the directory is open again; nil while it is
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

// lockWhere takes the lock of the place where something is by then: at, called with mu held, says where that is.
func (f *FS) lockWhere(ctx context.Context, at func() place) (unlock func(), err error) {
	where := func() place {
		f.mu.Lock()
		defer f.mu.Unlock()
		return at()
	}
	for {
		p := where()
		if unlock, err = f.places.lock(ctx, p); err != nil {
			return nil, err
		}
		if where() == p && ctx.Err() == nil {
			return unlock, nil
		}
		unlock()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

func (l *locks) take(ctx context.Context, p place) error {
	if err := l.enter(ctx, p.dir); err != nil {
		return err
	}
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
	v := l.dirs[p.dir]
	if v.many--; v.many == 0 {
		delete(l.dirs, p.dir)
	}
}

// enter counts a visitor of a directory, once that is not sealed.
func (l *locks) enter(ctx context.Context, dir storage.Index) error {
	for {
		l.mu.Lock()
		v := l.visitors(dir)
		wait := v.sealed
		if wait == nil {
			v.many++
		}
		l.mu.Unlock()
		if wait == nil {
			return nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *locks) visitors(dir storage.Index) *visitors {
	if l.dirs == nil {
		l.dirs = make(map[storage.Index]*visitors)
	}
	if l.dirs[dir] == nil {
		l.dirs[dir] = new(visitors)
	}
	return l.dirs[dir]
}

// seal keeps everybody out of a directory until open is called; false when somebody is there.
func (l *locks) seal(dir storage.Index) (open func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.visitors(dir)
	if v.many > 0 || v.sealed != nil {
		return nil, false
	}
	v.sealed = make(chan struct{})
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(v.sealed)
		delete(l.dirs, dir)
	}, true
}

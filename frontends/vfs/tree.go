package vfs

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/reactor"
)

const (
	// fresh is how long what a directory held is taken for true. Changes made through this node are seen at once.
	fresh = 2 * time.Second
	// useful is how long it is used when the grid cannot say anything newer.
	useful = time.Hour
	// maxCached is how many directories and children are remembered, all together.
	maxCached = 200_000
)

// A tree remembers what directories hold.
type tree struct {
	grid  Grid
	clock reactor.Clock

	mu     sync.Mutex
	dirs   map[caps.Read]*directory
	cached int
}

type directory struct {
	children map[string]Child // nil: not known; guarded by the tree's mu
	read     time.Time
	used     time.Time
	flight   *flight // a listing under way
}

// A flight is a listing under way. It may have missed edits that are made meanwhile, which are therefore made again in what it brings.
type flight struct {
	done     chan struct{}
	edits    []func(children map[string]Child)
	children map[string]Child // what it brought
	err      error
}

func newTree(g Grid, clock reactor.Clock) *tree {
	return &tree{grid: g, clock: clock, dirs: make(map[caps.Read]*directory)}
}

// child finds a name in a directory; false when it is not there.
func (t *tree) child(ctx context.Context, dir caps.Read, name string) (Child, bool, error) {
	children, err := t.load(ctx, dir)
	if err != nil {
		return Child{}, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := children[name]
	return c, ok, nil
}

// list is all that is in a directory, sorted by name.
func (t *tree) list(ctx context.Context, dir caps.Read) ([]Child, error) {
	children, err := t.load(ctx, dir)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	all := slices.Collect(maps.Values(children))
	t.mu.Unlock()
	slices.SortFunc(all, func(a, b Child) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// load is what is remembered of a directory, when that is fresh or the best there is, or what was just read. It is read with mu
// held.
func (t *tree) load(ctx context.Context, dir caps.Read) (map[string]Child, error) {
	for {
		children, fl, leads := t.join(dir)
		if fl == nil {
			return children, nil
		}
		if leads {
			t.fetch(ctx, dir, fl)
		}
		select {
		case <-fl.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if fl.err == nil {
			return fl.children, nil
		}
		if ctx.Err() != nil { // it was ours that ended; if it was the leader's, another takes its place
			return nil, context.Cause(ctx)
		}
		if !isContext(fl.err) {
			return t.settle(dir, fl.err)
		}
	}
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, reactor.ErrStopping)
}

// join finds what is fresh, or else the listing to wait for.
func (t *tree) join(dir caps.Read) (children map[string]Child, fl *flight, leads bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.dirs[dir]
	if d == nil {
		d = &directory{}
		t.dirs[dir] = d
	}
	now := t.clock.Now()
	d.used = now
	if d.children != nil && now.Sub(d.read) < fresh {
		return d.children, nil, false
	}
	if d.flight != nil {
		return nil, d.flight, false
	}
	d.flight = &flight{done: make(chan struct{})}
	return nil, d.flight, true
}

// fetch lists a directory. Who waits is told in any case, also when the grid has a fault and panics.
func (t *tree) fetch(ctx context.Context, dir caps.Read, fl *flight) {
	begin := t.clock.Now()
	var all []Child
	err := ErrUnavailable
	defer func() { t.land(dir, fl, begin, all, err) }()
	all, err = t.grid.List(ctx, dir)
}

func (t *tree) land(dir caps.Read, fl *flight, begin time.Time, all []Child, err error) {
	children := make(map[string]Child, len(all))
	for _, c := range all {
		children[c.Name] = c
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, edit := range fl.edits {
		edit(children)
	}
	fl.children, fl.err, fl.edits = children, err, nil
	close(fl.done)
	d := t.dirs[dir]
	if d == nil || d.flight != fl { // it serves those who waited for it, and may be too old for others
		return
	}
	d.flight = nil
	switch {
	case err == nil:
		t.cached += len(children) - len(d.children)
		d.children, d.read = children, begin
		t.shrink(d)
	case d.children == nil:
		delete(t.dirs, dir)
	}
}

// settle decides what a listing that failed means: what was known before has to do.
func (t *tree) settle(dir caps.Read, err error) (map[string]Child, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.dirs[dir]
	if d != nil && d.children != nil && t.clock.Now().Sub(d.read) < useful && passes(err) {
		return d.children, nil
	}
	return nil, err
}

// passes says whether an error may be gone later.
func passes(err error) bool {
	for _, lasting := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrInvalid, ErrIsDirectory, ErrNotDirectory, ErrNoSpace, ErrQuota} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return true
}

// shrink forgets directories that have not been used for longest, but keep.
func (t *tree) shrink(keep *directory) {
	for t.cached+len(t.dirs) > maxCached && len(t.dirs) > 1 {
		var oldest caps.Read
		for k, d := range t.dirs {
			if d != keep && d.flight == nil && (oldest == nil || d.used.Before(t.dirs[oldest].used)) {
				oldest = k
			}
		}
		if oldest == nil {
			return
		}
		t.cached -= len(t.dirs[oldest].children)
		delete(t.dirs, oldest)
	}
}

// edited applies a change that has been made to a directory to what is remembered of it, and to what a listing under way brings.
func (t *tree) edited(dir caps.Write, change func(children map[string]Child)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.dirs[dir.ReadOnly()]; d != nil { // what it says of children is not what the change says
		t.cached -= len(d.children)
		delete(t.dirs, dir.ReadOnly())
	}
	d := t.dirs[dir]
	if d == nil {
		return
	}
	if d.flight != nil {
		d.flight.edits = append(d.flight.edits, change)
	}
	if d.children != nil {
		t.cached -= len(d.children)
		change(d.children)
		t.cached += len(d.children)
	}
}

// made notes that a directory is there which this node has just made: empty, which need not be asked of the grid.
func (t *tree) made(dir caps.Read) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dirs[dir] == nil {
		now := t.clock.Now()
		t.dirs[dir] = &directory{children: make(map[string]Child), read: now, used: now}
	}
}

// forget lets the next look at a directory ask the grid.
func (t *tree) forget(dir caps.Read) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.dirs[dir]; d != nil {
		d.flight = nil
		d.read = time.Time{}
	}
}

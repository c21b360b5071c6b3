package lafs

import (
	"context"
	"errors"
	"slices"

	"tahoe/caps"
	"tahoe/lafs/dirnode"
)

// A Visit is one file or directory that Walk comes to.
type Visit struct {
	Path    []string // the names from the root on; empty for the root. It is the caller's
	Entry            // of the directory that it was found in; of the root only the Child
	Listing *Listing // what it holds, if it is a directory that could be read
	Err     error    // why it could not be read, or a *ProhibitedError
}

// ErrSkipDirectory is what visit returns to pass over what a directory holds.
var ErrSkipDirectory = errors.New("skip this directory")

// Walk calls visit for root and for all that can be reached from it: of a directory first itself, then what in it is
// neither file nor directory, then the files, then one directory after the other with all that is below it, each in the order of
// their names. What can be verified is visited once, however often it is linked. visit is called on the caller's goroutine.
//
// A directory that cannot be read is visited with Err, and the walk goes on if visit returns nil: any other error of it ends the
// walk and is returned.
//
// The memory of a walk does not grow with the tree. It holds of each directory on the way to where it is the entries of
// the directories in it, some directories that were read ahead, and which files and directories it has seen last: half a
// million for certain, a million at most, in 25 MiB at most. In a tree of more, something that is linked
// twice is visited again if so many others came in between; a directory within itself never is.
func (c *Client) Walk(ctx context.Context, root caps.Cap, visit func(Visit) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &walk{c: c, ctx: ctx, visit: visit, seen: newSeen()}
	w.ahead = ahead{
		read: c.list, seen: w.seen,
		arrived: make(chan struct{}, 1), readings: map[uint64]*reading{},
	}
	defer w.ahead.running.Wait()
	defer cancel(errWalked)
	e := Entry{Child: ChildOf(root)}
	if e.Kind() != KindDirectory {
		return w.leaf(nil, e)
	}
	w.seen.add(e)
	if err := w.enter(nil, w.ahead.kid(e)); err != nil {
		return err
	}
	return w.descend()
}

var errWalked = errors.New("the walk has ended")

// list reads the directory that k names.
func (c *Client) list(ctx context.Context, k caps.Cap) (*Listing, error) {
	d, err := c.OpenDirectory(k)
	if err != nil {
		return nil, err
	}
	return d.List(ctx)
}

// A walk is one call of Walk.
type walk struct {
	c     *Client
	ctx   context.Context
	visit func(Visit) error
	seen  *seen
	stack []*level // the directories on the way to where the walk is
	ahead ahead
}

// A level is the directories of one directory that are still to be visited.
type level struct {
	path    []string
	self    uint64         // the hash of the directory
	dirs    *dirnode.Table // their entries, and no others
	kid     func(Entry) kid
	next    int   // the first that is not decoded
	decoded []kid // those before it
}

// upcoming are the next ones of the level.
func (l *level) upcoming() []kid {
	for len(l.decoded) < maxActive && l.next < l.dirs.Len() {
		if e, ok := l.dirs.Entry(l.next); ok {
			l.decoded = append(l.decoded, l.kid(e))
		}
		l.next++
	}
	return l.decoded
}

// descend visits what is on the stack.
func (w *walk) descend() error {
	for len(w.stack) > 0 {
		top := w.stack[len(w.stack)-1]
		all := top.upcoming()
		if len(all) == 0 {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		k := all[0]
		top.decoded = slices.Delete(all, 0, 1)
		if err := w.enter(below(top.path, k.entry), k); err != nil {
			return err
		}
	}
	return nil
}

func below(path []string, e Entry) []string { return append(slices.Clip(path), e.Name) }

// enter visits a directory and all in it that is no directory. Its directories come onto the stack.
func (w *walk) enter(path []string, k kid) error {
	e := k.entry
	l, err := w.ahead.wait(w.ctx, k, w.stack)
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	switch err := w.visit(Visit{slices.Clone(path), e, l, err}); {
	case errors.Is(err, ErrSkipDirectory):
		return nil
	case err != nil:
		return err
	case l == nil:
		return nil
	}
	files, dirs, err := w.sort(path, l)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := w.leaf(below(path, f.entry(l)), f.entry(l)); err != nil {
			return err
		}
	}
	if len(dirs) > 0 {
		w.stack = append(w.stack, &level{path: path, self: k.seen, dirs: l.t.Pick(dirs), kid: w.ahead.kid})
	}
	return nil
}

// A found file is an entry of the directory that is being visited.
type found struct {
	at      int
	decoded *Entry // nil when there are so many that they are better decoded again
}

const maxDecoded = 4096

func (f found) entry(l *Listing) Entry {
	if f.decoded != nil {
		return *f.decoded
	}
	e, _ := l.t.Entry(f.at)
	return e
}

// sort visits what is neither file nor directory, and finds what was not seen before of the rest.
func (w *walk) sort(path []string, l *Listing) (files []found, dirs []int, err error) {
	for i := range l.t.Len() {
		e, ok := l.t.Entry(i)
		switch {
		case !ok:
		case e.Kind() == KindUnknown:
			if err := w.leaf(below(path, e), e); err != nil {
				return nil, nil, err
			}
		case !w.seen.add(e):
		case e.Kind() == KindDirectory:
			if !w.within(e) {
				dirs = append(dirs, i)
			}
		default:
			f := found{at: i}
			if l.t.Len() <= maxDecoded {
				f.decoded = &e
			}
			files = append(files, f)
		}
	}
	return files, dirs, nil
}

// within says whether a directory is one of those that the walk is in: seen may have forgotten it.
func (w *walk) within(e Entry) bool {
	h := w.seen.hash(e)
	_, verifiable := e.Verify()
	return verifiable && slices.ContainsFunc(w.stack, func(l *level) bool { return l.self == h })
}

// leaf visits what is no directory.
func (w *walk) leaf(path []string, e Entry) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	v := Visit{Path: path, Entry: e}
	if i, ok := e.Index(); ok {
		v.Err = w.c.c.Access(i)
	}
	if err := w.visit(v); !errors.Is(err, ErrSkipDirectory) {
		return err
	}
	return nil
}

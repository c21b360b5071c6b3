package vfs

import (
	"context"
	"io/fs"

	"tahoe/caps"
)

// A Removed is what was taken out of a directory, and can be put back: its shares are on the servers as long as their leases last.
type Removed struct {
	dir   caps.Write
	child Child
}

// Name is the name that it had.
func (r *Removed) Name() string { return r.child.Name }

// Take removes whatever is at a path, with all that is in it, in one step. It is nil when it cannot be put back, because the grid
// did not have it yet.
func (v *View) Take(ctx context.Context, path string) (*Removed, error) {
	s, dir, unlock, err := v.change(ctx, path)
	if err != nil {
		return nil, err
	}
	defer unlock()
	_, waits := v.fs.at(s.place)
	if err := v.unlink(ctx, s, dir); err != nil {
		return nil, err
	}
	if waits {
		return nil, nil
	}
	return &Removed{dir, s.child}, nil
}

// PutBack puts back what was taken, in the directory where it was: fs.ErrExist when something else has its name by now.
func (v *View) PutBack(ctx context.Context, r *Removed) error {
	if v.account.ReadOnly {
		return ErrReadOnly
	}
	at := placeIn(r.dir, r.child.Name)
	unlock, err := v.fs.places.lock(ctx, at)
	if err != nil {
		return err
	}
	defer unlock()
	if v.fs.visible(at) {
		return fs.ErrExist
	}
	if v.account.Quota > 0 {
		v.fs.usage.forget(v.account) // whether what was taken away still counts would decide
	}
	if err := v.growBy(ctx, r.child); err != nil {
		return err
	}
	if err := v.fs.c.Grid.Link(ctx, r.dir, r.child, false); err != nil {
		v.fs.usage.less()
		return err
	}
	v.fs.linked(r.dir, r.child)
	return nil
}

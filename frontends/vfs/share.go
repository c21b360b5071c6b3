package vfs

import (
	"context"
	"errors"
	"io/fs"

	"tahoe/caps"
)

// ErrWaiting means that a file has no capability yet.
var ErrWaiting = errors.New("it is still on its way to the grid")

// Capabilities are what others can be given of what is at a path: to read it, and to change it, which is nil when it cannot be changed or
// the account may not hand that on. Whoever has it is bound by no account, so that one that may not write, or only so much, keeps it.
func (v *View) Capabilities(ctx context.Context, path string) (read caps.Read, write caps.Write, err error) {
	s, n, c, err := v.look(ctx, path)
	switch {
	case err != nil:
		return nil, nil, err
	case c != nil:
		v.fs.unlook(n, c)
		return nil, nil, ErrWaiting
	case !s.exists():
		return nil, nil, fs.ErrNotExist
	}
	read, ok := caps.ReadOnly(s.child.Cap)
	if !ok {
		return nil, nil, fs.ErrPermission // of a kind that this version does not know, or for verifying only
	}
	if v.account.ReadOnly || v.account.Quota > 0 {
		return read, nil, nil
	}
	write, _ = s.child.Cap.(caps.Write)
	return read, write, nil
}

// Queue lists the account's files that are on their way to the grid, in the order in which they were closed.
func (v *View) Queue() []Waiting {
	var own []Waiting
	for _, w := range v.fs.Queue() {
		if w.Account == v.account.Name {
			own = append(own, w)
		}
	}
	return own
}

package vfs

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"tahoe/caps"
	"tahoe/reactor"
)

// Rename gives a file or directory another path. What is there is replaced, a file by a file, when replace says so; else fs.ErrExist.
func (v *View) Rename(ctx context.Context, from, to string, replace bool) error {
	for {
		again, err := v.rename(ctx, from, to, replace)
		if again == nil || err != nil {
			return err
		}
		select { // what is at the target is on its way: it arrives first, so that it is not lost
		case <-again.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// move is a rename that may be made. The locks of both places are held.
type move struct {
	from, to       spot
	fromDir, toDir caps.Write
	src, dst       *inode
	srcWaits       bool
}

func (v *View) rename(ctx context.Context, from, to string, replace bool) (again *job, err error) {
	m, unlock, err := v.lockMove(ctx, from, to)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var dstWaits bool
	m.src, m.srcWaits = v.fs.at(m.from.place)
	m.dst, dstWaits = v.fs.at(m.to.place)
	switch {
	case !m.from.exists() && !m.srcWaits:
		return nil, fs.ErrNotExist
	case m.from.place == m.to.place:
		return nil, nil
	case !replace && (m.to.exists() || dstWaits):
		return nil, fs.ErrExist
	case m.to.isDir():
		return nil, ErrIsDirectory
	case m.from.isDir() && (m.to.exists() || dstWaits):
		return nil, ErrNotDirectory
	}
	if err := v.takeOver(ctx, m.from); err != nil {
		return nil, err
	}
	if m.srcWaits && (!m.from.exists() || v.fs.jobAt(m.src) != nil) {
		return nil, v.moveWaiting(ctx, m)
	}
	if j := v.fs.jobAt(m.dst); j != nil {
		return j, nil
	}
	return nil, v.moveGrid(ctx, m)
}

func (f *FS) jobAt(n *inode) *job {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n == nil {
		return nil
	}
	return n.job
}

func (v *View) lockMove(ctx context.Context, from, to string) (m move, unlock func(), err error) {
	if v.account.ReadOnly {
		return m, nil, ErrReadOnly
	}
	for {
		if err = v.findMove(ctx, &m, from, to); err != nil {
			return m, nil, err
		}
		a, b := m.from.place, m.to.place
		if unlock, err = v.fs.places.lock(ctx, a, b); err != nil {
			return m, nil, err
		}
		if err = v.findMove(ctx, &m, from, to); err == nil && m.from.place == a && m.to.place == b {
			return m, unlock, nil
		}
		unlock() // something has changed while the locks were waited for
		if err != nil {
			return m, nil, err
		}
	}
}

func (v *View) findMove(ctx context.Context, m *move, from, to string) (err error) {
	if m.from, err = v.find(ctx, from); err != nil {
		return err
	}
	if m.fromDir, err = m.from.writable(); err != nil {
		return err
	}
	if m.to, err = v.find(ctx, to); err != nil {
		return err
	}
	if m.toDir, err = m.to.writable(); err != nil {
		if m.to.exists() {
			return errors.Join(fs.ErrExist, err)
		}
		return err
	}
	if m.from.isDir() && isBelow(to, from) {
		return fs.ErrInvalid
	}
	return v.intoItself(m)
}

// isBelow says whether one path leads through the other.
func isBelow(inner, outer string) bool {
	return strings.HasPrefix(path.Clean("/"+inner)+"/", strings.TrimSuffix(path.Clean("/"+outer), "/")+"/")
}

// intoItself refuses to move a directory to a place from which it would be reached only through itself.
func (v *View) intoItself(m *move) error {
	if m.from.isDir() && m.to.parent != nil && placeIn(m.to.parent, "").dir == indexOf(m.from.child.Cap) {
		return fs.ErrInvalid
	}
	return nil
}

// moveGrid moves what the grid has, also when it is being written: should the writer not come to its end, it is what remains.
func (v *View) moveGrid(ctx context.Context, m move) error {
	if err := v.fs.c.Grid.Move(ctx, m.fromDir, m.from.name, m.toDir, m.to.name, true); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			v.fs.unlinked(m.fromDir, m.from.name)
		}
		return err
	}
	c := m.from.child
	c.Name = m.to.name
	v.fs.unlinked(m.fromDir, m.from.name)
	v.fs.linked(m.toDir, c)
	v.fs.rename(m.src, m.to, m.toDir)
	if m.dst != nil {
		return v.fs.orphan(ctx, m.dst)
	}
	return nil
}

// moveWaiting moves a file that the grid does not have yet, and what the grid may have of it: an older version. Who dies in
// between has a file, whole, at one of the two names.
func (v *View) moveWaiting(ctx context.Context, m move) error {
	t := target{dir: m.toDir, name: m.to.name}
	if _, mutable := m.from.child.Cap.(caps.MutableWrite); mutable {
		if err := v.moveEdge(ctx, m); err != nil {
			return err
		}
		t.file = targetOf(m.from).file
	} else if err := v.unlinkGrid(ctx, m.from, m.fromDir, true); err != nil {
		return err
	}
	if j := v.fs.jobAt(m.src); j != nil {
		if err := v.fs.retarget(j, m.to.place, t, m.to.display, true); err != nil {
			return err
		}
	}
	if m.dst != nil {
		if err := v.fs.orphan(context.WithoutCancel(ctx), m.dst); err != nil {
			return err
		}
	}
	v.fs.rename(m.src, m.to, m.toDir)
	v.fs.mu.Lock()
	m.src.target = t
	v.fs.mu.Unlock()
	return nil
}

// moveEdge moves the link of a mutable file, into which the new content goes.
func (v *View) moveEdge(ctx context.Context, m move) error {
	if err := v.fs.c.Grid.Move(ctx, m.fromDir, m.from.name, m.toDir, m.to.name, true); err != nil {
		return err
	}
	c := m.from.child
	c.Name = m.to.name
	v.fs.unlinked(m.fromDir, m.from.name)
	v.fs.linked(m.toDir, c)
	return nil
}

// rename gives an inode its new place. The locks of both are held, and the inode that was there has gone.
func (f *FS) rename(n *inode, to spot, dir caps.Write) {
	if n == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unname(n)
	n.place, n.display = to.place, to.display
	n.target.dir, n.target.name = dir, to.name
	names := f.nodes[to.dir]
	if names == nil {
		names = make(map[string]*inode)
		f.nodes[to.dir] = names
	}
	names[to.name] = n
}

// closePatience is for how long a file that is being written may be on the point of being closed: sshfs and its like ask for a link
// before they have heard of the close.
const closePatience = 2 * time.Second

// Link gives a file a second path: both lead to the same capability. A file that is on its way is waited for.
func (v *View) Link(ctx context.Context, from, to string, replace bool) error {
	patience := v.now().Add(closePatience)
	for {
		s, n, c, err := v.look(ctx, from)
		if err != nil {
			return err
		}
		if c == nil {
			return v.link(ctx, s, to, replace)
		}
		j := v.fs.jobAt(n)
		v.fs.unlook(n, c)
		if j == nil {
			if !v.now().Before(patience) {
				return errors.ErrUnsupported // it is being written, and there is no capability to link
			}
			if err := reactor.Sleep(ctx, v.fs.clock, closePatience/100); err != nil {
				return err
			}
			continue
		}
		select {
		case <-j.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (v *View) link(ctx context.Context, s spot, to string, replace bool) error {
	switch {
	case !s.exists():
		return fs.ErrNotExist
	case s.isDir():
		return ErrIsDirectory
	}
	t, dir, unlock, err := v.change(ctx, to)
	if err != nil {
		return err
	}
	defer unlock()
	n, waits := v.fs.at(t.place)
	switch {
	case t.place == s.place:
		return fs.ErrExist
	case t.isDir():
		return ErrIsDirectory
	case !replace && (t.exists() || waits):
		return fs.ErrExist
	}
	if err := v.takeOver(ctx, s); err != nil {
		return err
	}
	c := Child{Name: t.name, Cap: s.child.Cap, Metadata: s.child.Metadata}
	if err := v.fs.c.Grid.Link(ctx, dir, c, replace); err != nil {
		return err
	}
	v.fs.linked(dir, c)
	if n != nil {
		return v.fs.orphan(ctx, n)
	}
	return nil
}

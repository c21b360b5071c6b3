package vfs

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"tahoe/caps"
)

// change finds a path and its directory, for a change there, and takes the lock of the place.
func (v *View) change(ctx context.Context, path string) (s spot, dir caps.Write, unlock func(), err error) {
	if s, err = v.find(ctx, path); err != nil {
		return s, nil, nil, err
	}
	if v.account.ReadOnly {
		return s, nil, nil, ErrReadOnly
	}
	if _, err = s.writable(); err != nil { // in vain
		return s, nil, nil, err
	}
	if s, unlock, err = v.lockAt(ctx, path); err != nil {
		return s, nil, nil, err
	}
	if dir, err = s.writable(); err != nil {
		unlock()
		return s, nil, nil, err
	}
	return s, dir, unlock, nil
}

// Mkdir makes a directory. Its parent is there: see MkdirAll.
func (v *View) Mkdir(ctx context.Context, path string) error {
	s, dir, unlock, err := v.change(ctx, path)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) && s.exists() {
			return fs.ErrExist
		}
		return err
	}
	defer unlock()
	if s.exists() || v.fs.visible(s.place) {
		return fs.ErrExist
	}
	made, err := v.fs.c.Grid.Mkdir(ctx, dir, s.name)
	if err != nil {
		return err
	}
	v.fs.tree.made(made)
	v.fs.linked(dir, Child{Name: s.name, Cap: made})
	return nil
}

// linked notes a child in what is remembered of a directory.
func (f *FS) linked(dir caps.Write, c Child) {
	now := f.clock.Now()
	f.tree.edited(dir, func(children map[string]Child) {
		c.Metadata = parseMetadata(c.Metadata).touched(now).raw()
		children[c.Name] = c
	})
}

func (f *FS) unlinked(dir caps.Write, name string) {
	f.tree.edited(dir, func(children map[string]Child) { delete(children, name) })
}

// MkdirAll makes a directory and its parents; what is there already is no error, if it is a directory.
func (v *View) MkdirAll(ctx context.Context, path string) error {
	names, err := split(path)
	if err != nil {
		return err
	}
	var at strings.Builder
	for k, name := range names {
		at.WriteString("/" + name)
		if k == 0 && name == "uri" && len(names) > 1 {
			continue
		}
		s, err := v.find(ctx, at.String())
		switch {
		case err != nil:
			return err
		case s.isDir():
			continue
		case s.exists():
			return ErrNotDirectory
		}
		if err := v.Mkdir(ctx, at.String()); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// Remove removes a file, or the link to what this version does not know.
func (v *View) Remove(ctx context.Context, path string) error {
	s, dir, unlock, err := v.change(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	if s.isDir() {
		return ErrIsDirectory
	}
	return v.unlink(ctx, s, dir)
}

// unlink takes a name away, from the grid first: whoever dies in between has removed nothing. The lock of the place is held.
func (v *View) unlink(ctx context.Context, s spot, dir caps.Write) error {
	n, waits := v.fs.at(s.place)
	if !s.exists() && !waits {
		return fs.ErrNotExist
	}
	if err := v.unlinkGrid(ctx, s, dir, waits); err != nil {
		return err
	}
	v.fs.usage.less()
	if n == nil {
		return nil
	}
	return v.fs.orphan(ctx, n)
}

// unlinkGrid takes the name from the grid. Of a file that only waits it may be that it has been linked without our having
// heard of it, so that the grid is asked about it, and may say that there is nothing.
func (v *View) unlinkGrid(ctx context.Context, s spot, dir caps.Write, waits bool) error {
	if !s.exists() && !v.fs.maybeLinked(s.place) {
		return nil
	}
	err := v.fs.c.Grid.Unlink(ctx, dir, s.name)
	if errors.Is(err, fs.ErrNotExist) {
		v.fs.unlinked(dir, s.name)
		if waits {
			return nil
		}
	}
	if err == nil {
		v.fs.unlinked(dir, s.name)
	}
	return err
}

// maybeLinked says whether a job of the place has been tried before.
func (f *FS) maybeLinked(p place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.lookup(p)
	return n != nil && n.job != nil && (n.job.attempts > 1 || n.job.recovered)
}

// at finds the inode of a place, and whether it shows a file.
func (f *FS) at(p place) (n *inode, waits bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n = f.lookup(p)
	return n, n != nil && n.visible() != nil
}

// orphan takes the name from an inode: what is written through open files leads nowhere, what was closed is dropped. What
// goes to a mutable file in place goes there still, because others may reach it by other ways. The lock of the place is held.
func (f *FS) orphan(ctx context.Context, n *inode) error {
	f.mu.Lock()
	j := n.job
	f.mu.Unlock()
	if j != nil {
		if err := f.drown(ctx, j); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unname(n)
	n.gone, n.cur = true, nil
	return nil
}

// drown ends a job whose name has been taken away.
func (f *FS) drown(ctx context.Context, j *job) error {
	if j.target.file == nil {
		err := f.cancel(ctx, j)
		if err != nil {
			f.resume(j)
		}
		return err
	}
	return f.retarget(j, place{dir: j.target.file.Index()}, target{file: j.target.file}, j.display, false)
}

// retarget lets a job go elsewhere, in the journal first. The locks of both places are held.
func (f *FS) retarget(j *job, to place, t target, display string, named bool) error {
	if isOver(j) {
		return nil
	}
	w := way{to, t, display, f.order.Add(1)}
	if err := f.keep(j, &w); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	j.turn(w)
	if !named {
		if j.node != nil && j.node.job == j {
			j.node.job = nil
		}
		j.node = nil
	}
	return nil
}

// Rmdir removes an empty directory.
func (v *View) Rmdir(ctx context.Context, path string) error {
	s, dir, unlock, err := v.change(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	if s.isDir() { // nothing comes into it from here on, which would go with it
		open, ok := v.fs.places.seal(indexOf(s.child.Cap))
		if !ok {
			return ErrNotEmpty
		}
		defer open()
	}
	if err := v.emptyDir(ctx, s); err != nil {
		return err
	}
	return v.unlink(ctx, s, dir)
}

// emptyDir says whether there is an empty directory at a spot. The grid is asked anew.
func (v *View) emptyDir(ctx context.Context, s spot) error {
	if !s.isDir() {
		if s.exists() || v.fs.visible(s.place) {
			return ErrNotDirectory
		}
		return fs.ErrNotExist
	}
	d, err := asDirectory(s.child.Cap)
	if err != nil {
		return err
	}
	waiting := v.fs.waitingIn(d) // first: what arrives in between is then in both
	v.fs.tree.forget(d)
	children, err := v.fs.tree.list(ctx, d)
	if err != nil {
		return err
	}
	if len(children) > 0 || len(waiting) > 0 {
		return ErrNotEmpty
	}
	return nil
}

// RemoveAll removes whatever is at a path, with all that is in it, in one step.
func (v *View) RemoveAll(ctx context.Context, path string) error {
	s, dir, unlock, err := v.change(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	return v.unlink(ctx, s, dir)
}

// SetAttr changes attributes.
func (v *View) SetAttr(ctx context.Context, path string, a Attr) error {
	if a.Size != nil {
		return v.truncate(ctx, path, a)
	}
	s, err := v.find(ctx, path)
	if err != nil {
		return err
	}
	return v.setAttrAt(ctx, s, a)
}

// truncate changes the size of a file, and the rest with it.
func (v *View) truncate(ctx context.Context, path string, a Attr) error {
	flags := FlagWrite
	if *a.Size == 0 {
		flags |= FlagTruncate
	}
	f, err := v.Open(ctx, path, flags)
	if err != nil {
		return err
	}
	if err := f.SetAttr(ctx, a); err != nil {
		f.Abandon()
		return err
	}
	return f.Close(ctx)
}

// setAttrAt changes attributes but for the size.
func (v *View) setAttrAt(ctx context.Context, s spot, a Attr) error {
	if a.Mode == nil && a.ModTime == nil {
		return nil
	}
	if v.account.ReadOnly {
		return ErrReadOnly
	}
	if s.parent == nil {
		return nil // a root has no link to note anything at
	}
	dir, err := s.writable()
	if err != nil {
		return err
	}
	unlock, err := v.fs.places.lock(ctx, s.place)
	if err != nil {
		return err
	}
	defer unlock()
	if n, waits := v.fs.at(s.place); waits {
		return v.fs.setWaiting(n, a)
	}
	c, ok, err := v.fs.tree.child(ctx, dir, s.name)
	if err != nil {
		return err
	}
	if !ok {
		return fs.ErrNotExist
	}
	m := parseMetadata(c.Metadata)
	if !m.change(a, c.Cap) {
		return nil
	}
	return v.fs.setMetadata(ctx, dir, c, m)
}

// change makes the changes, and says whether there were any.
func (m metadata) change(a Attr, c caps.Cap) bool {
	changed := false
	if a.Mode != nil {
		if old, ok := m.mode(); !ok || old != a.Mode.Perm() {
			m.setMode(*a.Mode, c)
			changed = true
		}
	}
	if a.ModTime != nil && !m.modTime(c).Equal(*a.ModTime) {
		m.setTime(*a.ModTime, c)
		changed = true
	}
	return changed
}

// setWaiting changes attributes of a file that the grid does not have yet. The lock of its place is held.
func (f *FS) setWaiting(n *inode, a Attr) error {
	f.mu.Lock()
	cur, j := n.cur, n.job
	f.mu.Unlock()
	if cur != nil {
		cur.setAttr(a)
	}
	if j == nil || isOver(j) {
		return nil
	}
	j.content.setAttr(a)
	return f.keep(j, nil)
}

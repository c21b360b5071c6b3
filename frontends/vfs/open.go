package vfs

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"tahoe/caps"
)

// Open opens a file. The caller ends it with Close, or with Abandon when it did not come to its end.
func (v *View) Open(ctx context.Context, path string, flags Flag) (*File, error) {
	if flags&(FlagRead|FlagWrite) == 0 || flags&FlagExclusive != 0 && flags&FlagCreate == 0 {
		return nil, fs.ErrInvalid
	}
	f := &File{v: v, flags: flags}
	if err := v.add(f); err != nil {
		return nil, err
	}
	if err := v.open(ctx, f, path); err != nil {
		v.remove(f)
		return nil, err
	}
	return f, nil
}

func (v *View) open(ctx context.Context, f *File, path string) error {
	if f.flags&(FlagWrite|FlagCreate|FlagTruncate) == 0 {
		return v.openToRead(ctx, f, path)
	}
	s, unlock, err := v.lockAt(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	return v.openToWrite(ctx, f, s)
}

func (v *View) openToRead(ctx context.Context, f *File, path string) error {
	s, n, c, err := v.look(ctx, path)
	f.spot, f.node, f.content = s, n, c
	if err != nil || c != nil {
		return err
	}
	i, err := v.readable(ctx, s)
	if err != nil {
		return err
	}
	f.info = i
	file, _ := s.child.Cap.(caps.Read)
	f.reader = v.fs.newReader(file, i.size)
	return nil
}

// readable describes a file of the grid that can be read.
func (v *View) readable(ctx context.Context, s spot) (Info, error) {
	switch _, ok := s.child.Cap.(caps.Read); {
	case !s.exists():
		return Info{}, fs.ErrNotExist
	case s.isDir():
		return Info{}, ErrIsDirectory
	case !ok:
		return Info{}, fs.ErrPermission // of a kind that this version does not know, or for verifying only
	}
	return v.sized(ctx, s.parent, s.child)
}

// mayWrite says why a file may not be written: not as it is, or not as a new one.
func (v *View) mayWrite(s spot) error {
	if s.isDir() {
		return ErrIsDirectory
	}
	if v.account.ReadOnly {
		return ErrReadOnly
	}
	if s.exists() && caps.IsMutable(s.child.Cap) {
		if _, ok := s.child.Cap.(caps.MutableWrite); ok {
			return nil
		}
		return ErrReadOnly
	}
	if s.exists() {
		if _, ok := s.child.Cap.(caps.Read); !ok {
			return fs.ErrPermission // nobody knows what it is, so it is not replaced by writing into it
		}
		if parseMetadata(s.child.Metadata).noWrite() {
			return ErrReadOnly
		}
	}
	if s.parent == nil {
		return ErrReadOnly // an immutable file without a directory
	}
	_, err := s.writable()
	return err
}

// openToWrite opens a file for writing. The lock of the place is held; who abandons a file does not take it.
func (v *View) openToWrite(ctx context.Context, f *File, s spot) error {
	if err := v.mayWrite(s); err != nil {
		return err
	}
	v.fs.mu.Lock()
	n := v.fs.node(s.place)
	n.handles++ // so that it stays; taken back when this fails
	seen, written := n.visible(), n.cur != nil
	if seen != nil {
		seen.hold()
	}
	v.fs.mu.Unlock()
	err := v.check(f, s, seen != nil)
	var c *content
	if err == nil {
		c, err = v.contentFor(ctx, f, s, seen, written)
	}
	if c != seen {
		v.fs.drop(seen)
	}
	v.fs.mu.Lock()
	defer v.fs.mu.Unlock()
	if err != nil {
		n.handles--
		v.fs.tidy(n)
		return err
	}
	n.cur = c
	n.target, n.display = targetOf(s), s.display
	f.spot, f.node, f.content = s, n, c
	if f.writes() {
		n.writers++
	}
	return nil
}

func (v *View) check(f *File, s spot, waits bool) error {
	there := s.exists() || waits
	switch {
	case there && f.flags&FlagExclusive != 0:
		return fs.ErrExist
	case !there && f.flags&FlagCreate == 0:
		return fs.ErrNotExist
	}
	return nil
}

// contentFor finds or makes what is written into, with a user more: seen, if that is being written already.
func (v *View) contentFor(ctx context.Context, f *File, s spot, seen *content, written bool) (*content, error) {
	truncate := f.flags&FlagTruncate != 0
	switch {
	case written:
		if truncate {
			if err := seen.Truncate(0, v.now(), anyRoom); err != nil {
				return nil, err
			}
		}
		return seen, nil
	case seen != nil && !truncate:
		c, err := seen.copy()
		if err != nil {
			return nil, err
		}
		return c.hold(), nil
	}
	c, err := v.fs.newContent()
	if err != nil {
		return nil, err
	}
	c.hold()
	c.mtime = v.now()
	c.dirty = truncate || !s.exists()
	if s.exists() {
		m := parseMetadata(s.child.Metadata)
		c.mode, c.modeSet = m.mode()
		c.old = sizeIn(s.child.Cap)
	}
	if truncate || !s.exists() {
		return c, nil
	}
	if err := v.onTop(ctx, c, s); err != nil {
		return nil, errors.Join(err, c.file.Release())
	}
	return c, nil
}

func (f *FS) newContent() (*content, error) {
	file, err := f.staged.New()
	if err != nil {
		return nil, asVFS(err)
	}
	return contentOf(file), nil
}

// onTop lets a content begin as what the grid has: an immutable file stays where it is, and is read as it is needed; a mutable
// one, which could change meanwhile, is fetched.
func (v *View) onTop(ctx context.Context, c *content, s spot) error {
	i, err := v.readable(ctx, s)
	if err != nil {
		return err
	}
	c.mtime, c.old = i.modTime, i.size
	if err := c.file.Truncate(i.size); err != nil {
		return asVFS(err)
	}
	file, _ := s.child.Cap.(caps.Read)
	if !caps.IsMutable(file) {
		c.base, c.baseEnd = file, i.size
		return nil
	}
	to := &offsetWriter{ctx, c.file, 0}
	if err := v.fs.c.Grid.Read(ctx, file, 0, i.size, to); err != nil {
		return asVFS(err)
	}
	if to.at != i.size {
		return io.ErrUnexpectedEOF
	}
	return nil
}

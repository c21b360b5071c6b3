package vfs

import (
	"context"
	"io/fs"
	"sync"

	"tahoe/caps"
)

// A File is an open file. It may be used by several goroutines at once.
type File struct {
	v     *View
	flags Flag
	spot  spot // where it was when it was opened

	// One of the two: a file that is written, or waits, and one of the grid.
	node    *inode
	content *content
	reader  *reader
	info    Info // of the grid's

	mu     sync.Mutex
	closed bool
}

func (f *File) writes() bool { return f.flags&(FlagWrite|FlagCreate|FlagTruncate) != 0 }

func (f *File) open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	return nil
}

// shut closes the file once.
func (f *File) shut() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.closed
	f.closed = true
	return !was
}

// Name is the last part of the path by which it was opened.
func (f *File) Name() string { return f.spot.child.Name }

// Stat describes the file as it is now, written or not.
func (f *File) Stat(ctx context.Context) (Info, error) {
	if err := f.open(); err != nil {
		return Info{}, err
	}
	if f.content == nil {
		return f.info, nil
	}
	name := f.spot.name
	if name == "" {
		name = f.spot.child.Name
	}
	return f.content.info(name), nil
}

// ReadAt reads as io.ReaderAt does.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	if f.flags&FlagRead == 0 {
		return 0, fs.ErrPermission
	}
	if f.content == nil {
		return f.reader.ReadAt(ctx, p, off)
	}
	return f.content.ReadAt(ctx, f.v.fs, p, off)
}

// Expect says that a read at off is coming: what it needs is kept for it, however far other reads get before. The caller says when it has come.
func (f *File) Expect(off int64) (came func()) {
	if f.content != nil {
		return func() {}
	}
	return f.reader.expect(off)
}

// WriteAt writes as io.WriterAt does. It keeps nothing of p.
func (f *File) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	if !f.writes() {
		return 0, fs.ErrPermission
	}
	return f.content.WriteAt(p, off, f.v.now(), f.room(ctx))
}

// SetAttr changes attributes; they go to the grid with the content.
func (f *File) SetAttr(ctx context.Context, a Attr) error {
	if err := f.open(); err != nil {
		return err
	}
	if !f.writes() {
		if a.Size != nil {
			return fs.ErrPermission
		}
		return f.v.setAttrAt(ctx, f.spot, a)
	}
	if a.Size != nil {
		if err := f.content.Truncate(*a.Size, f.v.now(), f.room(ctx)); err != nil {
			return err
		}
	}
	f.content.setAttr(a)
	return nil
}

// Sync returns when what was written is on the node's disk. It does not publish it.
func (f *File) Sync(context.Context) error {
	if err := f.open(); err != nil {
		return err
	}
	if f.content == nil {
		return nil
	}
	return asVFS(f.content.file.Sync())
}

// Close ends the file, and commits what was written. Calling it again gives fs.ErrClosed.
func (f *File) Close(ctx context.Context) error {
	if !f.shut() {
		return fs.ErrClosed
	}
	defer f.v.remove(f)
	if f.content == nil {
		f.reader.Close()
		return nil
	}
	var j *job
	var err error
	if f.writes() {
		j, err = f.keep(context.WithoutCancel(ctx)) // who closes may go: what was closed is kept
	}
	f.leave()
	if err != nil || j == nil || f.v.fs.c.Commit != OnClose {
		return err
	}
	select {
	case <-j.done:
		return j.result
	case <-ctx.Done():
		return context.Cause(ctx) // it goes its way all the same
	}
}

// Abandon ends the file, and forgets what was written through it. After Close it does nothing.
func (f *File) Abandon() {
	if !f.shut() {
		return
	}
	defer f.v.remove(f)
	if f.content == nil {
		f.reader.Close()
		return
	}
	f.leave()
	if f.writes() {
		f.v.fs.usage.less()
	}
}

// leave takes the handle from its inode. Without a writer, what was not kept is no longer seen.
func (f *File) leave() {
	fs, n := f.v.fs, f.node
	fs.mu.Lock()
	n.handles--
	if f.writes() {
		n.writers--
		if n.writers == 0 && n.cur == f.content {
			n.cur = nil
		}
	}
	fs.tidy(n)
	fs.mu.Unlock()
	fs.drop(f.content)
}

// keep makes a job of what was written; nil when nothing was.
func (f *File) keep(ctx context.Context) (*job, error) {
	fs := f.v.fs
	unlock, err := fs.lockNode(ctx, f.node)
	if err != nil {
		return nil, err
	}
	defer unlock()
	fs.mu.Lock()
	gone, others, old := f.node.gone, f.node.writers > 1, f.node.job
	fs.mu.Unlock()
	if gone || !f.content.takeDirty() {
		return nil, nil
	}
	if err := f.content.incomplete(); err != nil { // half a file is not published in the place of a whole one
		return nil, err
	}
	j, err := f.newJob(others)
	if err != nil {
		f.content.setDirty()
		return nil, err
	}
	if old != nil {
		if err := fs.cancel(context.WithoutCancel(ctx), old); err != nil { // it is not worked at any more; the next start drops it
			fs.log.Warn("an older version of a file is on its way beside the newer one", "path", old.display, "reason", err)
		}
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.node.job, fs.jobs[j.id] = j, j
	if !others {
		f.node.cur = nil
	}
	fs.poke()
	return j, nil
}

// newJob writes a job into the journal: of the content itself, or of a copy when others go on writing.
func (f *File) newJob(others bool) (*job, error) {
	c := f.content
	if others {
		var err error
		if c, err = f.content.copy(); err != nil {
			return nil, err
		}
	}
	fs := f.v.fs
	fs.mu.Lock()
	at := f.node.place
	t := f.node.target
	j := newJob(c.hold(), f.v.account.Name, f.node.display, fs.clock.Now())
	fs.mu.Unlock()
	j.order = fs.order.Add(1)
	j.node, j.place, j.target, j.once = f.node, at, t, fs.c.Commit == OnClose
	if err := fs.keep(j, nil); err != nil {
		fs.drop(c)
		return nil, err
	}
	return j, nil
}

// lockNode takes the lock of the place where an inode is by then.
func (f *FS) lockNode(ctx context.Context, n *inode) (unlock func(), err error) {
	return f.lockWhere(ctx, func() place { return n.place })
}

// targetOf is where a file that was opened at a spot goes.
func targetOf(s spot) target {
	var t target
	if s.parent != nil {
		t.dir, _ = s.parent.(caps.Write)
		t.name = s.place.name
	}
	if file, ok := s.child.Cap.(caps.MutableWrite); ok && !caps.IsDirectory(file) {
		t.file = &file
	}
	return t
}

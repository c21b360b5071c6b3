package vfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/frontends/vfs/staging"
	"tahoe/internal/spans"
)

// A content is what a file holds that is being written, or was: a staged file, and below it, where nothing has been written yet, the
// immutable file that was there before. Of that only what is needed is ever read.
type content struct {
	file *staging.File
	refs int           // of handles, and of a job; guarded by FS.mu
	old  int64         // how many bytes the grid has of what this replaces: they are counted there
	turn chan struct{} // of who changes it or copies it, so that the bytes and what is noted of them below are of one moment

	mu      sync.Mutex
	base    caps.Read // nil: none
	baseEnd int64     // where the old content ends, as far as it has not been cut off
	written spans.Set
	dirty   bool // something has changed since it was kept last
	mtime   time.Time
	mode    fs.FileMode
	modeSet bool
	below   *reader // of base, made when it is needed
	stale   []*reader
	ended   bool
	failed  error // of a write since it was truncated last: the file is not what who writes wants it to be
}

func contentOf(file *staging.File) *content {
	return &content{file: file, turn: make(chan struct{}, 1)}
}

// change takes the turn.
func (c *content) change() (leave func()) {
	c.turn <- struct{}{}
	return func() { <-c.turn }
}

// piece is a range that lies in one of the two.
type piece struct {
	off, end int64
	base     bool
}

// pieces cuts a range, which ends within the file.
func (c *content) pieces(off, end int64) []piece {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut(off, end)
}

func (c *content) cut(off, end int64) []piece {
	var all []piece
	for _, m := range c.written.Missing(off, min(end, c.baseEnd)) {
		if m.Start > off {
			all = append(all, piece{off, m.Start, false})
		}
		all = append(all, piece{m.Start, m.End, true})
		off = m.End
	}
	if off < end {
		all = append(all, piece{off, end, false})
	}
	return all
}

// plan cuts a range, and says what reads the pieces that lie below.
func (c *content) plan(f *FS, off, end int64) (all []piece, below *reader, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return nil, nil, fs.ErrClosed
	}
	all = c.cut(off, end)
	if c.below == nil && slices.ContainsFunc(all, func(p piece) bool { return p.base }) {
		c.below = f.newReader(c.base, c.baseEnd)
	}
	return all, c.below, nil
}

// ReadAt reads as io.ReaderAt does.
func (c *content) ReadAt(ctx context.Context, f *FS, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	end := min(off+int64(len(p)), c.file.Size())
	if off >= end {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	all, below, err := c.plan(f, off, end)
	if err != nil {
		return 0, err
	}
	for _, pc := range all {
		part := p[pc.off-off : pc.end-off]
		var n int
		if pc.base {
			n, err = below.ReadAt(ctx, part, pc.off)
		} else {
			n, err = c.file.ReadAt(part, pc.off)
		}
		if n < len(part) { // with io.EOF, when it has been truncated since
			return int(pc.off-off) + n, asVFS(err)
		}
	}
	if n := int(end - off); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

// WriteAt writes as io.WriterAt does, if room says nothing against the size that the file would have.
func (c *content) WriteAt(p []byte, off int64, now time.Time, room func(size int64) error) (n int, err error) {
	if len(p) == 0 {
		return 0, nil // nor does it make the file any longer
	}
	defer c.change()()
	if err = room(off + int64(len(p))); err != nil {
		return 0, err
	}
	n, err = c.file.WriteAt(p, off)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed = asVFS(err)
	}
	if n > 0 {
		c.written.Add(off, off+int64(n))
		c.dirty, c.mtime = true, now
	}
	return n, asVFS(err)
}

// Truncate changes the size, if room says nothing against it.
func (c *content) Truncate(size int64, now time.Time, room func(size int64) error) error {
	defer c.change()()
	if err := room(size); err != nil {
		return err
	}
	if err := c.file.Truncate(size); err != nil {
		return asVFS(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.baseEnd = min(c.baseEnd, size)
	var kept spans.Set
	for _, s := range c.written.Overlap(0, size) {
		kept.Add(s.Start, s.End)
	}
	c.written, c.dirty, c.mtime, c.failed = kept, true, now, nil
	return nil
}

// anyRoom has nothing against any size.
func anyRoom(int64) error { return nil }

// stand makes an immutable file what lies below an empty content; false when it is not empty.
func (c *content) stand(on caps.CHK, now time.Time, room func(size int64) error) (bool, error) {
	defer c.change()()
	if c.file.Size() > 0 {
		return false, nil
	}
	if err := room(on.Size()); err != nil {
		return false, err
	}
	c.mu.Lock() // nobody sees the new size without what lies below
	defer c.mu.Unlock()
	if err := c.file.Truncate(on.Size()); err != nil {
		return false, asVFS(err)
	}
	if c.below != nil { // reads what was below before
		c.stale, c.below = append(c.stale, c.below), nil
	}
	c.base, c.baseEnd, c.dirty, c.mtime = on, on.Size(), true, now
	return true, nil
}

// unchanged is the immutable file that the content is still equal to; nil when there is none.
func (c *content) unchanged() caps.Read {
	size := c.file.Size()
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.base.(caps.CHK)
	if !ok || k.Size() != size || c.baseEnd != size || len(c.written.Overlap(0, size)) > 0 {
		return nil
	}
	return k
}

// setAttr changes attributes but for the size.
func (c *content) setAttr(a Attr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.Mode != nil {
		c.mode, c.modeSet, c.dirty = a.Mode.Perm(), true, true
	}
	if a.ModTime != nil {
		c.mtime, c.dirty = *a.ModTime, true
	}
}

func (c *content) attrs() (mtime time.Time, mode fs.FileMode, modeSet bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mtime, c.mode, c.modeSet
}

// aside is how much that nobody needs is rather read along than that another read begins behind it.
const aside = 256 << 10

// missing is what of the old content is still in the file, in ranges that are worth a read each.
func (c *content) missing() []spans.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []spans.Span
	for _, m := range c.written.Missing(0, c.baseEnd) {
		if n := len(all); n > 0 && m.Start-all[n-1].End <= aside {
			all[n-1].End = m.End
		} else {
			all = append(all, m)
		}
	}
	return all
}

// copy makes a content of its own of what is there now.
func (c *content) copy() (*content, error) {
	defer c.change()()
	file, err := c.file.Copy()
	if err != nil {
		return nil, asVFS(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := contentOf(file)
	n.old, n.base, n.baseEnd, n.mtime, n.mode, n.modeSet = c.old, c.base, c.baseEnd, c.mtime, c.mode, c.modeSet
	for _, s := range c.written.Overlap(0, file.Size()) {
		n.written.Add(s.Start, s.End)
	}
	return n, nil
}

// takeDirty says whether there is something to keep, and that it is being kept.
func (c *content) takeDirty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	dirty := c.dirty
	c.dirty = false
	return dirty
}

// incomplete says why the content must not be published; nil when it may.
func (c *content) incomplete() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

func (c *content) setDirty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = true
}

// end closes what reads the old content.
func (c *content) end() {
	c.mu.Lock()
	all := c.stale
	if c.below != nil {
		all = append(all, c.below)
	}
	c.stale, c.below, c.ended = nil, nil, true
	c.mu.Unlock()
	for _, r := range all {
		r.Close()
	}
}

// asVFS gives the errors of package staging the names that they have here.
func asVFS(err error) error {
	if errors.Is(err, staging.ErrNoSpace) {
		return ErrNoSpace
	}
	if errors.Is(err, staging.ErrTooMany) {
		return ErrTooManyFiles
	}
	return err
}

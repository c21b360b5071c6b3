package vfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/frontends/vfs/staging"
	"tahoe/internal/spans"
	"tahoe/reactor"
)

// A content is what a file holds that is being written, or was: a staged file, and below it, where nothing has been written yet, the
// immutable file that was there before. Of that only what is needed is ever read.
type content struct {
	file *staging.File
	refs int   // of handles, and of a job; guarded by FS.mu
	old  int64 // how many bytes the grid has of what this replaces: they are counted there

	mu      sync.Mutex
	base    caps.Read // nil: none
	baseEnd int64     // where the old content ends, as far as it has not been cut off
	written spans.Set
	dirty   bool // something has changed since it was kept last
	mtime   time.Time
	mode    fs.FileMode
	modeSet bool
	below   *reader // of base, made when it is needed
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
	for _, pc := range c.pieces(off, end) {
		part := p[pc.off-off : pc.end-off]
		var err error
		if pc.base {
			_, err = c.under(f).ReadAt(ctx, part, pc.off)
		} else {
			_, err = c.file.ReadAt(part, pc.off)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return int(pc.off - off), asVFS(err)
		}
	}
	if n := int(end - off); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

func (c *content) under(f *FS) *reader {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.below == nil {
		c.below = f.newReader(c.base, c.baseEnd)
	}
	return c.below
}

// WriteAt writes as io.WriterAt does.
func (c *content) WriteAt(p []byte, off int64, now time.Time) (int, error) {
	n, err := c.file.WriteAt(p, off)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 {
		c.written.Add(off, off+int64(n))
		c.dirty, c.mtime = true, now
	}
	return n, asVFS(err)
}

// Truncate changes the size.
func (c *content) Truncate(size int64, now time.Time) error {
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
	c.written, c.dirty, c.mtime = kept, true, now
	return nil
}

// stand makes an immutable file what lies below an empty content.
func (c *content) stand(on caps.CHK, now time.Time) error {
	c.mu.Lock() // nobody sees the new size without what lies below
	defer c.mu.Unlock()
	if err := c.file.Truncate(on.Size()); err != nil {
		return asVFS(err)
	}
	c.base, c.baseEnd, c.dirty, c.mtime = on, on.Size(), true, now
	return nil
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

// missing is what of the old content is still in the file.
func (c *content) missing() []spans.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written.Missing(0, c.baseEnd)
}

// copy makes a content of its own of what is there now.
func (c *content) copy() (*content, error) {
	file, err := c.file.Copy()
	if err != nil {
		return nil, asVFS(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &content{file: file, old: c.old, base: c.base, baseEnd: c.baseEnd, mtime: c.mtime, mode: c.mode, modeSet: c.modeSet}
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

func (c *content) setDirty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = true
}

// end closes what reads the old content.
func (c *content) end() {
	c.mu.Lock()
	below := c.below
	c.below = nil
	c.mu.Unlock()
	if below != nil {
		below.Close()
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

// A whole is a content as an upload reads it: all of the old content is there, in a second staged file, which no record is made of.
// Filling up the first would write into what has been kept.
type whole struct {
	ctx  context.Context
	c    *content
	old  *staging.File // nil: nothing is missing
	at   int64
	size int64
}

// fill fetches what is missing. The caller closes the whole.
func (c *content) fill(ctx context.Context, f *FS) (*whole, error) {
	w := &whole{ctx: ctx, c: c, size: c.file.Size()}
	missing := c.missing()
	if len(missing) == 0 {
		return w, nil
	}
	var err error
	if w.old, err = f.staged.New(); err != nil {
		return nil, asVFS(err)
	}
	for _, m := range missing {
		to := &offsetWriter{ctx, w.old, m.Start}
		if err = f.c.Grid.Read(ctx, c.base, m.Start, m.End-m.Start, to); err == nil && to.at != m.End {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, errors.Join(asVFS(err), w.Close())
		}
	}
	return w, nil
}

// offsetWriter writes one thing after the other, and stops when ctx does.
type offsetWriter struct {
	ctx context.Context
	to  *staging.File
	at  int64
}

func (w *offsetWriter) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	n, err := w.to.WriteAt(p, w.at)
	w.at += int64(n)
	return n, err
}

// Close removes what was fetched.
func (w *whole) Close() error {
	if w.old == nil {
		return nil
	}
	return w.old.Release()
}

// Read implements Source.
func (w *whole) Read(p []byte) (int, error) {
	n, err := w.ReadAt(p, w.at)
	w.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt implements Source.
func (w *whole) ReadAt(p []byte, off int64) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	end := min(off+int64(len(p)), w.size)
	if off >= end {
		return 0, io.EOF
	}
	for _, pc := range w.c.pieces(off, end) {
		from := w.c.file
		if pc.base {
			from = w.old
		}
		if _, err := from.ReadAt(p[pc.off-off:pc.end-off], pc.off); err != nil && !errors.Is(err, io.EOF) {
			return int(pc.off - off), err
		}
	}
	if n := int(end - off); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

var _ Source = (*whole)(nil)

// backoff is how long a file waits after so many failures.
func backoff(attempts int) time.Duration {
	const most = 5 * time.Minute
	return min(most, time.Second<<min(attempts-1, 10))
}

// sleepFor is a timer's channel, or nil for never.
func sleepFor(clock reactor.Clock, d time.Duration, ever bool) (<-chan time.Time, func() bool) {
	if !ever {
		return nil, func() bool { return false }
	}
	t := clock.NewTimer(max(d, 0))
	return t.C(), t.Stop
}

package vfs

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"tahoe/frontends/vfs/staging"
)

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

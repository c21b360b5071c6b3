package vfs

import (
	"context"
	"io"
)

// direct reads without the window.
func (r *reader) direct(ctx context.Context, p []byte, off int64) (int, error) {
	w := &sliceWriter{p: p}
	err := r.f.c.Grid.Read(ctx, r.file(), off, int64(len(p)), w)
	if err == nil && w.n < len(p) {
		err = io.ErrUnexpectedEOF
	}
	return w.n, err
}

type sliceWriter struct {
	p []byte
	n int
}

func (w *sliceWriter) Write(p []byte) (int, error) {
	n := copy(w.p[w.n:], p)
	w.n += n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

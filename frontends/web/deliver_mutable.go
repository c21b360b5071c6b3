package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"tahoe/lafs"
	"tahoe/lafs/mutable"
)

// wholeSize is how large a mutable file may be to be read whole before any of it is sent, which saves asking for its size first.
const wholeSize = 256 << 10

// deliverMutable sends a mutable file or a range of it: all of one version.
func (s *Server) deliverMutable(w *recorder, r *http.Request, f *lafs.MutableFile, d download) error {
	t := s.history.retrieve(f.Cap())
	r = r.WithContext(t.watch(r.Context()))
	c, err := readable(r.Context(), f)
	if err == nil {
		t.sized(c.Size())
		err = s.deliver(w, r, c, d)
	}
	t.end(err)
	return err
}

// readable opens the best version of a mutable file.
func readable(ctx context.Context, f *lafs.MutableFile) (contents, error) {
	b, _, err := f.Contents(ctx, wholeSize)
	if err == nil {
		return wholeFile(b), nil
	}
	if !errors.Is(err, lafs.ErrTooLarge) {
		return nil, err
	}
	v, err := f.Stat(ctx)
	return versionFile{f, v}, err
}

// A wholeFile is in memory.
type wholeFile []byte

func (f wholeFile) Size() int64 { return int64(len(f)) }

func (f wholeFile) Read(_ context.Context, off, n int64, w io.Writer) error {
	_, err := w.Write(f[off : off+n])
	return err
}

// A versionFile is one version of a mutable file.
type versionFile struct {
	file    *lafs.MutableFile
	version mutable.Version
}

func (f versionFile) Size() int64 { return f.version.Size }

var errOverwritten = errors.New("the file was changed while it was being read; read it again")

// Read fails when another version has taken the place of this one. That shows only at the end, so the end is held back until
// then: what was sent before is visibly not all.
func (f versionFile) Read(ctx context.Context, off, n int64, w io.Writer) error {
	held := &holdBack{w: w}
	v, err := f.file.Read(ctx, off, n, held)
	switch {
	case err != nil:
		return err
	case v.Seqnum != f.version.Seqnum || v.Root != f.version.Root:
		return errOverwritten
	}
	return held.release()
}

// A holdBack hands on what is written to it, one write late.
type holdBack struct {
	w    io.Writer
	last bytes.Buffer
}

func (h *holdBack) Write(p []byte) (int, error) {
	if err := h.release(); err != nil {
		return 0, err
	}
	return h.last.Write(p)
}

func (h *holdBack) release() error {
	if h.last.Len() == 0 {
		return nil
	}
	_, err := h.w.Write(h.last.Bytes())
	h.last.Reset()
	return err
}

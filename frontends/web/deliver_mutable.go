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
	b, _, err := f.Contents(r.Context(), wholeSize)
	if err == nil {
		return s.deliver(w, r, wholeFile(b), d)
	}
	if !errors.Is(err, lafs.ErrTooLarge) {
		return err
	}
	v, err := f.Stat(r.Context())
	if err != nil {
		return err
	}
	return s.deliver(w, r, versionFile{f, v}, d)
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

package web

import (
	"context"
	"errors"
	"io"
	"net/http"

	"tahoe/frontends/vfs"
	"tahoe/lafs"
)

// pieceSize is how much of a file is moved at once between a client and the account's tree.
const pieceSize = 256 << 10

// An ownFile is a file of an account as it is delivered.
type ownFile struct {
	file *vfs.File
	size int64
}

func (f ownFile) Size() int64 { return f.size }

func (f ownFile) Read(ctx context.Context, off, n int64, w io.Writer) error {
	buf := make([]byte, min(n, pieceSize))
	for n > 0 {
		part := buf[:min(n, pieceSize)]
		got, err := f.file.ReadAt(ctx, part, off)
		if got > 0 {
			if _, err := w.Write(part[:got]); err != nil {
				return err
			}
		}
		off, n = off+int64(got), n-int64(got)
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return io.ErrUnexpectedEOF // somebody has cut it meanwhile
		case err != nil && n > 0:
			return err
		}
	}
	return nil
}

// sendOwn sends a file of an account, or a range of it. Browsers may keep it, and ask each time whether they may show it.
func (s *Server) sendOwn(w *recorder, r *http.Request, v *visit, names []string, a args) error {
	f, err := v.view.Open(r.Context(), homePath(names), vfs.FlagRead)
	if err != nil {
		return err
	}
	defer f.Abandon()
	i, err := f.Stat(r.Context())
	if err != nil {
		return err
	}
	d := download{name: names[len(names)-1]}
	if d.save, err = a.boolean("save"); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	if i.Tag() != "" {
		d.tag = `"` + i.Tag() + `"`
	}
	if notModified(w, r, d.tag) {
		return nil
	}
	return s.deliver(w, r, ownFile{f, i.Size()}, d)
}

// homePut stores the body of a request as a file, or makes directories.
func (s *Server) homePut(w *recorder, r *http.Request, rt route, v *visit) error {
	a := args{query: r.URL.Query()}
	path := homePath(rt.names)
	switch op := a.operation(); op {
	case "mkdir":
		if err := v.view.MkdirAll(r.Context(), path); err != nil {
			return err
		}
		writeText(w, r, "made\n")
		return nil
	case "":
	default:
		return badRequest("PUT to a file: bad t=%s", short(op))
	}
	if r.Header.Get("Content-Range") != "" {
		return badRequest("a part of a file cannot be put")
	}
	if len(rt.names) == 0 || rt.slash {
		return badRequest("PUT to a directory")
	}
	flags, err := a.creation()
	if err != nil {
		return err
	}
	_, err = v.view.Stat(r.Context(), path)
	status := http.StatusOK
	if err != nil {
		status = http.StatusCreated
	}
	src := newBody(w, r, s.c.Stall)
	err = v.store(r.Context(), path, flags, src)
	if err := src.blame(err, s.c.Stall); err != nil {
		return err
	}
	writeBody(w, r, "text/plain", status, []byte("stored\n"))
	return nil
}

// creation is how a file is opened that is stored.
func (a args) creation() (vfs.Flag, error) {
	replace, err := a.replace("replace")
	flags := vfs.FlagWrite | vfs.FlagCreate | vfs.FlagTruncate
	if replace == lafs.ReplaceNever {
		flags |= vfs.FlagExclusive
	}
	return flags, err
}

// store writes a file. Of one that does not come to its end nothing is kept, and what was there before stays.
func (v *visit) store(ctx context.Context, path string, flags vfs.Flag, src io.Reader) error {
	f, err := v.view.Open(ctx, path, flags)
	if err != nil {
		return err
	}
	defer f.Abandon() // after Close nothing
	buf := make([]byte, pieceSize)
	for off := int64(0); ; {
		n, end := io.ReadFull(src, buf)
		if _, err := f.WriteAt(ctx, buf[:n], off); err != nil {
			return err
		}
		off += int64(n)
		switch {
		case errors.Is(end, io.EOF), errors.Is(end, io.ErrUnexpectedEOF):
			if err := endOf(src); err != nil {
				return err
			}
			return f.Close(ctx)
		case end != nil:
			return end
		}
	}
}

// endOf keeps a body that broke off, which io.ReadFull reports as it does the end of one, from being taken for all.
func endOf(src io.Reader) error {
	if b, ok := src.(body); ok {
		return b.Err()
	}
	return nil
}

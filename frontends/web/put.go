package web

import (
	"context"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"sync"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/storage"
)

// servePut answers PUT to a capability and to names below it.
func (s *Server) servePut(w *recorder, r *http.Request, rt route) error {
	a := args{query: r.URL.Query()}
	replace, err := a.replace("replace")
	if err != nil {
		return err
	}
	switch op := a.operation(); op {
	case "":
		return s.putFile(w, r, rt, a, replace)
	case "uri":
		return s.putCap(w, r, rt, replace)
	case "mkdir":
		return s.putDirectory(w, r, rt, a)
	default:
		return badRequest("PUT to a file: bad t=%s", short(op))
	}
}

// putFile stores the body of a request under the last name of its path. A mutable file that is there is written to; anything
// else becomes a new file, which is stored before any directory is touched.
func (s *Server) putFile(w *recorder, r *http.Request, rt route, a args, replace lafs.Replace) error {
	if r.Header.Get("Content-Range") != "" {
		return problem{status: http.StatusNotImplemented, text: "Content-Range in PUT not yet supported"}
	}
	p, err := s.find(r, rt)
	if err != nil {
		return err
	}
	if p.is(lafs.KindDirectory) || rt.slash {
		return badRequest("PUT to a directory")
	}
	src := newBody(w, r, s.c.Stall)
	c, err := s.storeAt(r, p, a, replace, source{Reader: src, size: r.ContentLength})
	if err := src.blame(err, s.c.Stall); err != nil {
		return err
	}
	status := http.StatusCreated
	if p.found {
		status = http.StatusOK
	}
	writeBody(w, r, "text/plain", status, []byte(c.Encode()))
	return nil
}

// A source is what is to be stored: size bytes, or all that come when it is -1.
type source struct {
	io.Reader
	size  int64
	began func(*transfer) // is told of the transfer of an immutable file; may be nil
}

// storeAt puts a file at a place, which is no directory.
func (s *Server) storeAt(r *http.Request, p *place, a args, replace lafs.Replace, src source) (caps.Cap, error) {
	off, hasOffset, err := a.offset()
	if err != nil {
		return nil, err
	}
	if err := refuseAt(p, replace, off, hasOffset); err != nil {
		return nil, err
	}
	if p.overwritten() {
		return s.overwrite(r.Context(), p, off, hasOffset, src)
	}
	return s.storeNew(r, p, a, replace, src)
}

// refuseAt says why a file may not be stored at a place.
func refuseAt(p *place, replace lafs.Replace, off int64, hasOffset bool) error {
	switch {
	case p.is(lafs.KindUnknown):
		return badRequest("what is there is of a kind that this version does not know, so it is not overwritten; unlink it first")
	case p.found && replace == lafs.ReplaceNever:
		return &lafs.ChildExistsError{Name: p.entry.Name}
	case p.overwritten():
		return nil
	case p.found && hasOffset:
		return badRequest("PUT to a file: append operation invoked on an immutable cap")
	case p.bare():
		return badRequest("PUT to a file: an immutable file cannot be replaced; PUT /uri stores a new one")
	case hasOffset && off != 0:
		return badRequest("offset= needs a mutable file, and there is no file of that name yet")
	}
	return nil
}

// overwritten says whether what is there is a mutable file: it gets other contents, and nothing else comes in its place.
func (p *place) overwritten() bool { return p.found && p.entry.Mutable() }

// overwrite writes to the mutable file at a place, from off on or all of it.
func (s *Server) overwrite(ctx context.Context, p *place, off int64, part bool, src source) (caps.Cap, error) {
	n, err := s.store.OpenChild(p.entry.Child)
	if err != nil {
		return nil, err
	}
	f, ok := n.(*lafs.MutableFile)
	switch {
	case !ok:
		return nil, lafs.ErrWrongKind
	case !f.Writeable():
		return nil, badRequest("PUT to a mutable file: replace or update requested with read-only cap")
	case off < 0:
		return nil, badRequest("PUT to a mutable file: Invalid offset")
	}
	t := s.history.publish(f.Cap())
	ctx = t.watch(ctx)
	if part {
		_, err = f.WriteAt(ctx, src, off, src.size)
	} else {
		_, err = f.Overwrite(ctx, src, src.size)
	}
	t.end(err)
	if errors.Is(err, storage.ErrRange) {
		return nil, badRequest("offset=%d is behind the end of the file: a file has no gaps", off)
	}
	return f.Cap(), err
}

// storeNew stores a new file, and then links it.
func (s *Server) storeNew(r *http.Request, p *place, a args, replace lafs.Replace, src source) (caps.Cap, error) {
	if p.dir != nil && !p.dir.Writeable() {
		return nil, lafs.ErrReadOnly
	}
	o, err := a.newFile()
	if err != nil {
		return nil, err
	}
	defer preparing(r.Context(), p.dir)()
	c, err := s.storeFile(r.Context(), o, src)
	if err != nil {
		return nil, err
	}
	return c, s.link(r, p, lafs.NewChild{Name: p.name(), Child: lafs.ChildOf(c)}, replace)
}

// preparing makes a directory ready for a link while what is to be linked is on its way. What is wrong with it will be said when it
// is linked. The caller ends it.
func preparing(ctx context.Context, dir *lafs.Directory) (end func()) {
	if dir == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = dir.Prepare(ctx) })
	return func() { cancel(); running.Wait() }
}

// link puts a child at a place. Directories that are missing are made.
func (s *Server) link(r *http.Request, p *place, child lafs.NewChild, replace lafs.Replace) error {
	dir, err := s.parent(r, p)
	if err != nil {
		return err
	}
	t := s.history.publish(dir.Cap())
	_, err = dir.Set(t.watch(r.Context()), child, replace)
	t.end(err)
	return err
}

func (s *Server) unlink(ctx context.Context, dir *lafs.Directory, name string) (lafs.Entry, error) {
	t := s.history.publish(dir.Cap())
	e, err := dir.Unlink(t.watch(ctx), name)
	t.end(err)
	return e, err
}

// newFile is how a new file is to be made.
type newFile struct {
	format lafs.Format
	key    *rsa.PrivateKey
}

func (a args) newFile() (o newFile, err error) {
	if o.format, err = a.format(); err != nil {
		return o, err
	}
	o.key, err = a.key()
	return o, err
}

// mutable says whether the file is to be mutable.
func (o newFile) mutable() bool { return o.format == lafs.SDMF || o.format == lafs.MDMF }

// storeFile stores a file that no directory knows yet.
func (s *Server) storeFile(ctx context.Context, o newFile, src source) (caps.Cap, error) {
	if !o.mutable() {
		return s.upload(ctx, src)
	}
	t := s.history.publish(nil)
	f, err := s.store.PutMutable(t.watch(ctx), src, src.size, lafs.MutableOptions{Format: o.format, Key: o.key})
	if err != nil {
		t.end(err)
		return nil, err
	}
	t.name(f.Cap())
	t.end(nil)
	return f.Cap(), nil
}

// upload stores an immutable file.
func (s *Server) upload(ctx context.Context, src source) (caps.Cap, error) {
	t := s.history.upload(src.size)
	if src.began != nil {
		src.began(t)
	}
	res, err := s.store.Put(t.watch(ctx), src.Reader, lafs.PutOptions{Size: src.size, Progress: t.uploaded})
	t.stored(res, err)
	return res.Cap, err
}

// putCap links the capability in the body of a request.
func (s *Server) putCap(w *recorder, r *http.Request, rt route, replace lafs.Replace) error {
	p, err := s.find(r, rt)
	if err != nil {
		return err
	}
	if p.bare() {
		return badRequest("PUT t=uri needs a directory and a name: a capability by itself hangs in no directory")
	}
	if p.found && (replace == lafs.ReplaceNever || replace == lafs.ReplaceOnlyFiles && p.is(lafs.KindDirectory)) {
		return &lafs.ChildExistsError{Name: p.entry.Name, Directory: p.is(lafs.KindDirectory)}
	}
	text, err := s.readBody(w, r, maxCap)
	if err != nil {
		return err
	}
	c, err := caps.Parse(string(text))
	if err != nil {
		return err
	}
	if err := s.link(r, p, lafs.NewChild{Name: p.name(), Child: lafs.ChildOf(c)}, replace); err != nil {
		return err
	}
	writeText(w, r, c.Encode())
	return nil
}

// putDirectory makes the directory that a path names, and those on the way there. One that is there is left as it is.
func (s *Server) putDirectory(w *recorder, r *http.Request, rt route, a args) error {
	text, err := capOf(s.mkdirAt(r, rt, a))
	if err != nil {
		return err
	}
	writeText(w, r, text)
	return nil
}

package web

import (
	"errors"
	"net/http"

	"golang.org/x/text/unicode/norm"

	"tahoe/lafs"
)

// mkdirOptions say how a directory that a request asks for is made. There is no format for immutable directories: those are
// made whole, by an operation of their own.
func (a args) mkdirOptions() (o lafs.MkdirOptions, err error) {
	if o.Format, err = a.format(); err != nil {
		return o, err
	}
	if o.Format == lafs.CHK {
		return o, badRequest("format=CHK is not accepted for t=%s: t=mkdir-immutable makes immutable directories", a.operation())
	}
	o.Key, err = a.key()
	return o, err
}

// mkdirAt makes the directory that a path names, and those on the way there. One that is there is left as it is.
func (s *Server) mkdirAt(r *http.Request, rt route, a args) (*lafs.Directory, error) {
	o, err := a.mkdirOptions()
	if err != nil {
		return nil, err
	}
	p, err := s.find(r, rt)
	switch {
	case err != nil:
		return nil, err
	case p.is(lafs.KindDirectory):
		return s.store.OpenDirectory(p.entry.Cap())
	case p.bare():
		return nil, badRequest("t=mkdir needs the capability of a directory")
	case p.found:
		return nil, conflict("Unable to create directory '%s': a file was in the way", short(p.name()))
	}
	return s.makeEmptyAt(r, p, o)
}

// makeAt makes a directory with children and links it at a place.
func (s *Server) makeAt(r *http.Request, p *place, children []lafs.NewChild, o lafs.MkdirOptions, replace lafs.Replace) (*lafs.Directory, error) {
	if p.dir != nil && !p.dir.Writeable() {
		return nil, lafs.ErrReadOnly
	}
	d, err := s.mkdir(r, children, o)
	if err != nil {
		return nil, err
	}
	if err := s.link(r, p, lafs.NewChild{Name: p.name(), Child: d.Child()}, replace); err != nil {
		return nil, err
	}
	return d, nil
}

// makeEmptyAt makes an empty directory at a place where there was none. One that somebody else makes meanwhile is as good.
func (s *Server) makeEmptyAt(r *http.Request, p *place, o lafs.MkdirOptions) (*lafs.Directory, error) {
	d, err := s.makeAt(r, p, nil, o, lafs.ReplaceNever)
	if !errors.Is(err, lafs.ErrChildExists) {
		return d, err
	}
	if d, lookup := s.store.LookupDirectory(r.Context(), p.root, p.names); lookup == nil {
		return d, nil
	}
	return nil, err
}

func (s *Server) mkdir(r *http.Request, children []lafs.NewChild, o lafs.MkdirOptions) (*lafs.Directory, error) {
	t := s.history.publish(nil)
	d, err := s.store.Mkdir(t.watch(r.Context()), children, o)
	if err == nil {
		t.name(d.Cap())
	}
	t.end(err)
	return d, err
}

// postMkdir makes the directory name= in the directory of the path, or the path itself.
func (s *Server) postMkdir(p *post) (string, error) {
	name := norm.NFC.String(p.get("name"))
	if name == "" {
		return capOf(s.mkdirAt(p.r, p.rt, p.args))
	}
	replace, err := p.replace("replace")
	if err != nil {
		return "", err
	}
	o, err := p.mkdirOptions()
	if err != nil {
		return "", err
	}
	at, err := s.find(p.r, p.rt, name)
	switch {
	case err != nil:
		return "", err
	case at.found && replace == lafs.ReplaceNever:
		return "", &lafs.ChildExistsError{Name: name}
	case at.is(lafs.KindDirectory):
		return at.entry.Cap().Encode(), nil
	case !at.found && replace != lafs.ReplaceNever:
		return capOf(s.makeEmptyAt(p.r, at, o))
	}
	return capOf(s.makeAt(p.r, at, nil, o, replace))
}

// newPlace is where a directory with children goes, of which nothing may be there yet.
func (s *Server) newPlace(p *post) (*place, error) {
	var more []string
	if name := norm.NFC.String(p.get("name")); name != "" {
		more = []string{name}
	}
	at, err := s.find(p.r, p.rt, more...)
	switch {
	case err != nil:
		return nil, err
	case at.bare():
		return nil, badRequest("t=%s needs a name for the new directory", p.operation())
	case at.found:
		return nil, &lafs.ChildExistsError{Name: at.name(), Directory: at.is(lafs.KindDirectory)}
	case at.dir != nil && !at.dir.Writeable():
		return nil, lafs.ErrReadOnly
	}
	return at, nil
}

func (s *Server) postMkdirWithChildren(p *post) (string, error) {
	o, err := p.mkdirOptions()
	if err != nil {
		return "", err
	}
	children, err := s.readChildren(p)
	if err != nil {
		return "", err
	}
	at, err := s.newPlace(p)
	if err != nil {
		return "", err
	}
	return capOf(s.makeAt(p.r, at, children, o, lafs.ReplaceNever))
}

func (s *Server) postMkdirImmutable(p *post) (string, error) {
	children, err := s.readChildren(p)
	if err != nil {
		return "", err
	}
	at, err := s.newPlace(p)
	if err != nil {
		return "", err
	}
	d, err := s.store.MkdirImmutable(p.r.Context(), children)
	if err != nil {
		return "", err
	}
	if err := s.link(p.r, at, lafs.NewChild{Name: at.name(), Child: d.Child()}, lafs.ReplaceNever); err != nil {
		return "", err
	}
	return d.Cap().Encode(), nil
}

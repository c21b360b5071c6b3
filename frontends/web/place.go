package web

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"tahoe/caps"
	"tahoe/lafs"
)

// A place is where the path of a request leads: something that is there, or a name under which something can be put.
type place struct {
	root  caps.Cap
	names []string        // from the root on
	dir   *lafs.Directory // that has the last of names; nil when there are none, or when a directory before it is missing
	entry lafs.Entry      // what is there
	found bool
}

// bare says whether a capability alone led here.
func (p *place) bare() bool { return len(p.names) == 0 }

// name is the last name of the path.
func (p *place) name() string { return p.names[len(p.names)-1] }

func (p *place) is(k lafs.Kind) bool { return p.found && p.entry.Kind() == k }

// metadata are those of the entry that led here, and nil when a capability did.
func (p *place) metadata() []byte {
	if p.bare() {
		return nil
	}
	return p.entry.Metadata.Raw()
}

// find follows the path of a request. That nothing is there is no error.
func (s *Server) find(r *http.Request, rt route, more ...string) (*place, error) {
	root, err := caps.Parse(rt.cap)
	if err != nil {
		return nil, explainUpload(err, r, rt)
	}
	if _, ok := root.(caps.Verify); ok {
		return nil, badRequest("this is a verify capability: it may check a file but not read it")
	}
	p := &place{root: root, names: slices.Concat(rt.names, more)}
	if p.bare() {
		p.entry, p.found = lafs.Entry{Child: lafs.ChildOf(root)}, true
		return p, nil
	}
	err = s.findChild(r.Context(), p)
	if e, ok := errors.AsType[*lafs.NotDirectoryError](err); ok {
		return nil, notBelow(r.Method, e, p)
	}
	return p, err
}

// findChild finds the directory and the entry of the last name.
func (s *Server) findChild(ctx context.Context, p *place) error {
	e := lafs.Entry{Child: lafs.ChildOf(p.root)}
	for i, name := range p.names {
		if k := e.Kind(); k != lafs.KindDirectory {
			return &lafs.NotDirectoryError{Name: e.Name, Kind: k}
		}
		dir, err := s.store.OpenDirectory(e.Cap())
		if err != nil {
			return err
		}
		if i == len(p.names)-1 {
			p.dir = dir
		}
		l, err := s.readings.list(ctx, dir)
		if err != nil {
			return err
		}
		e, err = l.Get(name)
		if errors.Is(err, lafs.ErrNoChild) {
			p.entry.Name = missingName(err)
			return nil
		}
		if err != nil {
			return err
		}
	}
	p.entry, p.found = e, true
	return nil
}

func missingName(err error) string {
	if e, ok := errors.AsType[*lafs.NoChildError](err); ok {
		return e.Name
	}
	return ""
}

// need follows the path of a request to something that is there.
func (s *Server) need(r *http.Request, rt route) (*place, error) {
	p, err := s.find(r, rt)
	if err == nil && !p.found {
		return nil, &lafs.NoChildError{Name: p.entry.Name}
	}
	return p, err
}

// parent makes the directories of the path that are missing, and returns the one that has the last name.
func (s *Server) parent(r *http.Request, p *place) (*lafs.Directory, error) {
	if p.dir != nil {
		return p.dir, nil
	}
	d, err := s.store.MakePath(r.Context(), p.root, p.names[:len(p.names)-1], lafs.MkdirOptions{})
	if e, ok := errors.AsType[*lafs.NotDirectoryError](err); ok {
		return nil, notBelow(r.Method, e, p)
	}
	return d, err
}

// notBelow refuses a path that goes on below what is no directory.
func notBelow(method string, e *lafs.NotDirectoryError, p *place) error {
	below := p.names[min(slices.Index(p.names, e.Name)+1, len(p.names)-1)]
	switch changes := method == http.MethodPut || method == http.MethodPost; {
	case changes && e.Name == "":
		return conflict("Cannot create directory '%s', because its parent is a file, not a directory", short(below))
	case changes:
		return conflict("Unable to create directory '%s': a file was in the way", short(e.Name))
	case e.Kind == lafs.KindUnknown:
		return badRequest("what is above '%s' is of a kind that this version does not know", short(below))
	}
	return badRequest("Files have no children named '%s'", short(below))
}

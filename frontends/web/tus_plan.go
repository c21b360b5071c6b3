package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/text/unicode/norm"

	"tahoe/caps"
	"tahoe/frontends/web/uploads"
	"tahoe/lafs"
)

// An uploadPlan is what becomes of an upload: what a PUT of the file to the address "to" would do.
type uploadPlan struct {
	route   route
	args    args
	replace lafs.Replace
}

// planOf reads a plan from metadata. Without "to" the file is stored and linked nowhere.
func planOf(metadata string) (p uploadPlan, err error) {
	all, err := metadataOf(metadata)
	if err != nil {
		return p, err
	}
	path, query, _ := strings.Cut(cmp.Or(all[metadataTo], "/uri"), "?")
	if p.args.query, err = url.ParseQuery(query); err != nil {
		return p, badRequest("Upload-Metadata: the query of to cannot be read")
	}
	p.route = parseRoute(path)
	switch p.route.kind {
	case kindCollection, kindCap, kindHome:
	default:
		return p, badRequest("Upload-Metadata: to must be an address to which the file could be PUT, such as /uri/CAP/NAME")
	}
	if p.route.err != nil {
		return p, p.route.err
	}
	if op := p.args.operation(); op != "" {
		return p, badRequest("Upload-Metadata: to may not have t=%s", short(op))
	}
	if p.replace, err = p.args.replace("replace"); err != nil {
		return p, err
	}
	if p.route.slash || p.route.kind == kindHome && len(p.route.names) == 0 {
		return p, p.route.name(cmp.Or(all["filename"], all["name"]))
	}
	return p, nil
}

// name adds the last name to a path that ends in a slash.
func (rt *route) name(name string) error {
	name = norm.NFC.String(strings.TrimSpace(name))
	if name == "" || strings.Contains(name, "/") || rt.kind == kindHome && notNameAtHome(name) {
		return badRequest("Upload-Metadata: to ends in a slash, so filename must be the name of the file there")
	}
	rt.names, rt.slash = append(rt.names, name), false
	return nil
}

// putRequest stands for the PUT that an upload takes the place of.
func putRequest(ctx context.Context) *http.Request {
	return (&http.Request{Method: http.MethodPut, Header: http.Header{}}).WithContext(ctx)
}

// placeFor finds where an upload goes.
func (s *Server) placeFor(ctx context.Context, p uploadPlan) (*place, error) {
	return s.find(putRequest(ctx), p.route)
}

// mayStoreAt says why an upload may not go to a place.
func (p uploadPlan) mayStoreAt(at *place) error {
	off, hasOffset, err := p.args.offset()
	switch {
	case err != nil:
		return err
	case at.is(lafs.KindDirectory):
		return badRequest("PUT to a directory")
	case at.dir != nil && !at.dir.Writeable() && !at.overwritten():
		return lafs.ErrReadOnly
	}
	return refuseAt(at, p.replace, off, hasOffset)
}

// carryOut stores an upload and links it. It may be broken off anywhere and be done again: what has been stored is not stored
// twice, and what has been linked is there.
func (s *Server) carryOut(ctx context.Context, u *uploads.Upload, began func(*transfer)) error {
	st := u.Status()
	p, err := planOf(st.Metadata)
	if err != nil {
		return err
	}
	src := source{Reader: u.Contents(), size: st.Size, began: began}
	if p.route.kind == kindCollection {
		_, err := s.storeOnce(ctx, u, p, src)
		return err
	}
	at, err := s.placeFor(ctx, p)
	if err != nil {
		return err
	}
	if at.found && st.Cap != "" && at.entry.Cap().Encode() == st.Cap {
		return nil // it was linked before the node stopped
	}
	if err := p.mayStoreAt(at); err != nil {
		return err
	}
	if at.overwritten() {
		c, err := s.storeAt(putRequest(ctx), at, p.args, p.replace, src)
		if err != nil {
			return err
		}
		return u.SetCap(c.Encode())
	}
	c, err := s.storeOnce(ctx, u, p, src)
	if err != nil {
		return err
	}
	return s.link(putRequest(ctx), at, lafs.NewChild{Name: at.name(), Child: lafs.ChildOf(c)}, p.replace)
}

// storeOnce stores the file of an upload, unless that has been done.
func (s *Server) storeOnce(ctx context.Context, u *uploads.Upload, p uploadPlan, src source) (caps.Cap, error) {
	if text := u.Status().Cap; text != "" {
		return caps.Parse(text)
	}
	o, err := p.args.newFile()
	if err != nil {
		return nil, err
	}
	c, err := s.storeFile(ctx, o, src)
	if err != nil {
		return nil, err
	}
	return c, u.SetCap(c.Encode())
}

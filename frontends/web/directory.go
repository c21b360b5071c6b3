package web

import (
	"context"
	"net/http"

	"tahoe/lafs"
)

// serveDirectory answers GET and HEAD of a directory.
func (s *Server) serveDirectory(w *recorder, r *http.Request, rt route, d *lafs.Directory, p *place) error {
	a := args{query: r.URL.Query()}
	op := a.operation()
	switch op {
	case "", "json", "uri", "readonly-uri":
		if notModified(w, r, etagOf(d.Cap(), op)) {
			return nil
		}
	}
	switch op {
	case "":
		return s.serveListingPage(w, r, rt, d)
	case "json":
		l, err := s.list(r.Context(), d)
		if err != nil {
			p := problemOf(err)
			p.json = true // that is what was asked for
			return p
		}
		return s.writeListing(w, r, l)
	case "uri", "readonly-uri":
		return writeCap(w, r, d.Cap(), op)
	case "info":
		return s.serveInfo(w, r, rt, d, p)
	case "qr":
		return serveQR(w, r, d.Cap(), "")
	case "rename-form":
		return s.serveRenameForm(w, r, d, a.get("name"))
	}
	return badRequest("GET directory: bad t=%s", short(op))
}

// serveDelete takes an entry out of its directory. The answer is the capability that it had.
func (s *Server) serveDelete(w *recorder, r *http.Request, rt route) error {
	p, err := s.need(r, rt)
	if err != nil {
		return err
	}
	if p.bare() {
		return badRequest("DELETE needs a directory and a name: a capability by itself hangs in no directory")
	}
	e, err := s.unlink(r.Context(), p.dir, p.name())
	if err != nil {
		return err
	}
	writeText(w, r, strongest(e.Child))
	return nil
}

// strongest is the text of the capability that allows most, and empty when a child has none.
func strongest(c lafs.Child) string {
	if k := c.Cap(); k != nil {
		return k.Encode()
	}
	return ""
}

// list reads a directory.
func (s *Server) list(ctx context.Context, d *lafs.Directory) (*lafs.Listing, error) {
	t := s.history.retrieve(d.Cap())
	l, err := s.readings.list(t.watch(ctx), d)
	if err == nil {
		t.sized(l.Size())
	}
	t.end(err)
	return l, err
}

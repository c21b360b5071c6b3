package web

import (
	"net/http"
	"net/url"
	"strings"

	"tahoe/caps"
	"tahoe/lafs"
)

const collectionUse = "/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir"

// serveCollection answers requests to /uri, where new files and directories come from that no directory knows yet.
func (s *Server) serveCollection(w *recorder, r *http.Request) error {
	switch r.Method {
	case http.MethodPut:
		return s.putCollection(w, r)
	case http.MethodPost:
		return s.postCollection(w, r)
	}
	if err := allow(r, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost); err != nil {
		return err
	}
	return redirectToCap(w, r)
}

// redirectToCap is for forms into which a capability is pasted.
func redirectToCap(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	text := strings.TrimSpace(q.Get("uri"))
	if text == "" {
		return badRequest("GET /uri requires uri=")
	}
	c, err := caps.Parse(text)
	if err != nil {
		return err
	}
	if _, unknown := c.(caps.Unknown); unknown {
		return badRequest("Invalid capability: it is of a kind that this version does not know")
	}
	q.Del("uri")
	target := "/uri/" + escapeCap(c.Encode())
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	return redirect(w, r, target)
}

// escapeCap writes a capability as one element of a path.
func escapeCap(text string) string { return url.QueryEscape(text) }

func redirect(w http.ResponseWriter, r *http.Request, target string) error {
	w.Header().Set("Location", target)
	writeBody(w, r, "text/plain;charset=utf-8", http.StatusFound, nil)
	return nil
}

// putCollection stores the body of PUT /uri as a new file, or makes a directory. A body goes on to the store as it comes.
func (s *Server) putCollection(w *recorder, r *http.Request) error {
	a := args{query: r.URL.Query()}
	switch op := a.operation(); {
	case op == "mkdir":
		o, err := a.mkdirOptions()
		if err != nil {
			return err
		}
		text, err := capOf(s.mkdir(r, nil, o))
		if err != nil {
			return err
		}
		writeText(w, r, text)
		return nil
	case op != "":
		return badRequest(collectionUse)
	case r.Header.Get("Content-Range") != "":
		return problem{status: http.StatusNotImplemented, text: "Content-Range in PUT not yet supported"}
	}
	o, err := a.newFile()
	if err != nil {
		return err
	}
	src := newBody(w, r, s.c.Stall)
	c, err := s.storeFile(r.Context(), o, source{Reader: src, size: r.ContentLength})
	if err := src.blame(err, s.c.Stall); err != nil {
		return err
	}
	writeText(w, r, c.Encode())
	return nil
}

// postCollection answers POST /uri.
func (s *Server) postCollection(w *recorder, r *http.Request) error {
	f, err := s.readForm(w, r)
	if err != nil {
		return err
	}
	defer f.close()
	p := &post{w: w, r: r, args: f.args(r), form: f}
	switch p.operation() {
	case "", "upload":
		return s.postFile(p)
	case "mkdir", "mkdir-with-children", "mkdir-immutable":
		return s.postCollectionMkdir(p)
	}
	return badRequest(collectionUse)
}

// postFile stores the file of a form. People are shown a page; a mutable file is answered with its capability.
func (s *Server) postFile(p *post) error {
	if p.form.file == nil {
		return badRequest("POST /uri?t=upload needs a body of type multipart/form-data with a field named file")
	}
	target, err := s.whenDone(p.r, p.args)
	if err != nil {
		return err
	}
	o, err := p.newFile()
	if err != nil {
		return err
	}
	c, err := s.storeFile(p.r.Context(), o, p.form.source())
	switch {
	case err != nil:
		return err
	case target != "":
		return redirect(p.w, p.r, doneTarget(target, c.Encode()))
	case o.mutable():
		writeText(p.w, p.r, c.Encode())
		return nil
	}
	return s.servePage(p.w, p.r, "uploaded.html", uploadedPage(c, p.form.fileName, p.form.file.Size()))
}

// postCollectionMkdir makes a directory.
func (s *Server) postCollectionMkdir(p *post) error {
	if p.operation() == "mkdir" && p.form.plain {
		return badRequest("t=mkdir does not accept children=, try t=mkdir-with-children instead")
	}
	follow, err := p.boolean("redirect_to_result")
	if err != nil {
		return err
	}
	target, err := s.whenDone(p.r, p.args)
	if err != nil {
		return err
	}
	text, err := s.newDirectory(p)
	switch {
	case err != nil:
		return err
	case follow:
		p.w.Header().Set("Location", "uri/"+escapeCap(text))
		writeBody(p.w, p.r, "text/plain;charset=utf-8", http.StatusSeeOther, nil)
		return nil
	case target != "":
		return redirect(p.w, p.r, doneTarget(target, text))
	}
	writeText(p.w, p.r, text)
	return nil
}

// newDirectory makes a directory that no other one knows, and returns its capability.
func (s *Server) newDirectory(p *post) (string, error) {
	var children []lafs.NewChild
	var err error
	if p.operation() != "mkdir" {
		if children, err = s.readChildren(p); err != nil {
			return "", err
		}
	}
	if p.operation() == "mkdir-immutable" {
		return capOf(s.store.MkdirImmutable(p.r.Context(), children))
	}
	o, err := p.mkdirOptions()
	if err != nil {
		return "", err
	}
	return capOf(s.mkdir(p.r, children, o))
}

// capOf is the text of a directory's capability.
func capOf(d *lafs.Directory, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return d.Cap().Encode(), nil
}

// whenDone is where a form wants its user to go, or empty. Only our own pages are allowed, unless the node is configured
// to be as trusting as the original.
func (s *Server) whenDone(r *http.Request, a args) (string, error) {
	target := a.get("when_done")
	if target == "" || s.c.ForeignWhenDone {
		return target, nil
	}
	u, err := url.Parse(strings.ReplaceAll(target, uriMark, "cap"))
	switch {
	case err != nil, strings.ContainsAny(target, "\\\t\r\n"):
	case u.Scheme == "" && u.Host == "" && !strings.HasPrefix(target, "//"):
		return target, nil
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host == r.Host:
		return target, nil
	}
	return "", badRequest("when_done= may lead only to pages of this node")
}

// uriMark stands in when_done= for the new capability.
const uriMark = "%(uri)s"

// doneTarget puts the new capability into the address that a form asked for.
func doneTarget(target, text string) string {
	return strings.ReplaceAll(target, uriMark, escapeCap(text))
}

package web

import (
	"net/http"
	"net/url"
	"strings"

	"tahoe/caps"
)

const collectionUse = "/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir"

// serveCollection answers requests to /uri.
func (s *Server) serveCollection(w *recorder, r *http.Request) error {
	switch r.Method {
	case http.MethodPut:
		return s.putFile(w, r)
	case http.MethodPost:
		return s.postFile(w, r)
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
	target := "/uri/" + url.QueryEscape(c.Encode())
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	return redirect(w, r, target)
}

func redirect(w http.ResponseWriter, r *http.Request, target string) error {
	w.Header().Set("Location", target)
	writeBody(w, r, "text/plain;charset=utf-8", http.StatusFound, nil)
	return nil
}

// putFile stores the body of PUT /uri as a new file. The body goes on to the store as it comes.
func (s *Server) putFile(w *recorder, r *http.Request) error {
	a := args{query: r.URL.Query()}
	switch op := a.operation(); {
	case op == "mkdir":
		return notYet("directories are")
	case op != "":
		return badRequest(collectionUse)
	case r.Header.Get("Content-Range") != "":
		return problem{status: http.StatusNotImplemented, text: "Content-Range in PUT not yet supported"}
	}
	if err := a.immutable(); err != nil {
		return err
	}
	src := newBody(w, r, s.c.Stall)
	c, err := s.store.Put(r.Context(), src, r.ContentLength)
	if err := src.blame(err, s.c.Stall); err != nil {
		return err
	}
	writeText(w, r, c.Encode())
	return nil
}

// whenDone is where a form wants its user to go, or empty. Only our own pages are allowed, unless the node is configured
// to be as trusting as the original.
func (s *Server) whenDone(r *http.Request, a args) (string, error) {
	target := a.get("when_done")
	if target == "" || s.c.ForeignWhenDone {
		return target, nil
	}
	u, err := url.Parse(target)
	switch {
	case err != nil, strings.ContainsAny(target, "\\\t\r\n"):
	case u.Scheme == "" && u.Host == "" && !strings.HasPrefix(target, "//"):
		return target, nil
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host == r.Host:
		return target, nil
	}
	return "", badRequest("when_done= may lead only to pages of this node")
}

// doneTarget puts the new capability into the address that a form asked for.
func doneTarget(target string, c caps.Read) string {
	return strings.ReplaceAll(target, "%(uri)s", url.QueryEscape(c.Encode()))
}

package web

import (
	"errors"
	"net/http"
	"strings"

	"tahoe/caps"
	"tahoe/frontends/web/wapi"
)

// serveCap answers requests to /uri/CAP.
func (s *Server) serveCap(w *recorder, r *http.Request, rt route) error {
	c, f, err := s.open(rt.cap)
	if err != nil {
		return explainUpload(err, r, rt)
	}
	if len(rt.names) > 0 {
		return noChild(r, rt.names[0])
	}
	switch r.Method {
	case http.MethodPut:
		return putOnFile(r)
	case http.MethodPost:
		return postOnFile(r)
	case http.MethodDelete:
		return badRequest("DELETE needs a directory and a name: a file capability by itself hangs in no directory")
	}
	if err := allow(r, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete); err != nil {
		return err
	}
	return s.serveFile(w, r, c, f, "")
}

// serveNamed answers requests to /file/CAP/anything/NAME.
func (s *Server) serveNamed(w *recorder, r *http.Request, rt route) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	c, f, err := s.open(rt.cap)
	if err != nil {
		return err
	}
	return s.serveFile(w, r, c, f, rt.fileName())
}

// open reads a capability and finds the file that it names.
func (s *Server) open(text string) (caps.Read, File, error) {
	c, err := caps.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	switch c := c.(type) {
	case caps.CHK:
		f, err := s.store.Open(c)
		return c, f, err
	case caps.Literal:
		f, err := s.store.Open(c)
		return c, f, err
	case caps.Unknown:
		return nil, nil, badRequest("Invalid capability: it is of a kind that this version does not know")
	case caps.Read:
		return nil, nil, notYet("directories and mutable files are")
	}
	return nil, nil, badRequest("this is a verify capability: it may check a file but not read it")
}

// serveFile answers GET and HEAD of a file.
func (s *Server) serveFile(w *recorder, r *http.Request, c caps.Read, f File, name string) error {
	a := args{query: r.URL.Query()}
	op := a.operation()
	if r.Method == http.MethodHead && op != "" {
		return badRequest("HEAD file: bad t=%s", short(op))
	}
	switch op {
	case "", "json", "uri", "readonly-uri":
	case "info":
		return notYet("pages about a file (t=info) are")
	default:
		return badRequest("GET file: bad t=%s", short(op))
	}
	tag := etagOf(c, op)
	if notModified(w, r, tag) {
		return nil
	}
	switch op {
	case "json":
		return s.writeJSON(w, r, "text/plain", describe(c, f))
	case "uri", "readonly-uri":
		writeText(w, r, c.Encode())
		return nil
	}
	if given := a.get("filename"); given != "" {
		name = given
	}
	save, err := a.boolean("save")
	if err != nil {
		return err
	}
	return s.deliver(w, r, f, download{name: name, save: save, tag: tag})
}

func describe(c caps.Read, f File) wapi.FileNode {
	n := wapi.FileNode{Format: "CHK", Size: f.Size(), ReadURI: c.Encode()}
	if v, ok := c.Verify(); ok {
		n.VerifyURI = v.Encode()
	}
	return n
}

// noChild refuses a path that goes on below a file.
func noChild(r *http.Request, name string) error {
	if r.Method == http.MethodPut || r.Method == http.MethodPost {
		return problem{
			status: http.StatusConflict,
			text:   "Cannot create directory '" + short(name) + "', because its parent is a file, not a directory",
		}
	}
	return badRequest("Files have no children named '%s'", short(name))
}

func putOnFile(r *http.Request) error {
	q := r.URL.Query()
	switch op := strings.TrimSpace(q.Get("t")); {
	case r.Header.Get("Content-Range") != "":
		return problem{status: http.StatusNotImplemented, text: "Content-Range in PUT not yet supported"}
	case op != "" && op != "uri":
		return badRequest("PUT to a file: bad t=%s", short(op))
	case q.Has("offset"):
		return badRequest("PUT to a file: append operation invoked on an immutable cap")
	}
	return badRequest("PUT to a file: an immutable file cannot be replaced; PUT /uri stores a new one")
}

func postOnFile(r *http.Request) error {
	switch op := strings.TrimSpace(r.URL.Query().Get("t")); op {
	case "check":
		return notYet("checking files is")
	case "upload":
		return badRequest("POST to file: an immutable file cannot be replaced; POST /uri?t=upload stores a new one")
	default:
		return badRequest("POST to file: bad t=%s", short(op))
	}
}

// explainUpload says what somebody meant who ran `curl -T FILE http://NODE/uri/`: curl puts the name of the file behind
// the slash.
func explainUpload(err error, r *http.Request, rt route) error {
	if r.Method == http.MethodPut && errors.Is(err, caps.ErrMalformed) && !strings.Contains(rt.cap, ":") {
		return badRequest("Invalid capability in the path of this PUT: to store a new file, PUT to /uri without anything behind it")
	}
	return err
}

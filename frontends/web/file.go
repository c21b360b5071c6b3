package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tahoe/caps"
	"tahoe/lafs"
)

// serveCap answers requests to /uri/CAP and to names below it.
func (s *Server) serveCap(w *recorder, r *http.Request, rt route) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return s.serveGet(w, r, rt)
	case http.MethodPut:
		return s.servePut(w, r, rt)
	case http.MethodPost:
		return s.servePost(w, r, rt)
	case http.MethodDelete:
		return s.serveDelete(w, r, rt)
	}
	return allow(r, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete)
}

// serveGet answers GET and HEAD of whatever is there.
func (s *Server) serveGet(w *recorder, r *http.Request, rt route) error {
	p, err := s.need(r, rt)
	if err != nil {
		return err
	}
	n, err := s.store.OpenChild(p.entry.Child)
	if err != nil {
		return err
	}
	if d, ok := n.(*lafs.Directory); ok {
		return s.serveDirectory(w, r, rt, d, p)
	}
	if rt.slash {
		return badRequest("Files have no children named ''")
	}
	if u, ok := n.(*lafs.UnknownNode); ok {
		return s.serveUnknown(w, r, rt, p, u)
	}
	return s.serveFile(w, r, rt, n, p)
}

// serveNamed answers requests to /file/CAP/anything/NAME.
func (s *Server) serveNamed(w *recorder, r *http.Request, rt route) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	c, err := caps.Parse(rt.cap)
	if err != nil {
		return err
	}
	if caps.IsDirectory(c) || lafs.ChildOf(c).Kind() == lafs.KindUnknown {
		return badRequest("/file needs the capability of a file")
	}
	p := &place{root: c, entry: lafs.Entry{Name: rt.fileName(), Child: lafs.ChildOf(c)}, found: true}
	n, err := s.store.OpenChild(p.entry.Child)
	if err != nil {
		return err
	}
	return s.serveFile(w, r, rt, n, p)
}

// serveFile answers GET and HEAD of a file.
func (s *Server) serveFile(w *recorder, r *http.Request, rt route, n lafs.Node, p *place) error {
	a := args{query: r.URL.Query()}
	op := a.operation()
	if r.Method == http.MethodHead && op != "" {
		return badRequest("HEAD file: bad t=%s", short(op))
	}
	switch op {
	case "", "json", "uri", "readonly-uri":
	case "info":
		return s.serveInfo(w, r, rt, n, p)
	case "qr":
		return serveQR(w, r, n.Cap(), p.entry.Name)
	default:
		return badRequest("GET file: bad t=%s", short(op))
	}
	tag := etagOf(n.Cap(), op)
	if notModified(w, r, tag) {
		return nil
	}
	switch op {
	case "json":
		s.describeFile(w, r, n, p)
		return nil
	case "uri", "readonly-uri":
		return writeCap(w, r, n.Cap(), op)
	}
	return s.download(w, r, n, a, download{name: p.entry.Name, tag: tag})
}

// download sends the bytes of a file.
func (s *Server) download(w *recorder, r *http.Request, n lafs.Node, a args, d download) (err error) {
	if given := a.get("filename"); given != "" {
		d.name = given
	}
	if d.save, err = a.boolean("save"); err != nil {
		return err
	}
	if f, ok := n.(*lafs.MutableFile); ok {
		return s.deliverMutable(w, r, f, d)
	}
	f, ok := n.(lafs.File)
	if !ok {
		return lafs.ErrWrongKind
	}
	t := s.history.download(f.Cap(), f.Size())
	err = s.deliver(w, r.WithContext(t.watch(r.Context())), countedFile{f, t}, d)
	t.end(err)
	return err
}

// A countedFile notes what is read of it.
type countedFile struct {
	contents
	t *transfer
}

func (f countedFile) Read(ctx context.Context, off, n int64, w io.Writer) error {
	end := f.t.line.read(off, n)
	out := &countedWriter{w: w, t: f.t}
	err := f.contents.Read(ctx, off, n, out)
	end(out.bytes, out.paused)
	return err
}

type countedWriter struct {
	w      io.Writer
	t      *transfer
	bytes  int64
	paused time.Duration // that the client took to take them
}

func (c *countedWriter) Write(p []byte) (int, error) {
	begun := c.t.h.clock.Now()
	n, err := c.w.Write(p)
	c.bytes += int64(n)
	c.paused += c.t.h.clock.Now().Sub(begun)
	c.t.delivered(n)
	return n, err
}

// describeFile answers t=json. Of a mutable file only the grid knows the size; when it does not, the size is left out.
func (s *Server) describeFile(w *recorder, r *http.Request, n lafs.Node, p *place) {
	f := factsOf(lafs.ChildOf(n.Cap()))
	if m, ok := n.(*lafs.MutableFile); ok {
		if v, err := m.Stat(r.Context()); err == nil {
			f.size = &v.Size
		}
	}
	f.metadata = p.metadata()
	writeFacts(w, r, f)
}

// writeCap answers t=uri and t=readonly-uri.
func writeCap(w *recorder, r *http.Request, c caps.Cap, op string) error {
	if op == "readonly-uri" {
		if ro, ok := caps.ReadOnly(c); ok {
			c = ro
		}
	}
	writeText(w, r, c.Encode())
	return nil
}

// serveUnknown answers GET and HEAD of something that only a later version understands.
func (s *Server) serveUnknown(w *recorder, r *http.Request, rt route, p *place, n *lafs.UnknownNode) error {
	c := n.Child()
	switch op := (args{query: r.URL.Query()}).operation(); op {
	case "json":
		f := factsOf(c)
		if isBare(c, p.dir) {
			f.write = ""
		} else {
			f.unknownMutability(c, p.dir)
		}
		f.metadata = p.metadata()
		writeFacts(w, r, f)
		return nil
	case "info":
		return s.serveInfo(w, r, rt, n, p)
	default:
		return badRequest("GET unknown URI type: can only do t=info and t=json, not t=%s. A later version may know more of it", short(op))
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

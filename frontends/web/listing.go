package web

import (
	"net/http"
	"strconv"

	"tahoe/frontends/serve"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
)

// flushSize is how much of a long answer is made before it goes out.
const flushSize = 64 << 10

// writeListing answers t=json about a directory. The entries are decoded and written one after the other, so that the answer
// takes no memory of its own. A short one has its length in the header.
func (s *Server) writeListing(w *recorder, r *http.Request, l *lafs.Listing) error {
	out := serve.NewWriter(w, s.c.Stall)
	defer out.Stop()
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	flush := func(p *printer) error {
		if r.Method == http.MethodHead {
			p.b = p.b[:0]
			return nil
		}
		_, err := out.Write(p.b)
		p.b = p.b[:0]
		return err
	}
	p := &printer{b: make([]byte, 0, flushSize+4<<10)}
	if err := p.listing(l, flush); err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
	} else if w.status == 0 {
		h.Set("Content-Length", strconv.Itoa(len(p.b)))
	}
	return flush(p)
}

// listing writes a directory, and hands on what it has whenever that is much.
func (p *printer) listing(l *lafs.Listing, flush func(*printer) error) error {
	p.open('[')
	p.next()
	p.text(string(wapi.KindDirectory))
	p.next()
	p.open('{')
	p.key("children")
	p.open('{')
	for e := range l.All() {
		p.key(e.Name)
		f := factsOf(e.Child)
		f.metadata = e.Metadata.Raw()
		p.describe(f, true)
		if len(p.b) >= flushSize {
			if err := flush(p); err != nil {
				return err
			}
		}
	}
	p.close('}')
	d := l.Directory()
	f := factsOf(d.Child())
	p.textMember("ro_uri", f.read)
	p.textMember("rw_uri", f.write)
	p.textMember("verify_uri", f.verify)
	p.key("mutable")
	p.boolean(d.Mutable())
	p.textMember("format", f.format)
	p.close('}')
	p.close(']')
	p.word("\n")
	return nil
}

package web

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"tahoe/frontends/serve"
)

// A longPage is a page with a list in its middle that may be long.
type longPage struct {
	top, bottom string // templates
	data        any
	list        func(*pageStream) error
}

// streamPage sends a page while it is being made. A short one has its length in the header, and a failure still becomes a status.
func (s *Server) streamPage(w *recorder, r *http.Request, page longPage) error {
	out := serve.NewWriter(w, s.c.Stall)
	defer out.Stop()
	setPageHeaders(w.Header(), page.data)
	w.Header().Set("Content-Type", htmlType)
	p := &pageStream{out: out, buf: make([]byte, 0, flushSize+4<<10), mute: r.Method == http.MethodHead}
	if err := s.pages.templates.ExecuteTemplate(p, page.top, page.data); err != nil {
		return fmt.Errorf("fill in page: %w", err)
	}
	if err := page.list(p); err != nil {
		return err
	}
	if err := s.pages.templates.ExecuteTemplate(p, page.bottom, page.data); err != nil {
		return fmt.Errorf("fill in page: %w", err)
	}
	switch {
	case p.mute:
		w.WriteHeader(http.StatusOK)
	case w.status == 0:
		w.Header().Set("Content-Length", strconv.Itoa(len(p.buf)))
	}
	return p.flush()
}

// A pageStream collects the small pieces that a template writes.
type pageStream struct {
	out  io.Writer
	buf  []byte
	mute bool // nothing is sent
}

func (p *pageStream) Write(b []byte) (int, error) {
	p.buf = append(p.buf, b...)
	return len(b), p.spill()
}

// spill sends what has come together, when that is much.
func (p *pageStream) spill() error {
	if len(p.buf) < flushSize {
		return nil
	}
	return p.flush()
}

func (p *pageStream) flush() error {
	if p.mute {
		p.buf = p.buf[:0]
		return nil
	}
	_, err := p.out.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

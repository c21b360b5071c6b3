package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// startOperation begins a slow operation, and sends the client to where it can ask how it is.
func (s *Server) startOperation(p *post, kind string) error {
	return s.operate(p, kind, func(op *operation) func(context.Context) error {
		return func(ctx context.Context) error { return s.store.Walk(ctx, op.root.Cap(), op.visit) }
	})
}

// operate begins what work makes of a new operation on the directory of a request.
func (s *Server) operate(p *post, kind string, work func(*operation) func(context.Context) error) error {
	handle := p.get("ophandle")
	if handle == "" {
		return badRequest("slow operation requires ophandle=")
	}
	retain, err := p.seconds("retain-for")
	if err != nil {
		return err
	}
	d, err := s.directory(p)
	if err != nil {
		return err
	}
	op := newOperation(kind, d.Cap())
	if err := s.operations.start(handle, op, retain, work(op)); err != nil {
		return err
	}
	target := "/operations/" + url.PathEscape(handle)
	if output := p.get("output"); output != "" {
		target += "?output=" + url.QueryEscape(output)
	}
	return redirect(p.w, p.r, target)
}

// seconds reads a length of time, and 0 when there is none.
func (a args) seconds(name string) (time.Duration, error) {
	text := a.get(name)
	if text == "" {
		return 0, nil
	}
	const most = 10 * 365 * 24 * 3600
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, badRequest("%s='%s' is not a number of seconds", name, short(text))
	}
	return max(time.Duration(min(n, most))*time.Second, 1), nil
}

// serveOperation answers requests to /operations/HANDLE.
func (s *Server) serveOperation(w *recorder, r *http.Request, rt route) error {
	if err := allow(r, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	f, err := s.readForm(w, r)
	if err != nil {
		return err
	}
	defer f.close()
	a := f.args(r)
	q, err := pollOf(r, a)
	if err != nil {
		return err
	}
	write, err := s.outputOf(a)
	if err != nil {
		return err
	}
	op := s.operations.get(rt.rest, q)
	if op == nil {
		return problem{status: http.StatusNotFound, text: fmt.Sprintf("unknown/expired handle '%s'", short(rt.rest))}
	}
	if write == nil {
		return s.writeEvents(w, r, op.events())
	}
	if q.cancel {
		defer op.cancel()
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if op.err != nil {
		return op.err
	}
	if len(rt.names) > 0 {
		return s.serveChecked(w, r, op, rt.names[0], a)
	}
	return write(w, r, op)
}

func pollOf(r *http.Request, a args) (q poll, err error) {
	q.cancel = a.operation() == "cancel" && r.Method == http.MethodPost
	if q.release, err = a.boolean("release-after-complete"); err != nil {
		return q, err
	}
	q.retain, err = a.seconds("retain-for")
	return q, err
}

type operationWriter func(*recorder, *http.Request, *operation) error

// outputOf chooses how an operation is shown; nil stands for events. Statistics are always JSON.
func (s *Server) outputOf(a args) (operationWriter, error) {
	switch output := a.get("output"); strings.ToLower(output) {
	case "json":
		return writeOperationJSON, nil
	case "events":
		return nil, nil
	case "text":
		return writeOperationText, nil
	case "", "html":
		return s.writeOperationPage, nil
	default:
		return nil, badRequest("Unknown output value: '%s'", short(output))
	}
}

func writeOperationJSON(w *recorder, r *http.Request, op *operation) error {
	stats, err := json.Marshal(op.stats)
	if err != nil {
		return err
	}
	if op.checks != nil {
		var p printer
		p.deepCheck(op, stats)
		p.word("\n")
		writeBody(w, r, "text/plain", http.StatusOK, p.b)
		return nil
	}
	p := printer{flat: op.kind == "deep-size"}
	switch op.kind {
	case "manifest":
		p.manifest(op, stats)
	case "deep-size":
		p.open('{')
		p.key("finished")
		p.boolean(op.finished)
		p.rawMember("size", stats)
		p.close('}')
	default:
		p.raw(fmt.Appendf(stats[:len(stats)-1], `,"finished":%t}`, op.finished))
	}
	writeBody(w, r, "text/plain", http.StatusOK, p.b)
	return nil
}

// manifest writes what there is; the lists come only when they are whole.
func (p *printer) manifest(op *operation, stats []byte) {
	p.open('{')
	p.rawMember("stats", stats)
	p.key("finished")
	p.boolean(op.finished)
	p.key("origin")
	origin := ""
	if i, ok := op.root.Index(); ok {
		origin = i.String()
	}
	p.text(origin)
	if op.finished {
		p.key("manifest")
		p.open('[')
		for _, e := range op.manifest {
			p.next()
			p.open('[')
			p.next()
			p.path(e.Path)
			p.next()
			p.text(e.Cap)
			p.close(']')
		}
		p.close(']')
		p.key("verifycaps")
		p.path(op.verify)
		p.key("storage-index")
		p.path(op.indexes)
	}
	p.close('}')
}

func writeOperationText(w *recorder, r *http.Request, op *operation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "finished: %s\n", map[bool]string{true: "yes", false: "no"}[op.finished])
	switch op.kind {
	case "deep-stats", "deep-check":
		return writeOperationJSON(w, r, op)
	case "deep-size":
		if op.finished {
			fmt.Fprintf(&b, "size: %d\n", op.stats.DeepSize())
		}
	case "manifest":
		for _, e := range op.manifest {
			fmt.Fprintf(&b, "%s %s\n", strings.Join(e.Path, "/"), e.Cap)
		}
	}
	writeText(w, r, b.String())
	return nil
}

// writeOperationPage is for people. A manifest has a page; the rest is short, and shown as text.
func (s *Server) writeOperationPage(w *recorder, r *http.Request, op *operation) error {
	if op.checks != nil {
		return s.servePage(w, r, "deep-check.html", deepCheckPage(op))
	}
	if op.kind != "manifest" {
		return writeOperationText(w, r, op)
	}
	return s.servePage(w, r, "manifest.html", manifestPage(op))
}

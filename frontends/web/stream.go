package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"tahoe/caps"
	"tahoe/frontends/serve"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
)

// streamManifest answers t=stream-manifest: a line of JSON for each file and directory that is reached, as the walk comes to
// it, and the statistics at last. What goes wrong after the first line is told in a line that is no JSON.
func (s *Server) streamManifest(p *post) error {
	return s.streamWalk(p, func(d *lafs.Directory, out *stream, stats *lafs.DeepStats) error {
		return s.store.Walk(p.r.Context(), d.Cap(), func(v lafs.Visit) error {
			if len(v.Path) == 0 && v.Err != nil {
				return v.Err // nothing is written yet, so it can be a status
			}
			stats.Add(v)
			if err := out.unit(v); err != nil {
				return err
			}
			return endsWalk(v.Err)
		})
	})
}

// streamDeepCheck answers t=stream-deep-check: the same, with what a check of each found.
func (s *Server) streamDeepCheck(p *post) error {
	repair, o, err := p.checkOptions()
	if err != nil {
		return err
	}
	return s.streamWalk(p, func(d *lafs.Directory, out *stream, stats *lafs.DeepStats) error {
		return s.store.DeepCheck(p.r.Context(), d.Cap(), repair, o, func(c lafs.Checked) error {
			stats.Add(c.Visit)
			return out.checked(c, repair)
		})
	})
}

// streamWalk sends what a walk tells, and statistics.
func (s *Server) streamWalk(p *post, walk func(*lafs.Directory, *stream, *lafs.DeepStats) error) error {
	d, err := s.directory(p)
	if err != nil {
		return err
	}
	p.w.Header().Set("Content-Type", "text/plain")
	out := s.newStream(p.w)
	defer out.to.Stop()
	stats := lafs.NewDeepStats()
	err = walk(d, out, stats)
	if err != nil && p.w.status == 0 && out.idle() {
		return err
	}
	if err == nil {
		err = out.stats(stats)
	}
	if err != nil && p.r.Context().Err() == nil && p.w.gone == nil {
		s.c.Log.Warn("a walk ended early", "err", err)
		err = out.failure(err)
	}
	return errors.Join(err, out.flush())
}

// endsWalk is the error of a visit, if it ends the walk: what is forbidden here does not.
func endsWalk(err error) error {
	if errors.Is(err, lafs.ErrProhibited) {
		return nil
	}
	return err
}

// A stream writes lines of JSON as they come.
type stream struct {
	w       http.ResponseWriter
	to      *serve.Writer
	p       printer
	flushed time.Time
	now     func() time.Time
}

// flushTime is how long a line may wait for the next.
const flushTime = 100 * time.Millisecond

func (s *Server) newStream(w http.ResponseWriter) *stream {
	return &stream{w: w, to: serve.NewWriter(w, s.c.Stall), p: printer{flat: true}, now: s.c.Clock.Now}
}

// idle says whether nothing is waiting to be sent.
func (o *stream) idle() bool { return len(o.p.b) == 0 }

func (o *stream) line() error {
	o.p.word("\n")
	if len(o.p.b) < flushSize && o.now().Sub(o.flushed) < flushTime {
		return nil
	}
	return o.flush()
}

func (o *stream) flush() error {
	if o.idle() {
		return nil
	}
	_, err := o.to.Write(o.p.b)
	o.p.b = o.p.b[:0]
	o.flushed = o.now()
	if err != nil {
		return err
	}
	if err := http.NewResponseController(o.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// unit writes what the walk came to.
func (o *stream) unit(v lafs.Visit) error { return o.unitWith(v, nil) }

// checked writes what the walk came to, and how that is.
func (o *stream) checked(c lafs.Checked, repair bool) error {
	return o.unitWith(c.Visit, func(p *printer) {
		switch {
		case c.Err != nil && c.Check == nil && c.Repair == nil: // access is prohibited
		case repair:
			p.key("check-and-repair-results")
			p.repairResult(c.Repair)
		default:
			p.key("check-results")
			p.checkResult(c.Check)
		}
	})
}

// unitWith writes a unit with some more members.
func (o *stream) unitWith(v lafs.Visit, more func(*printer)) error {
	p := &o.p
	p.open('{')
	p.key("path")
	p.path(v.Path)
	o.member("cap", strongest(v.Child))
	o.member("type", unitType(v.Kind()))
	verify := ""
	if c, ok := v.Verify(); ok {
		verify = c.Encode()
	}
	o.member("verifycap", verify)
	o.member("repaircap", textOf(v.Repair()))
	index := ""
	if i, ok := v.Index(); ok {
		index = i.String()
	}
	o.member("storage-index", index)
	if more != nil {
		more(p)
	}
	p.close('}')
	return o.line()
}

func (o *stream) member(key, text string) {
	o.p.key(key)
	o.p.text(text)
}

func (p *printer) path(names []string) {
	p.open('[')
	for _, n := range names {
		p.next()
		p.text(n)
	}
	p.close(']')
}

func unitType(k lafs.Kind) string {
	switch k {
	case lafs.KindFile:
		return wapi.UnitFile
	case lafs.KindDirectory:
		return wapi.UnitDirectory
	}
	return wapi.UnitUnknown
}

// textOf is the text of a capability, and empty for none.
func textOf(c caps.Cap) string {
	if c == nil {
		return ""
	}
	return c.Encode()
}

func (o *stream) stats(stats *lafs.DeepStats) error {
	b, err := json.Marshal(stats)
	if err != nil {
		return err
	}
	o.p.open('{')
	o.member("type", wapi.UnitStats)
	o.p.key("stats")
	o.p.raw(b)
	o.p.close('}')
	return o.line()
}

// failure says why the stream ends, with the name that the original gives to such a failure.
func (o *stream) failure(err error) error {
	p := problemOf(err)
	name := "Error"
	if p.kind == wapi.KindNotEnoughShares {
		name = "NotEnoughSharesError"
	}
	o.p.word(wapi.StreamError + name + "(" + p.text + ")")
	return o.line()
}

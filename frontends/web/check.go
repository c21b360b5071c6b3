package web

import (
	"context"
	"net/http"
	"strconv"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/lafs/health"
)

// checkOptions reads how to check.
func (a args) checkOptions() (repair bool, o lafs.CheckOptions, err error) {
	for _, x := range []struct {
		name string
		to   *bool
	}{{"verify", &o.Verify}, {"add-lease", &o.AddLease}, {"repair", &repair}} {
		if *x.to, err = a.boolean(x.name); err != nil {
			return false, o, err
		}
	}
	return repair, o, nil
}

// checkCap is the capability of what a request asks to check. One to verify is enough.
func (s *Server) checkCap(p *post) (caps.Cap, error) {
	if len(p.rt.names) == 0 {
		if k, err := caps.Parse(p.rt.cap); err == nil {
			if v, ok := k.(caps.Verify); ok {
				return v, nil
			}
		}
	}
	at, err := s.need(p.r, p.rt)
	if err != nil {
		return nil, err
	}
	return at.entry.Cap(), nil
}

// postCheck answers t=check.
func (s *Server) postCheck(p *post) error {
	repair, o, err := p.checkOptions()
	if err != nil {
		return err
	}
	asJSON, err := p.wantsJSON()
	if err != nil {
		return err
	}
	k, err := s.checkCap(p)
	if err != nil {
		return err
	}
	x, err := s.check(p.r.Context(), k, repair, o)
	if err != nil {
		return err
	}
	if p.target != "" {
		return redirect(p.w, p.r, p.target)
	}
	if asJSON {
		return s.writeChecked(p.w, p.r, x, repair, true)
	}
	d := checkPage(x, repair)
	d.Again, d.Verify = !d.Literal, o.Verify
	return s.servePage(p.w, p.r, "check.html", d)
}

// check checks, or repairs. What has shares is told of in the history.
func (s *Server) check(ctx context.Context, k caps.Cap, repair bool, o lafs.CheckOptions) (x lafs.Checked, err error) {
	if _, ok := caps.VerifyOnly(k); ok {
		t := s.history.check(k, repair, o)
		defer func() { t.concluded(x, err) }()
		ctx, o.Meter = t.watch(ctx), health.NewMeter(t.checked)
	}
	if repair {
		x.Repair, err = s.store.Repair(ctx, k, o)
	} else {
		x.Check, err = s.store.Check(ctx, k, o)
	}
	return x, err
}

// wantsJSON says whether output= asks for JSON rather than a page.
func (a args) wantsJSON() (bool, error) {
	switch output := a.get("output"); output {
	case "json", "JSON":
		return true, nil
	case "", "html", "HTML":
		return false, nil
	default:
		return false, badRequest("Unknown output value: '%s'", short(output))
	}
}

// writeChecked tells how one file or directory is.
func (s *Server) writeChecked(w *recorder, r *http.Request, x lafs.Checked, repair, asJSON bool) error {
	if !asJSON {
		return s.servePage(w, r, "check.html", checkPage(x, repair))
	}
	var p printer
	if repair {
		p.repairResult(x.Repair)
	} else {
		p.checkResult(x.Check)
	}
	p.word("\n")
	writeBody(w, r, "text/plain", http.StatusOK, p.b)
	return nil
}

// checkResult writes what a check found; nil is what has no shares.
func (p *printer) checkResult(r *lafs.CheckResult) {
	p.open('{')
	defer p.close('}')
	p.key("storage-index")
	if r == nil {
		p.text("")
		p.key("results")
		p.open('{')
		p.key("healthy")
		p.boolean(true)
		p.close('}')
		return
	}
	p.text(r.Index.String())
	p.key("summary")
	p.text(r.Summary)
	p.key("results")
	p.open('{')
	p.counts(r)
	p.close('}')
}

func (p *printer) counts(r *lafs.CheckResult) {
	p.count("count-happiness", r.Happiness)
	p.count("count-shares-good", r.Good)
	p.count("count-shares-needed", r.Needed)
	p.count("count-shares-expected", r.Expected)
	p.count("count-good-share-hosts", r.Hosts)
	p.count("count-corrupt-shares", len(r.Corrupt))
	p.key("list-corrupt-shares")
	p.open('[')
	for _, c := range r.Corrupt {
		p.corruptShare(corruptShare{string(c.Server.ID()), r.Index.String(), int(c.Share)})
	}
	p.close(']')
	p.key("servers-responding")
	p.open('[')
	for _, s := range r.Responding {
		p.next()
		p.text(string(s.ID()))
	}
	p.close(']')
	p.key("sharemap")
	p.open('{')
	p.sharemap(r.Shares)
	p.close('}')
	p.count("count-wrong-shares", r.Wrong)
	p.count("count-recoverable-versions", r.Versions)
	p.count("count-unrecoverable-versions", r.Lost)
	p.key("healthy")
	p.boolean(r.Healthy)
	p.key("recoverable")
	p.boolean(r.Recoverable)
}

func (p *printer) count(key string, n int) {
	p.key(key)
	p.word(strconv.Itoa(n))
}

func (p *printer) sharemap(shares []health.Share) {
	for _, s := range shares {
		p.key(s.Name())
		p.open('[')
		for _, server := range s.Servers {
			p.next()
			p.text(string(server.ID()))
		}
		p.close(']')
	}
}

// A corruptShare is where a share is that does not verify.
type corruptShare struct {
	server, index string
	share         int
}

func (p *printer) corruptShare(c corruptShare) {
	p.next()
	p.open('[')
	p.next()
	p.text(c.server)
	p.next()
	p.text(c.index)
	p.next()
	p.number(int64(c.share))
	p.close(']')
}

// repairResult writes what a repair did; nil is of what has no shares. Why it failed is for people: the original does not answer then.
func (p *printer) repairResult(r *lafs.RepairResult) {
	p.open('{')
	defer p.close('}')
	p.key("storage-index")
	if r == nil {
		p.text("")
		p.key("repair-attempted")
		p.boolean(false)
		return
	}
	p.text(r.Before.Index.String())
	p.key("repair-attempted")
	p.boolean(r.Attempted)
	p.key("repair-successful")
	p.boolean(r.Successful)
	p.key("pre-repair-results")
	p.checkResult(r.Before)
	p.key("post-repair-results")
	p.checkResult(r.After)
	if r.Err != nil {
		p.key("repair-error")
		p.text(r.Err.Error())
	}
}

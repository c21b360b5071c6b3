package web

import (
	"context"
	"fmt"
	"net/http"

	"tahoe/lafs"
	"tahoe/storage"
)

// startDeepCheck begins t=start-deep-check.
func (s *Server) startDeepCheck(p *post) error {
	repair, o, err := p.checkOptions()
	if err != nil {
		return err
	}
	return s.operate(p, "deep-check", func(op *operation) func(context.Context) error {
		op.checks = &deepChecks{repair: repair, byIndex: map[storage.Index]lafs.Checked{}}
		return func(ctx context.Context) error {
			return s.store.DeepCheck(ctx, op.root.Cap(), repair, o, op.checked)
		}
	})
}

// maxDetails is how many healthy objects a deep check remembers the details of, for who asks for them one by one. Of those that are
// not healthy it remembers all.
const maxDetails = 100_000

// deepChecks are what a deep check has found so far.
type deepChecks struct {
	repair                bool
	objects               int
	before, after         tally
	attempted, successful int
	unhealthy             []unhealthyObject // before a repair
	byIndex               map[storage.Index]lafs.Checked
}

// A tally counts results.
type tally struct {
	healthy, unhealthy, lost int
	corrupt                  []corruptShare
}

func (t *tally) add(r *lafs.CheckResult) {
	if r.Healthy {
		t.healthy++
	} else {
		t.unhealthy++
	}
	if !r.Recoverable {
		t.lost++
	}
	for _, c := range r.Corrupt {
		t.corrupt = append(t.corrupt, corruptShare{string(c.Server.ID()), r.Index.String(), int(c.Share)})
	}
}

type unhealthyObject struct {
	path   []string
	result *lafs.CheckResult
}

// checked takes note of what a deep check came to.
func (op *operation) checked(c lafs.Checked) error {
	op.mu.Lock()
	defer op.mu.Unlock()
	defer op.bell.ring()
	op.stats.Add(c.Visit)
	op.checks.add(c)
	return nil
}

func (d *deepChecks) add(c lafs.Checked) {
	before := c.Check
	if c.Repair != nil {
		before = c.Repair.Before
		d.after.add(c.Repair.After)
		if c.Repair.Attempted {
			d.attempted++
		}
		if c.Repair.Successful {
			d.successful++
		}
	}
	if before == nil {
		return // it has no shares
	}
	d.objects++
	d.before.add(before)
	if !before.Healthy {
		d.unhealthy = append(d.unhealthy, unhealthyObject{c.Path, before})
	}
	if c.Listing = nil; !before.Healthy || len(d.byIndex) < maxDetails {
		d.byIndex[before.Index] = c
	}
}

// deepCheck writes what a deep check has found. The operation's lock is held.
func (p *printer) deepCheck(op *operation, stats []byte) {
	d := op.checks
	p.open('{')
	p.key("finished")
	p.boolean(op.finished)
	p.key("root-storage-index")
	p.text(op.rootIndex())
	p.deepCheckCounts(d)
	p.corruptShares("list-corrupt-shares", d.before.corrupt)
	if d.repair {
		p.corruptShares("list-remaining-corrupt-shares", d.after.corrupt)
	}
	p.key("list-unhealthy-files")
	p.open('[')
	for _, u := range d.unhealthy {
		p.next()
		p.open('[')
		p.next()
		p.path(u.path)
		p.next()
		p.checkResult(u.result)
		p.close(']')
	}
	p.close(']')
	p.rawMember("stats", stats)
	p.close('}')
}

// rootIndex names the shares of the directory that is checked. A literal has none.
func (op *operation) rootIndex() string {
	if i, ok := op.root.Index(); ok {
		return i.String()
	}
	return "<none>"
}

func (p *printer) deepCheckCounts(d *deepChecks) {
	p.count("count-objects-checked", d.objects)
	if d.repair {
		p.repairCounts(d)
		return
	}
	p.count("count-objects-healthy", d.before.healthy)
	p.count("count-objects-unhealthy", d.before.unhealthy)
	p.count("count-corrupt-shares", len(d.before.corrupt))
}

func (p *printer) repairCounts(d *deepChecks) {
	p.count("count-objects-healthy-pre-repair", d.before.healthy)
	p.count("count-objects-unhealthy-pre-repair", d.before.unhealthy)
	p.count("count-objects-healthy-post-repair", d.after.healthy)
	p.count("count-objects-unhealthy-post-repair", d.after.unhealthy)
	p.count("count-repairs-attempted", d.attempted)
	p.count("count-repairs-successful", d.successful)
	p.count("count-repairs-unsuccessful", d.attempted-d.successful)
	p.count("count-corrupt-shares-pre-repair", len(d.before.corrupt))
	p.count("count-corrupt-shares-post-repair", len(d.after.corrupt))
}

func (p *printer) corruptShares(key string, shares []corruptShare) {
	p.key(key)
	p.open('[')
	for _, c := range shares {
		p.corruptShare(c)
	}
	p.close(']')
}

// serveChecked answers /operations/HANDLE/INDEX: the details of one object of a deep check. The operation's lock is held.
func (s *Server) serveChecked(w *recorder, r *http.Request, op *operation, text string, a args) error {
	i, err := storage.ParseIndex(text)
	var c lafs.Checked
	found := false
	if err == nil && op.checks != nil {
		c, found = op.checks.byIndex[i]
	}
	if !found {
		return problem{status: http.StatusNotFound, text: fmt.Sprintf("No detailed results for SI %s", short(text))}
	}
	asJSON, err := a.wantsJSON()
	if err != nil {
		return err
	}
	return s.writeChecked(w, r, c, op.checks.repair, asJSON)
}

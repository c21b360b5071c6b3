package immutable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// A Repairer makes shares that are missing anew. It needs no more than the capability to verify: what it reads and writes is
// ciphertext. It may be used by several goroutines at once.
type Repairer struct {
	up    *Uploader
	down  *Downloader
	check *Checker
	turns chan struct{} // repairs at the same time
}

// maxRepairs is how many files are repaired at the same time.
const maxRepairs = 4

// NewRepairer makes a Repairer of what it repairs with. Each repair holds memory of the uploader while it waits for that of the
// downloader; where these have one budget, only one file is repaired at a time.
func NewRepairer(up *Uploader, down *Downloader, check *Checker) *Repairer {
	n := maxRepairs
	if up.c.Budget == down.Budget {
		n = 1
	}
	return &Repairer{up, down, check, make(chan struct{}, n)}
}

// repairRounds is how often servers are sought for shares that others did not take.
const repairRounds = 3

// Repair checks a file as o says, and if shares are missing, makes them from any that are left and places them, and no
// others. With o.Spread, shares count as missing also if they have no server of their own that stays: see health.Homeless. Shares that are there stay where they are, with renewed leases. A share that is corrupt stays too, since
// servers never change one; its number goes to another server. Without o.Verify every share that a server lists counts.
//
// That a file cannot be repaired, or in part only, is a result. The error is that of ctx, or of a capability that cannot be.
func (r *Repairer) Repair(ctx context.Context, v caps.CHKVerify, o health.Options) (*health.Repair, error) {
	before, err := r.check.Check(ctx, v, o)
	if err != nil {
		return nil, err
	}
	out := &health.Repair{Before: before, After: before}
	var crowded []storage.ShareNum
	if o.Spread {
		out.After, crowded = unlodged(before, shareSizeOf(v))
	}
	if out.After.Healthy {
		return out, nil
	}
	out.Attempted = true
	if !before.Recoverable {
		out.After = before
		out.Err = &NotEnoughSharesError{Have: before.Good, Need: before.Needed, Asked: answersOf(before)}
		return out, nil
	}
	m := &mending{r: r, out: out, crowded: crowded, failed: map[grid.ServerID]error{}, meter: o.Meter}
	if err := m.run(ctx, v); err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	} else if err != nil {
		out.Err = err
	}
	out.Successful = out.After.Healthy
	if o.Spread {
		out.After = mended(out.After, sharemapOf(before))
	}
	return out, nil
}

// unlodged is how a file would be without the copies of shares that should be elsewhere too. crowded are those that only servers
// without a share are to get.
func unlodged(r *health.Result, size uint64) (without *health.Result, crowded []storage.ShareNum) {
	homes := health.Homeless(r.Shares, len(r.Free(size)))
	if len(homes.All()) == 0 {
		return r, nil
	}
	less := *r
	conclude(&less, health.Without(r.Shares, homes.All()))
	return &less, homes.Crowded
}

// shareSizeOf is the size of the shares of a file, most likely; 0 when that makes no sense.
func shareSizeOf(v caps.CHKVerify) uint64 {
	l, err := layoutOf(v)
	if err != nil {
		return 0
	}
	return uint64(l.ShareSize())
}

func sharemapOf(r *health.Result) map[storage.ShareNum][]*grid.Server {
	out := make(map[storage.ShareNum][]*grid.Server, len(r.Shares))
	for _, s := range r.Shares {
		out[s.Num] = s.Servers
	}
	return out
}

// answersOf is what each server said.
func answersOf(r *health.Result) grid.Answers {
	at := map[grid.ServerID]int{}
	var out grid.Answers
	for _, s := range r.Responding {
		at[s.ID()] = len(out)
		out = append(out, grid.Answer{Server: s.Name()})
	}
	for _, s := range r.Shares {
		for _, server := range s.Servers {
			if i, ok := at[server.ID()]; ok {
				out[i].Shares = append(out[i].Shares, s.Num)
			}
		}
	}
	for _, p := range slices.Concat(r.Corrupt, r.Incompatible, r.Failed) {
		i, ok := at[p.Server.ID()]
		if !ok {
			i = len(out)
			at[p.Server.ID()] = i
			out = append(out, grid.Answer{Server: p.Server.Name()})
		}
		out[i].Err = p.Err
		if p.Part != "" {
			out[i].Err = &grid.CorruptShareError{Server: p.Server.Name(), Index: r.Index, Share: p.Share, Part: p.Part, Err: p.Err}
		}
	}
	return out
}

// A mending makes what is missing of one file.
type mending struct {
	r       *Repairer
	out     *health.Repair
	crowded []storage.ShareNum      // that only servers without a share are to get
	failed  map[grid.ServerID]error // are passed over
	meter   *health.Meter
}

// run makes what is missing, in some rounds at most: servers that fail are passed over in the next.
func (m *mending) run(ctx context.Context, v caps.CHKVerify) error {
	r, out := m.r, m.out
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	unlock, err := r.up.busy.lock(ctx, v.Index())
	if err != nil {
		return err
	}
	defer unlock()
	f := r.down.OpenCiphertext(v)
	if err := f.Read(ctx, 0, 1, io.Discard); err != nil { // from then on all that shares have to say is proved
		return err
	}
	for range repairRounds {
		if err := m.round(ctx, f); err != nil {
			return err
		}
		if out.After.Healthy {
			return nil
		}
	}
	e := &RepairError{Missing: out.After.Expected - out.After.Good, Total: out.After.Expected}
	for _, s := range out.After.Responding {
		if err := m.failed[s.ID()]; err != nil {
			e.Answers = append(e.Answers, grid.Answer{Server: s.Name(), Err: err})
		}
	}
	return e
}

// round makes the shares that are missing now, and notes which servers failed.
func (m *mending) round(ctx context.Context, f *File) error {
	t := f.proved()
	l, err := t.g.Layout(t.uebSize)
	if err != nil {
		return err
	}
	u, out := m.r.up, m.out
	release, err := u.c.Budget.Acquire(ctx, pipelineMemory(t.g))
	if err != nil {
		return err
	}
	defer release()
	bufs, done := u.buffers(slotsFor(t.g), int(slotSize(t.g)))
	defer done()
	source := newSequence(ctx, f)
	defer source.close()
	pipe, err := newPipeline(t.g, l, &plaintext{ReaderAt: source, size: t.g.Size, sealed: true, interrupt: source.interrupt}, u.c.Pool, newUploadMeter(t.g.Size, m.pushed()), bufs)
	if err != nil {
		return err
	}
	pipe.proof = &t
	placer := newMender(&u.c, out.After, l.ShareSize(), t.g.SegmentSize, m.failed)
	placer.leaveToFree(m.crowded)
	x := &transfer{c: &u.c, place: placer.mend, pipe: pipe, placer: placer, result: &UploadResult{Index: f.index}}
	if _, err := x.run(ctx); err != nil {
		return err
	}
	out.Placed += x.result.Pushed
	out.After = mended(out.After, x.result.Sharemap)
	for _, c := range placer.servers {
		if c.err != nil {
			m.failed[c.ID()] = c.err
		}
	}
	return nil
}

// pushed tells the meter of what servers took; nil: nobody asks.
func (m *mending) pushed() func(Progress) {
	if m.meter == nil {
		return nil
	}
	return func(now Progress) {
		m.meter.Note(func(p *health.Progress) { p.Pushed, p.ToPush = now.Pushed, now.ToPush })
	}
}

// mended is how a file is when shares were placed.
func mended(before *health.Result, placed map[storage.ShareNum][]*grid.Server) *health.Result {
	after := *before
	after.Responding = slices.Clone(before.Responding)
	has := map[storage.ShareNum][]*grid.Server{}
	for _, s := range before.Shares {
		has[s.Num] = slices.Clone(s.Servers)
	}
	for n, servers := range placed {
		for _, s := range servers {
			if !slices.Contains(has[n], s) {
				has[n] = append(has[n], s)
			}
		}
	}
	shares := make([]health.Share, 0, len(has))
	for n, servers := range has {
		shares = append(shares, health.Share{Num: n, Servers: servers})
	}
	conclude(&after, shares)
	after.Summary = "healthy"
	if !after.Healthy {
		after.Summary = "not healthy"
	}
	return &after
}

// agrees says whether the shares that were made are those of the file.
func (t *truth) agrees(made layout.UEB) error {
	if made.CiphertextRoot != t.ueb.CiphertextRoot || made.ShareRoot != t.ueb.ShareRoot {
		return errOtherShares
	}
	return nil
}

var errOtherShares = errors.New("the shares that were made anew are not those that the file had; it was written wrong")

// A RepairError reports that shares of a file found no place.
type RepairError struct {
	Missing, Total int
	Answers        grid.Answers
}

func (e *RepairError) Error() string {
	s := fmt.Sprintf("no server took %d of the %d shares", e.Missing, e.Total)
	if len(e.Answers) > 0 {
		s += " (" + e.Answers.String() + ")"
	}
	return s
}

// Unwrap gives what went wrong at each server.
func (e *RepairError) Unwrap() []error { return e.Answers.Errors() }

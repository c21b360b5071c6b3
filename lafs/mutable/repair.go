package mutable

import (
	"context"
	"errors"
	"fmt"

	"tahoe/internal/plural"
	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/storage"
)

// Why a file is not repaired.
var (
	ErrRepairReadOnly = errors.New("repair needs the capability to write the file: servers give no place to who cannot prove that the place will be the writers'")
	ErrNewerVersion   = errors.New("a newer version cannot be rebuilt now, and a repair would give it up: its shares may come back with their servers; force the repair, or write the file anew")
	ErrSeveralHeads   = errors.New("several versions of the same age can be rebuilt, and a repair would give up all but one: choose by writing the file anew, or force the repair")
)

// Repair checks a file as o says, and mends it if it is not healthy. Mostly that takes no new version: shares of the best
// version that are missing are made from those that are left, under the signature that is there, and go to servers that have none;
// corrupt shares and those of older versions are replaced where they are. Its number does not rise, so that who follows the file
// sees no change.
//
// Where there is a newer version that cannot be rebuilt, or several of the same age that can, a repair gives something up: then it is
// refused (ErrNewerVersion, ErrSeveralHeads in the result), unless forced; the best version is then published anew, as the one
// that follows all others.
//
// With o.Spread, shares of a healthy file that have no server of their own that stays are put on others too; when these are verified, the
// copies that are not needed any more are removed: those at servers that are to be retired, and those that crowd a server.
//
// What went wrong is in the result; the error is that of ctx.
func (f *File) Repair(ctx context.Context, o health.Options) (*health.Repair, error) {
	op := f.begin(ctx)
	defer op.end()
	done, err := op.p.takeTurn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	s, err := op.inspect(ctx, o)
	if err != nil {
		return nil, err
	}
	out := &health.Repair{Before: op.health(s)}
	out.After = out.Before
	healthy := out.Before.Healthy && len(out.Before.Corrupt) == 0
	spread := healthy && o.Spread && op.wanting(s)
	if healthy && !spread {
		return out, nil
	}
	if !f.Writeable() {
		out.Err = ErrRepairReadOnly
		return out, nil
	}
	out.Attempted = true
	if spread {
		out.After, out.Placed, out.Err = op.spread(ctx, s, s.Best())
	} else {
		out.After, out.Placed, out.Err = op.mend(ctx, s, o.Force)
	}
	if ctx.Err() != nil && out.Err != nil {
		return nil, context.Cause(ctx)
	}
	if out.After == nil {
		out.After = out.Before
	}
	out.Successful = out.After.Healthy && out.Err == nil
	return out, nil
}

// mend repairs what s shows, and returns how the file is then, nil where nothing is known to have changed.
func (o *op) mend(ctx context.Context, s *Servermap, force bool) (after *health.Result, placed int, err error) {
	best := s.Best()
	switch {
	case best == nil:
		return nil, 0, s.short()
	case len(s.Newer()) > 0:
		err = ErrNewerVersion
	case s.NeedsMerge():
		err = ErrSeveralHeads
	}
	if err != nil && !force {
		return nil, 0, err
	}
	if err != nil {
		return o.republish(ctx, s, best)
	}
	return o.refill(ctx, s, best)
}

// republish publishes the contents of v as the version that follows all others.
func (o *op) republish(ctx context.Context, s *Servermap, v *VersionShares) (*health.Result, int, error) {
	if _, err := o.rewrite(ctx, &basis{s: s, v: v}, inMemory(nil), 0); err != nil {
		return nil, 0, err
	}
	fresh := o.f.begin(ctx) // what was bad is good now
	defer fresh.end()
	now, err := fresh.inspect(ctx, health.Options{})
	if err != nil {
		return nil, 0, err
	}
	return fresh.health(now), v.Version.Total, nil
}

// refill makes the shares of v that are not as they should be, from those that are, and writes these and no others. Where what was
// read does not make the version again, although all of it verifies, it is published anew.
func (o *op) refill(ctx context.Context, s *Servermap, v *VersionShares) (*health.Result, int, error) {
	p, done, err := o.remake(ctx, s, v)
	if err != nil {
		return nil, 0, err
	}
	defer done()
	if p.e.roots.Root() != v.prefix.Root {
		o.m.c.Log.Warn("shares are made in another way than by this program; the version is published anew", "index", o.f.key.index.Abbrev())
		return o.republish(ctx, s, v)
	}
	leave, err := o.p.gate.pass(ctx, true)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	o.p.learn(nil)
	targets := p.unlike(v)
	p.place(targets, p.homeless(), storage.MaxShares)
	err = p.deliver(ctx, targets)
	after := p.after()
	if after == nil {
		return nil, p.took, err
	}
	r := o.health(after)
	if err == nil && !r.Healthy {
		err = p.unmended(r)
	}
	return r, p.took, err
}

// remake makes all shares of v from those that there are, for a publication of some of them. done gives back the memory.
func (o *op) remake(ctx context.Context, s *Servermap, v *VersionShares) (p *publication, done func(), err error) {
	parts, err := o.sharedParts(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	e, err := o.recode(ctx, s, v)
	if err != nil {
		return nil, nil, err
	}
	p = o.publication(s, o.f.open().write.Key(), e)
	p.parts, p.check = parts, parts.Checkstring.Encode()
	return p, e.close, nil
}

// unlike are the shares that are not those of v, each to be replaced where it is. Others are left alone, and so is what a server
// did not show in time.
func (p *publication) unlike(v *VersionShares) map[grid.ServerID]*target {
	targets := make(map[grid.ServerID]*target)
	for id, a := range p.s.answers {
		for num, x := range a.shares {
			p.load[id]++
			_, corrupt := x.bad.(*grid.CorruptShareError)
			switch {
			case x.bad == nil && x.head.Prefix == v.prefix:
				p.placed[num] = append(p.placed[num], a.server)
			case int(num) < p.parts.Total && (x.bad == nil || corrupt):
				t := targets[id]
				if t == nil {
					t = &target{server: a.server, shares: make(map[storage.ShareNum]*sighting), known: true}
					targets[id] = t
				}
				t.shares[num] = x
				p.placed[num] = append(p.placed[num], nil) // has a home, if it takes it
			}
		}
	}
	return targets
}

// unmended says why a file is not healthy after a repair.
func (p *publication) unmended(r *health.Result) error {
	var failed grid.Answers
	for _, a := range p.answers() {
		if a.Err != nil {
			failed = append(failed, a)
		}
	}
	text := fmt.Sprintf("%d of %s are still missing", r.Expected-r.Good, plural.Of(r.Expected, "share"))
	if r.Wrong > 0 {
		text += fmt.Sprintf(", and %s of other versions are left", plural.Of(r.Wrong, "share"))
	}
	if len(failed) > 0 {
		text += " (" + failed.String() + ")"
	}
	return errors.New(text)
}

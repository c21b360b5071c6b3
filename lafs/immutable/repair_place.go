package immutable

import (
	"cmp"
	"context"
	"slices"

	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/lafs/immutable/happiness"
	"tahoe/storage"
)

// newMender makes a placer for the shares that a file lacks. Who has good shares keeps them; who did not answer when the file was
// checked, or has failed since, gets none.
func newMender(c *UploaderConfig, r *health.Result, size, segment int64, failed map[grid.ServerID]error) *placer {
	enc := Encoding{Needed: r.Needed, Total: r.Expected, MaxSegment: segment}
	p := &placer{c: c, enc: enc, index: r.Index, size: size}
	answered := map[grid.ServerID]bool{}
	for _, s := range r.Responding {
		answered[s.ID()] = true
	}
	at := map[grid.ServerID]*candidate{}
	others := 0
	for _, s := range c.Servers.Permuted(r.Index) {
		x := &candidate{Server: s, known: true, writers: map[int]storage.Writer{}}
		x.room = answered[s.ID()] && s.Certified() && failed[s.ID()] == nil && s.Version().MaxImmutableShare >= uint64(size)
		if at[s.ID()] = x; !s.Certified() {
			p.barred = append(p.barred, s)
		}
		if holds(r, s) || x.room && others < 2*enc.Total {
			p.servers = append(p.servers, x)
			others++
		}
	}
	for _, s := range r.Shares {
		for _, server := range s.Servers {
			if x := at[server.ID()]; x != nil {
				x.holds = append(x.holds, int(s.Num))
			}
		}
	}
	for _, bad := range slices.Concat(r.Corrupt, r.Incompatible, r.Failed) {
		if x := at[bad.Server.ID()]; x != nil && bad.Share >= 0 {
			x.spoiled = append(x.spoiled, int(bad.Share))
		}
	}
	p.answers = make(chan answer, len(p.servers))
	return p
}

// leaveToFree has servers that have a share get none of those that are named.
func (p *placer) leaveToFree(shares []storage.ShareNum) {
	for _, x := range p.servers {
		for _, n := range shares {
			if len(x.holds) > 0 {
				x.refused = append(x.refused, int(n))
			}
		}
	}
}

// holds says whether a server has any share, good or bad.
func holds(r *health.Result, s *grid.Server) bool {
	for _, share := range r.Shares {
		if slices.Contains(share.Servers, s) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(r.Corrupt, r.Incompatible), func(p health.Place) bool { return p.Server == s })
}

// mend finds a place for every share that nobody has, as far as servers take them, and has the leases of the others renewed.
// Whatever it returns, finish has to be called.
func (p *placer) mend(ctx context.Context) (map[int]*candidate, error) {
	for _, x := range p.servers {
		if len(x.holds) > 0 {
			p.renew(ctx, x)
		}
	}
	// Every round either gets what it asked for, or finds a server that gives no more.
	for gaps := p.gaps(); len(gaps) > 0; gaps = p.gaps() {
		for x, shares := range gaps {
			p.ask(ctx, x, shares)
		}
		for p.asking() {
			if _, err := p.takeOne(ctx, queryTimeout); err != nil {
				return nil, err
			}
		}
	}
	targets := map[int]*candidate{}
	for _, x := range p.servers {
		for share := range x.writers {
			targets[share] = x
		}
	}
	if len(targets) == 0 && len(p.missing()) > 0 {
		return nil, &RepairError{Missing: len(p.missing()), Total: p.enc.Total, Answers: p.report(p.nowhere())}
	}
	return targets, nil
}

// nowhere is the plan that places nothing.
func (p *placer) nowhere() []int { return slices.Repeat([]int{happiness.Nowhere}, p.enc.Total) }

// granted are the shares that each server holds, or has given room for.
func (p *placer) granted() [][]int {
	out := make([][]int, len(p.servers))
	for i, x := range p.servers {
		out[i] = slices.Clone(x.holds)
		for share := range x.writers {
			if !slices.Contains(out[i], share) {
				out[i] = append(out[i], share)
			}
		}
	}
	return out
}

// missing are the shares that nobody holds or has given room for.
func (p *placer) missing() (out []int) {
	all := slices.Concat(p.granted()...)
	for share := range p.enc.Total {
		if !slices.Contains(all, share) {
			out = append(out, share)
		}
	}
	return out
}

// gaps is who should be asked for room for what is missing.
func (p *placer) gaps() map[*candidate][]int {
	out := map[*candidate][]int{}
	granted := p.granted()
	for _, share := range p.missing() {
		if s := p.homeFor(share, granted); s != happiness.Nowhere {
			granted[s] = append(granted[s], share)
			out[p.servers[s]] = append(out[p.servers[s]], share)
		}
	}
	return out
}

// homeFor is the best server for a share that nobody has: one that makes the file happier, the one with the fewest shares, and the
// first in permuted order, in this order. One that has nothing always makes it happier. Choosing one share after the other ends
// as happily as any choice.
func (p *placer) homeFor(share int, granted [][]int) int {
	var order []int
	for i, x := range p.servers {
		if x.room && !x.dead && !slices.Contains(x.spoiled, share) && !slices.Contains(x.refused, share) {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return happiness.Nowhere
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(granted[a]), len(granted[b])) })
	if len(granted[order[0]]) == 0 {
		return order[0]
	}
	now := happiness.Measure(granted)
	for _, s := range order {
		with := slices.Clone(granted)
		with[s] = append(slices.Clip(granted[s]), share)
		if happiness.Measure(with) > now {
			return s
		}
	}
	return order[0]
}

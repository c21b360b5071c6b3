package immutable

import (
	"context"
	"maps"
	"slices"
	"time"

	"tahoe/lafs/immutable/happiness"
	"tahoe/storage"
)

// An answer is what a server said to one question.
type answer struct {
	from    *candidate
	asked   []int
	holds   []storage.ShareNum
	writers map[storage.ShareNum]storage.Writer
	err     error
}

// askAll asks every server: those that would get shares of a new file for room, the others for what they hold.
func (p *placer) askAll(ctx context.Context) {
	shares := make([][]int, len(p.servers))
	for share, s := range p.hope() {
		if s != happiness.Nowhere {
			shares[s] = append(shares[s], share)
		}
	}
	for i, x := range p.servers {
		if len(shares[i]) > 0 {
			p.ask(ctx, x, shares[i])
		} else {
			p.list(ctx, x)
		}
	}
}

// askRest asks for the room that the plan needs and does not have, and returns how many servers it asked.
func (p *placer) askRest(ctx context.Context, plan []int) int {
	need := map[*candidate][]int{}
	for share, s := range plan {
		if s == happiness.Nowhere {
			continue
		}
		x := p.servers[s]
		if x.writers[share] == nil && !slices.Contains(x.holds, share) {
			need[x] = append(need[x], share)
		}
	}
	for x, shares := range need {
		p.ask(ctx, x, shares)
	}
	return len(need)
}

// ask asks x for room for shares.
func (p *placer) ask(ctx context.Context, x *candidate, shares []int) {
	a := storage.Allocation{Size: p.size, Lease: p.c.Lease(p.index, x.TubID())}
	for _, n := range shares {
		a.Shares = append(a.Shares, storage.ShareNum(n))
	}
	p.query(ctx, answer{from: x, asked: shares}, func(ctx context.Context, out *answer) error {
		got, err := x.Storage().Allocate(ctx, p.index, a)
		out.holds, out.writers = got.Have, got.Writers
		return err
	})
}

// list asks x for what it holds, and renews the leases of that, which asking for room would have done.
func (p *placer) list(ctx context.Context, x *candidate) {
	p.query(ctx, answer{from: x}, func(ctx context.Context, out *answer) error {
		got, err := x.Storage().Buckets(ctx, p.index)
		out.holds = slices.Sorted(maps.Keys(got))
		return err
	})
}

// query runs one question to its end.
func (p *placer) query(ctx context.Context, a answer, f func(context.Context, *answer) error) {
	a.from.waiting, a.from.pressed = true, len(a.asked) > 0
	p.running.Go(func() {
		ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errTooSlow)
		defer cancel()
		a.err = f(ctx, &a)
		p.answers <- a
	})
}

// wait takes answers until all have come, or enough of them and the hedge time is over. The servers that are too slow are
// left out of the plan until they answer.
func (p *placer) wait(ctx context.Context) error {
	begun := p.c.Clock.Now()
	enough := time.Duration(-1) // how long that took
	for p.waiting() {
		took := p.c.Clock.Now().Sub(begun)
		if enough < 0 && p.enough() {
			enough = took
		}
		left := queryTimeout // which the questions keep by themselves
		if enough >= 0 {
			left = enough + p.patience(enough) - took
		}
		late, err := p.takeOne(ctx, left)
		if late && enough >= 0 {
			for _, x := range p.servers {
				x.slow = x.waiting
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeOne takes the next answer, and says whether none came in time.
func (p *placer) takeOne(ctx context.Context, in time.Duration) (late bool, err error) {
	t := p.c.Clock.NewTimer(in)
	defer t.Stop()
	select {
	case a := <-p.answers:
		p.take(ctx, a)
		return false, nil
	case <-t.C():
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// patience is how long the missing answers are waited for, when it took so long to get enough others. Servers that were
// asked for no room matter only when the file is on the grid already.
func (p *placer) patience(enough time.Duration) time.Duration {
	least := hedgeListing
	for _, x := range p.servers {
		if x.waiting && !x.slow && x.pressed {
			least = hedgeAfter
		}
	}
	return max(least, hedgeFactor*enough)
}

func (p *placer) waiting() bool {
	return slices.ContainsFunc(p.servers, func(x *candidate) bool { return x.waiting && !x.slow })
}

func (p *placer) asking() bool {
	return slices.ContainsFunc(p.servers, func(x *candidate) bool { return x.waiting })
}

// enough says whether the servers that have answered can make the file whole and happy.
func (p *placer) enough() bool {
	plan := p.plan()
	return !slices.Contains(plan, happiness.Nowhere) && p.happiness(plan) >= p.enc.Happy
}

// take notes an answer.
func (p *placer) take(ctx context.Context, a answer) {
	x := a.from
	x.waiting, x.slow = false, false
	if a.err != nil {
		x.dead, x.room, x.err = true, false, a.err
		return
	}
	x.known = true
	for _, n := range a.holds {
		if int(n) < p.enc.Total && !slices.Contains(x.holds, int(n)) && !slices.Contains(x.spoiled, int(n)) {
			x.holds = append(x.holds, int(n))
		}
	}
	for n, w := range a.writers {
		x.writers[int(n)] = w
	}
	if len(a.asked) > 0 {
		x.err = nil
	}
	for _, n := range a.asked {
		if x.writers[n] == nil && !slices.Contains(x.holds, n) {
			x.room, x.err, x.refused = false, errGaveNone, append(x.refused, n)
		}
	}
	if len(a.asked) == 0 && len(x.holds) > 0 {
		p.renew(ctx, x)
	}
}

// renew renews the leases of what x holds. That it fails harms the upload no more than a server that is lost later.
func (p *placer) renew(ctx context.Context, x *candidate) {
	lease := p.c.Lease(p.index, x.TubID())
	p.running.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		if err := x.Storage().AddLease(ctx, p.index, lease); err != nil {
			p.c.Log.Warn("renewing lease", "server", x.Name(), "index", p.index.Abbrev(), "error", err)
		}
	})
}

// giveBack aborts the writers that are not kept.
func (p *placer) giveBack(ctx context.Context, keep func(share int, x *candidate) bool) {
	for _, x := range p.servers {
		for share, w := range x.writers {
			if keep(share, x) {
				continue
			}
			delete(x.writers, share)
			p.running.Go(func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
				defer cancel()
				if err := w.Abort(ctx); err != nil {
					p.c.Log.Debug("aborting share", "server", x.Name(), "index", p.index.Abbrev(), "share", share, "error", err)
				}
			})
		}
	}
}

// finish ends what the placer still has under way, and gives back all room but what is kept. ctx is that of place, and
// cancel ends it.
func (p *placer) finish(ctx context.Context, cancel func(), keep func(share int, x *candidate) bool) {
	p.giveBack(ctx, keep)
	if p.asking() || ctx.Err() != nil {
		cancel() // servers that have not answered by now are not waited for
	} else {
		defer time.AfterFunc(hedgeAfter, cancel).Stop() // for renewals: they may take a moment, and no more
	}
	p.running.Wait()
	close(p.answers)
	for a := range p.answers {
		p.take(ctx, a)
	}
	p.giveBack(ctx, keep)
	p.running.Wait()
}

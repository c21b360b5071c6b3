package mutable

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tahoe/internal/plural"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// homes says which shares of the best version that s shows should be at other servers too.
func (o *op) homes(s *Servermap) health.Homes {
	r := o.health(s)
	return health.Homeless(r.Shares, len(r.Free(1)))
}

// wanting says whether there is something to do for spread.
func (o *op) wanting(s *Servermap) bool {
	return len(o.homes(s).All()) > 0 || o.health(s).Leaving() > 0
}

// spread puts shares of v, of which all are there, on servers where they are better kept, verifies them there, and only then removes the
// copies that are of no use any more. Everywhere it tests for the version, so that it gives way to any writer.
func (o *op) spread(ctx context.Context, s *Servermap, v *VersionShares) (*health.Result, int, error) {
	homes := o.homes(s)
	placed, err := o.lodge(ctx, s, v, homes)
	if err != nil {
		return nil, placed, err
	}
	fresh := o.f.begin(ctx)
	defer fresh.end()
	now, err := fresh.inspect(ctx, health.Options{Verify: true})
	if err != nil {
		return nil, placed, err
	}
	if best := now.Best(); best == nil || best.prefix != v.prefix {
		return nil, placed, errOvertaken
	}
	if err := fresh.clear(ctx, now, homes.Crowded); err != nil {
		return fresh.health(now), placed, err
	}
	last := o.f.begin(ctx)
	defer last.end()
	after, err := last.inspect(ctx, health.Options{})
	if err != nil {
		return nil, placed, err
	}
	r := last.health(after)
	if n := len(last.homes(after).Leaving); n > 0 {
		err = fmt.Errorf("%s found no other place", plural.Of(n, "share"))
	}
	return r, placed, err
}

var errOvertaken = errors.New("another writer wrote the file while its shares were moved; they are moved the next time")

// lodge writes shares of v to further servers.
func (o *op) lodge(ctx context.Context, s *Servermap, v *VersionShares, homes health.Homes) (placed int, err error) {
	if len(homes.All()) == 0 {
		return 0, nil
	}
	p, done, err := o.remake(ctx, s, v)
	if err != nil {
		return 0, err
	}
	defer done()
	if p.e.roots.Root() != v.prefix.Root {
		return 0, errOtherWay
	}
	leave, err := o.p.gate.pass(ctx, true)
	if err != nil {
		return 0, err
	}
	defer leave()
	o.p.learn(nil)
	targets := p.unlike(v)
	for _, num := range homes.Leaving {
		p.placed[num] = nil
	}
	p.place(targets, homes.Leaving, storage.MaxShares)
	p.place(targets, homes.Crowded, 1)
	err = p.deliver(ctx, targets)
	return p.took, err
}

var errOtherWay = errors.New("its shares are made in another way than by this program, so that they cannot be made again one by one; write the file anew to move it")

// clear removes the copies of verified shares that are of no use: those at servers that are to be retired, and of those that crowded
// servers, those at servers with others. Each is elsewhere too.
func (o *op) clear(ctx context.Context, s *Servermap, crowded []storage.ShareNum) error {
	leave, err := o.p.gate.pass(ctx, true)
	if err != nil {
		return err
	}
	defer leave()
	o.p.learn(nil)
	var errs []error
	for server, shares := range s.Best().needless(crowded) {
		if err := o.remove(ctx, server, shares); err != nil {
			errs = append(errs, fmt.Errorf("remove shares from %s: %w", server.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// needless are the copies that may go, by server.
func (v *VersionShares) needless(crowded []storage.ShareNum) map[*grid.Server][]*sighting {
	load := map[*grid.Server]int{}
	for _, copies := range v.seen {
		for _, x := range copies {
			load[x.server]++
		}
	}
	out := map[*grid.Server][]*sighting{}
	for num, copies := range v.seen {
		stay := health.Staying(v.Shares[num])
		for _, x := range copies {
			switch {
			case x.server.Retiring() && len(stay) > 0:
			case slices.Contains(crowded, num) && len(stay) > 1 && slices.Contains(stay, x.server) && load[x.server] > 1:
				stay = slices.DeleteFunc(stay, func(s *grid.Server) bool { return s == x.server })
				load[x.server]--
			default:
				continue
			}
			out[x.server] = append(out[x.server], x)
		}
	}
	return out
}

// remove deletes shares of one server, if they are still what they were when they were verified.
func (o *op) remove(ctx context.Context, server *grid.Server, shares []*sighting) error {
	ctx, cancel := context.WithTimeout(ctx, o.m.c.WriteTimeout)
	defer cancel()
	i, write := o.f.key.index, o.f.open().write
	w := storage.SlotWrite{
		WriteEnabler: taghash.WriteEnabler(write.Key(), server.TubID()),
		Lease:        o.m.c.Lease(i, server.TubID()),
		Shares:       make(map[storage.ShareNum]storage.ShareWrite, len(shares)),
		Reads:        []storage.Span{{Size: layout.MaxCheckstringSize}},
	}
	for _, x := range shares {
		w.Shares[x.num] = storage.ShareWrite{Tests: testFor(x), NewLength: new(int64)}
	}
	r, err := server.Storage().TestAndWrite(ctx, i, w)
	if err == nil && !r.Wrote {
		err = errOvertaken
	}
	return err
}

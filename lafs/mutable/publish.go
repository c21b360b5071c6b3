package mutable

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// resends is how often shares are offered to other servers while none has answered at all. Where some do, shares that found no
// place are offered until no server is left.
const resends = 2

// A publication puts a new version on the servers: it changes all shares that are known, and places those that nobody has. It
// belongs to one goroutine.
type publication struct {
	o       *op
	s       *Servermap      // where shares are, as far as known
	write   func() [16]byte // the write key, behind a function, which makes the secrets that slots demand
	e       *encoded
	inPlace bool // only a run of segments is new; all shares exist

	parts   layout.Parts
	check   []byte // of the new version
	load    map[grid.ServerID]int
	failed  map[grid.ServerID]error
	placed  map[storage.ShareNum][]*grid.Server
	unsure  bool // a server may have taken what it did not answer for
	lost    bool // a server with known shares did not take the new ones
	strange []*grid.Server
	largest int64
	slowest time.Duration             // the longest that a server took to answer; 0: none has
	took    int                       // shares that servers took
	behind  map[storage.ShareNum]bool // of an older version, on servers that did not take the new one, or nobody knows where
}

// A target is what one server is to take.
type target struct {
	server *grid.Server
	shares map[storage.ShareNum]*sighting // what is known to be there instead; nil: nothing
	known  bool                           // the server has shares, or had
}

// publish writes e as the version that follows all others that are known. Only one at a time does it on a file, while nobody
// reads. The error is an *UncoordinatedWriteError or a *WriteError, unless nothing was sent. ctx matters until then; writes that
// are under way when it ends have Config.Hedge to be done.
func (o *op) publish(ctx context.Context, s *Servermap, key *layout.PrivateKey, e *encoded, inPlace bool) (layout.Prefix, error) {
	p := o.publication(s, key.WriteKey(), e)
	p.inPlace = inPlace
	if err := p.sign(ctx, key); err != nil {
		return layout.Prefix{}, err
	}
	leave, err := o.p.gate.pass(ctx, true)
	if err != nil {
		return layout.Prefix{}, err
	}
	defer leave()
	o.p.learn(nil)
	return p.parts.Prefix, p.run(ctx)
}

func (o *op) publication(s *Servermap, write [16]byte, e *encoded) *publication {
	return &publication{
		o: o, s: s, write: func() [16]byte { return write }, e: e, load: make(map[grid.ServerID]int),
		failed: make(map[grid.ServerID]error), placed: make(map[storage.ShareNum][]*grid.Server),
		behind: make(map[storage.ShareNum]bool),
	}
}

// sign makes what is the same in all shares.
func (p *publication) sign(ctx context.Context, key *layout.PrivateKey) error {
	highest := max(p.s.highest(), p.o.p.used())
	if highest == math.MaxUint64 {
		return fmt.Errorf("version %d of %s is the last that there can be", highest, p.o.f.key.index.Abbrev())
	}
	prefix := p.e.g.Prefix(layout.Checkstring{Seqnum: highest + 1, Root: p.e.roots.Root()})
	p.o.p.tried(prefix.Seqnum)
	if p.e.g.SaltSize() == 0 {
		prefix.Salt = p.e.salt
	}
	p.parts = layout.Parts{Prefix: prefix, PublicKey: key.Public().DER(), PrivateKey: key.Encrypted()}
	p.check = prefix.Checkstring.Encode()
	var err error
	if perr := p.o.m.c.Pool.Do(ctx, func() { p.parts.Signature, err = key.Sign(prefix) }); perr != nil {
		return perr
	}
	return err
}

func (p *publication) run(ctx context.Context) error {
	targets := p.known()
	homeless := p.homeless()
	if len(targets) > 0 {
		for _, num := range homeless {
			p.behind[num] = true
		}
	}
	if !p.inPlace {
		p.place(targets, homeless, storage.MaxShares)
	}
	return p.deliver(ctx, targets)
}

// deliver sends shares to their targets, and what finds no place there to others.
func (p *publication) deliver(ctx context.Context, targets map[grid.ServerID]*target) error {
	for round := 0; len(targets) > 0; round++ {
		if err := p.send(ctx, targets); err != nil {
			return err
		}
		targets = make(map[grid.ServerID]*target)
		if (p.slowest > 0 || round < resends) && len(p.strange) == 0 && !p.inPlace && ctx.Err() == nil {
			p.place(targets, p.homeless(), p.fair())
		}
	}
	return p.conclude()
}

// known are the targets that have shares.
func (p *publication) known() map[grid.ServerID]*target {
	targets := make(map[grid.ServerID]*target)
	for id, a := range p.s.answers {
		for num, x := range a.shares {
			if int(num) >= p.parts.Total {
				continue
			}
			t := targets[id]
			if t == nil {
				t = &target{server: a.server, shares: make(map[storage.ShareNum]*sighting), known: true}
				targets[id] = t
			}
			t.shares[num] = x
			p.load[id]++
			p.placed[num] = append(p.placed[num], nil) // has a home, if it takes it
		}
	}
	return targets
}

// homeless are the shares that no server has or is to have.
func (p *publication) homeless() []storage.ShareNum {
	var out []storage.ShareNum
	for num := range storage.ShareNum(p.parts.Total) {
		if len(p.placed[num]) == 0 {
			out = append(out, num)
		}
	}
	return out
}

// fair is how many shares a server has when they are spread evenly. What finds no place at its first server goes to one that
// has less; it is not heaped up on those that are left.
func (p *publication) fair() int {
	return (p.parts.Total + len(p.s.servers) - 1) / max(len(p.s.servers), 1)
}

// place finds servers for shares: those with the fewest first, and of these the first in permuted order. Servers that did not
// answer when they were asked come last, and those that failed now, or have most shares already, not at all.
func (p *publication) place(targets map[grid.ServerID]*target, shares []storage.ShareNum, most int) {
	cost := func(s *grid.Server) int {
		n := p.load[s.ID()]
		if a := p.s.answers[s.ID()]; a != nil && a.err != nil {
			n += storage.MaxShares
		}
		return n
	}
	for _, num := range shares {
		servers := slices.DeleteFunc(slices.Clone(p.s.servers), func(s *grid.Server) bool {
			return p.failed[s.ID()] != nil || p.load[s.ID()] >= most || !s.Certified()
		})
		if len(servers) == 0 {
			return
		}
		s := slices.MinFunc(servers, func(a, b *grid.Server) int { return cost(a) - cost(b) })
		t := targets[s.ID()]
		if t == nil {
			t = &target{server: s, shares: make(map[storage.ShareNum]*sighting)}
			targets[s.ID()] = t
		}
		t.shares[num] = nil
		p.load[s.ID()]++
	}
}

// send offers shares to their servers, all at once.
func (p *publication) send(ctx context.Context, targets map[grid.ServerID]*target) error {
	changes := make(map[grid.ServerID]storage.SlotWrite, len(targets))
	for id, t := range targets {
		w, err := p.change(t)
		if err != nil {
			return err
		}
		changes[id] = w
	}
	for _, t := range targets {
		for num := range t.shares {
			p.placed[num] = slices.DeleteFunc(p.placed[num], func(s *grid.Server) bool { return s == nil })
		}
	}
	f := &flight{p: p, ctx: ctx, out: make(chan outcome, len(targets)), stop: make(map[grid.ServerID]context.CancelFunc)}
	for _, o := range f.run(targets, changes) {
		p.take(o)
	}
	return nil
}

// change is what a server is asked to do.
func (p *publication) change(t *target) (storage.SlotWrite, error) {
	w := storage.SlotWrite{
		WriteEnabler: taghash.WriteEnabler(p.write(), t.server.TubID()),
		Lease:        p.o.m.c.Lease(p.o.f.key.index, t.server.TubID()),
		Shares:       make(map[storage.ShareNum]storage.ShareWrite, len(t.shares)),
		Reads:        []storage.Span{{Size: layout.MaxCheckstringSize}},
	}
	for num, x := range t.shares {
		writes, size, err := p.shareWrites(num)
		if err != nil {
			return w, err
		}
		sw := storage.ShareWrite{Tests: testFor(x), Writes: writes}
		if x != nil {
			sw.NewLength = &size
		}
		for _, v := range writes {
			p.largest = max(p.largest, v.Data.Size())
		}
		w.Shares[num] = sw
	}
	return w, nil
}

// testFor holds when a share is as it was seen, or is not there when it was not.
func testFor(x *sighting) []storage.Test {
	if x == nil || len(x.check) == 0 {
		return []storage.Test{{Size: 1, Specimen: []byte{}}}
	}
	return []storage.Test{{Size: int64(len(x.check)), Specimen: x.check}}
}

// shareParts are the parts of one share.
func (p *publication) shareParts(num storage.ShareNum) layout.Parts {
	parts := p.parts
	parts.ShareHashes = p.e.roots.Chain(int(num))
	parts.BlockHashes = p.e.trees[num]
	return parts
}

// shareWrites are the writes that make a share, and its size then.
func (p *publication) shareWrites(num storage.ShareNum) ([]storage.Write, int64, error) {
	parts := p.shareParts(num)
	if !p.inPlace {
		d, err := parts.Pack(p.e.share(num))
		if err != nil {
			return nil, 0, err
		}
		return []storage.Write{{Data: d}}, d.Size(), nil
	}
	h, err := parts.Header()
	if err != nil {
		return nil, 0, err
	}
	head, err := parts.Head()
	if err != nil {
		return nil, 0, err
	}
	return []storage.Write{
		{Data: bytes.NewReader(head)},
		{Offset: h.Block(p.e.g, p.e.first).Offset, Data: p.e.share(num)},
		{Offset: h.Span(layout.PartBlockHashes).Offset, Data: bytes.NewReader(parts.Tail())},
	}, h.ShareSize(), nil
}

// conclude says whether the version is written, and remembers where.
func (p *publication) conclude() error {
	v := versionOf(p.parts.Prefix)
	placed := 0
	for _, servers := range p.placed {
		placed += min(len(servers), 1)
	}
	remain := placed > 0 || p.unsure
	if len(p.strange) > 0 {
		e := &UncoordinatedWriteError{Version: v, Placed: placed, MayRemain: remain}
		for _, s := range p.strange {
			e.Surprised = append(e.Surprised, s.Name())
		}
		return e
	}
	if placed < v.Needed {
		return &WriteError{Version: v, Placed: placed, Need: v.Needed, MayRemain: remain, Asked: p.answers()}
	}
	if placed < v.Total {
		p.o.m.c.Log.Warn("not all shares found a place", "index", p.o.f.key.index.Abbrev(), "version", v, "placed", placed, "total", v.Total)
	}
	if len(p.behind) >= v.Needed {
		p.o.m.c.Log.Warn("servers without the new version may have enough shares of an older one",
			"index", p.o.f.key.index.Abbrev(), "version", v, "shares", len(p.behind))
	}
	p.o.p.saw(p.parts.Prefix)
	if !p.lost {
		p.o.p.learn(p.after())
	}
	return nil
}

// answers are what the servers did, in their order.
func (p *publication) answers() grid.Answers {
	var out grid.Answers
	for _, s := range p.s.servers {
		a := grid.Answer{Server: s.Name(), Err: p.failed[s.ID()]}
		for num, servers := range p.placed {
			if slices.Contains(servers, s) {
				a.Shares = append(a.Shares, num)
			}
		}
		slices.Sort(a.Shares)
		if a.Err == nil && len(a.Shares) == 0 {
			a.Err = s.Barred()
		}
		if a.Err != nil || len(a.Shares) > 0 {
			out = append(out, a)
		}
	}
	return out
}

// after is the servermap as the publication left it.
func (p *publication) after() *Servermap {
	s := p.s.lean()
	for num, servers := range p.placed {
		head, err := p.shareParts(num).Header()
		if err != nil {
			return nil
		}
		for _, server := range servers {
			a := s.answers[server.ID()]
			if a == nil || a.err != nil {
				a = &answer{server: server, shares: make(map[storage.ShareNum]*sighting)}
				s.answers[server.ID()] = a
			}
			if x := a.shares[num]; x != nil && x.bad == nil && x.head.Prefix == p.parts.Prefix {
				continue // a repair left it as it was
			}
			a.shares[num] = &sighting{server: server, num: num, check: p.check, head: head}
		}
	}
	return s
}

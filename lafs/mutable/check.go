package mutable

import (
	"context"
	"sync"

	"tahoe/caps"
	"tahoe/lafs/health"
)

// A Verifier is a mutable file of which no more is known than the capability to verify it.
type Verifier struct{ f *File }

// OpenVerify makes a Verifier of a capability. It asks no server.
func (m *Files) OpenVerify(c caps.MutableVerify) *Verifier {
	return &Verifier{&File{
		m: m, open: func() opened { return opened{} }, format: c.FileFormat(),
		key: placeKey{c.Index(), c.Fingerprint()},
	}}
}

// Check is File.Check. It cannot say whether the private key in the shares is right.
func (v *Verifier) Check(ctx context.Context, o health.Options) (*health.Result, error) {
	return v.f.Check(ctx, o)
}

// Repair is File.Repair, which this capability does not allow: it checks.
func (v *Verifier) Repair(ctx context.Context, o health.Options) (*health.Repair, error) {
	return v.f.Repair(ctx, o)
}

// Check asks all connected servers for their shares, and verifies how these begin. With Verify it verifies all of each share of the
// best version: the signature, the hash trees and every block, and the private key where the capability allows to read it. A file
// is healthy when all its shares are there, and no others. A file in ever so bad a state is a result; the error is that of ctx.
func (f *File) Check(ctx context.Context, o health.Options) (*health.Result, error) {
	op := f.begin(ctx)
	defer op.end()
	s, err := op.inspect(ctx, o)
	if err != nil {
		return nil, err
	}
	return op.health(s), nil
}

// inspect surveys as the options say. What does not verify is bad in the map.
func (o *op) inspect(ctx context.Context, opts health.Options) (*Servermap, error) {
	o.meter = opts.Meter
	var leasing sync.WaitGroup
	defer leasing.Wait()
	if opts.AddLease {
		leasing.Go(func() { o.addLeases(ctx, opts) })
	}
	defer func() { o.spare.giveBack() }()
	for {
		s, err := o.inspectOnce(ctx, opts.Verify)
		n, ok := err.(needMemory)
		if !ok {
			return s, err
		}
		if err := o.reserve(ctx, int64(n)); err != nil {
			return nil, err
		}
	}
}

func (o *op) inspectOnce(ctx context.Context, verify bool) (*Servermap, error) {
	leave, err := o.p.gate.pass(ctx, false)
	if err != nil {
		return nil, err
	}
	defer leave()
	s, err := o.survey(ctx, ModeCheck)
	if err == nil && verify {
		err = o.verifyBest(ctx, s)
	}
	return s, err
}

// addLeases renews the leases of all shares, and notes which servers failed to. What goes wrong harms the shares as little as a server
// that is gone.
func (o *op) addLeases(ctx context.Context, opts health.Options) {
	i := o.f.key.index
	o.m.c.Servers.Settle(ctx, o.m.c.Encoding.Needed)
	failed := health.Renewal{Lease: o.m.c.Lease, Timeout: o.m.c.WriteTimeout, Log: o.m.c.Log}.Renew(ctx, i, opts.Renewing(o.m.c.Servers.Permuted(i)))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unrenewed = failed
}

// verifyBest verifies all shares of the best version. It notes in the map what is wrong with each.
func (o *op) verifyBest(ctx context.Context, s *Servermap) error {
	v := s.Best()
	if v == nil {
		return context.Cause(ctx)
	}
	r, err := o.retrieve(s, v)
	if err != nil {
		return err
	}
	var all []*sighting
	for _, copies := range v.seen {
		all = append(all, copies...)
	}
	lanes, release, err := r.lanes(ctx, len(all))
	if err != nil {
		return err
	}
	defer release()
	size := r.blocksSize(0, r.g.Segments-1)
	o.meter.Note(func(p *health.Progress) { p.Verified, p.ToVerify = 0, size*int64(len(all)) })
	health.Each(all, lanes, func(x *sighting) {
		reading := o.meter.Reading(size)
		defer reading.End()
		if err := r.verifyAll(ctx, x, reading); err != nil && ctx.Err() == nil {
			o.mu.Lock()
			defer o.mu.Unlock()
			x.bad = err
		}
	})
	return context.Cause(ctx)
}

// verifyBatch is how much of a share is read at once.
const verifyBatch = 256 << 10

// lanes is how many of so many shares are read at the same time: as many as there is memory for at this moment. release gives it back.
func (r *retrieval) lanes(ctx context.Context, shares int) (n int, release func(), err error) {
	need := int64(r.verifyStep())*(r.g.BlockSize+r.g.SaltSize()) + 4*r.g.TreeSize() + eager
	first, err := r.o.memoryInside(ctx, need)
	if err != nil {
		return 0, nil, err
	}
	releases := []func(){first}
	for len(releases) < min(health.MaxVerified, shares) {
		more, ok := r.o.budget(need).TryAcquire(need)
		if !ok {
			break
		}
		releases = append(releases, more)
	}
	return len(releases), func() {
		for _, release := range releases {
			release()
		}
	}, nil
}

// verifyStep is how many blocks of a share are read at once.
func (r *retrieval) verifyStep() int {
	return min(max(int(verifyBatch/max(r.g.BlockSize, 1)), 1), max(r.g.Segments, 1))
}

// blocksSize is how many bytes of each share segments first to last are.
func (r *retrieval) blocksSize(first, last int) int64 {
	if last < first {
		return 0
	}
	return r.g.Block(last).End() - r.g.Block(first).Offset
}

// verifyAll verifies one share from end to end, a batch of its blocks in memory at a time.
func (r *retrieval) verifyAll(ctx context.Context, x *sighting, reading *health.Reading) error {
	defer func() {
		r.o.mu.Lock()
		defer r.o.mu.Unlock()
		delete(r.trees, x)
	}()
	step := r.verifyStep()
	if err := r.verifyKeys(ctx, x); err != nil {
		return err
	}
	if r.g.Segments == 0 {
		_, err := r.tree(ctx, x)
		return err
	}
	for s := 0; s < r.g.Segments; s += step {
		last := min(s+step, r.g.Segments) - 1
		if _, err := r.fetch(ctx, x, s, last); err != nil {
			return err
		}
		reading.Verified(r.blocksSize(s, last))
	}
	return nil
}

// verifyKeys verifies the public key and the signature of a share: of all but the first of a version they were not needed. The private
// key is verified by those who can read it.
func (r *retrieval) verifyKeys(ctx context.Context, x *sighting) error {
	_, err := r.o.partsOf(ctx, x)
	return err
}

package mutable

import (
	"context"
	"sync"
	"time"

	"tahoe/internal/gather"
	"tahoe/lafs/mutable/layout"
)

// A basis is what a write starts from. It belongs to whoever has the file's turn.
type basis struct {
	s          *Servermap
	v          *VersionShares // the version that is to be followed
	remembered bool           // from the last operation: nobody was asked
}

// A pick chooses the version to follow: Servermap.Best, mostly.
type pick func(*Servermap) *VersionShares

// basis finds out where the shares are: from memory, if nothing speaks against it and that is allowed, else by asking in this mode.
// Nothing is lost when the memory is wrong: the tests of the write say so.
func (o *op) basis(ctx context.Context, fresh bool, mode Mode, choose pick) (*basis, error) {
	if !fresh {
		s := o.p.current()
		if s != nil && s.whole && o.p.privateKey() != nil && s.sameServers(o.m.c.Servers.Permuted(o.f.key.index)) {
			s = s.lean()                                             // a copy: what is found bad now may be good the next time
			if v := choose(s); v != nil && o.p.certified(v.prefix) { // and no reader has seen a newer one
				return &basis{s, v, true}, nil
			}
		}
	}
	s, err := o.survey(ctx, mode)
	if err == nil {
		s, err = o.calm(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	v := choose(s)
	if v == nil {
		return nil, s.short()
	}
	return &basis{s: s, v: v}, nil
}

// private is the file's private key, which the shares hold too, encrypted with the write key.
func (o *op) private(ctx context.Context, v *VersionShares) (*layout.PrivateKey, error) {
	if k := o.p.privateKey(); k != nil {
		return k, nil
	}
	var tasks []gather.Task[*layout.PrivateKey]
	for _, copies := range v.seen {
		for _, x := range copies {
			tasks = append(tasks, func(ctx context.Context) (*layout.PrivateKey, error) { return o.decryptKey(ctx, x) })
		}
	}
	keys, err := gather.Run(ctx, 1, o.m.c.Hedge, tasks)
	if err != nil {
		return nil, err
	}
	o.p.learnPrivate(keys[0])
	return keys[0], nil
}

func (o *op) decryptKey(ctx context.Context, x *sighting) (*layout.PrivateKey, error) {
	limited, cancel := context.WithTimeout(ctx, o.m.c.QueryTimeout)
	defer cancel()
	span := x.head.Span(layout.PartPrivateKey)
	got, err := o.readSpans(limited, x, span)
	if err != nil {
		return nil, err
	}
	var key *layout.PrivateKey
	if perr := o.m.c.Pool.Do(ctx, func() { key, err = layout.DecryptPrivateKey(o.f.open().write.Key(), got[0]) }); perr != nil {
		return nil, perr
	}
	if err == nil && key.Public().Fingerprint() != o.f.key.fingerprint {
		err = &layout.CorruptError{Part: layout.PartPrivateKey, Reason: "it does not belong to the public key"}
	}
	if c, ok := err.(*layout.CorruptError); ok {
		return nil, o.blame(limited, x, c)
	}
	return key, err
}

// contents are those of the basis, and its private key, at the same time. Where shares turn out to be bad, servers are asked again,
// so that there may be another basis afterwards.
func (o *op) contents(ctx context.Context, b *basis, limit int64, choose pick) (*basis, []byte, *layout.PrivateKey, error) {
	for round := 1; ; round++ {
		old, key, err := o.contentsOnce(ctx, b, limit)
		if err == nil || !isShort(err) || round == rounds || ctx.Err() != nil {
			return b, old, key, err
		}
		if b, err = o.basis(ctx, true, ModeCheck, choose); err != nil {
			return nil, nil, nil, err
		}
	}
}

func (o *op) contentsOnce(ctx context.Context, b *basis, limit int64) (old []byte, key *layout.PrivateKey, err error) {
	var keyErr error
	var fetching sync.WaitGroup
	fetching.Go(func() { key, keyErr = o.private(ctx, b.v) })
	if c := o.m.recall(o.p); c.kept && c.prefix == b.v.prefix && c.size <= limit {
		old = c.contents()
	} else {
		old, err = o.whole(ctx, b.s, b.v, limit, o.memory)
	}
	fetching.Wait()
	if err == nil {
		err = keyErr
	}
	return old, key, err
}

// pauses are how long Modify waits between attempts.
const (
	firstPause  = 2718281828 * time.Nanosecond
	pauseFactor = 2.718281828
	pauseJitter = 0.12
	attempts    = 4
)

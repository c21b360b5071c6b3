package mutable

import (
	"context"
	"errors"
	"fmt"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// sharedParts is what all shares of a version have in common, from any of them: what is signed, the signature, and the keys.
func (o *op) sharedParts(ctx context.Context, v *VersionShares) (layout.Parts, error) {
	var errs []error
	for _, copies := range v.seen {
		for _, x := range copies {
			if x.bad != nil {
				continue
			}
			p, err := o.partsOf(ctx, x)
			if err == nil || ctx.Err() != nil {
				return p, err
			}
			errs = append(errs, err)
		}
	}
	return layout.Parts{}, errors.Join(errs...)
}

// partsOf reads and verifies the parts that a share has in common with others.
func (o *op) partsOf(ctx context.Context, x *sighting) (layout.Parts, error) {
	limited, cancel := context.WithTimeout(ctx, o.m.c.QueryTimeout)
	defer cancel()
	spans := []storage.Span{x.head.Span(layout.PartPublicKey), x.head.Span(layout.PartSignature), x.head.Span(layout.PartPrivateKey)}
	got, err := o.readSpans(limited, x, spans...)
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			err = errLate
		}
		return layout.Parts{}, err
	}
	for i, s := range spans {
		if int64(len(got[i])) < s.Size {
			return layout.Parts{}, o.blame(limited, x, &layout.CorruptError{Part: layout.PartHeader, Reason: "the share ends in front of the end that it states"})
		}
	}
	if perr := o.m.c.Pool.Do(ctx, func() { err = o.verifyShared(x.head.Prefix, got) }); perr != nil {
		return layout.Parts{}, perr
	}
	if c, ok := errors.AsType[*layout.CorruptError](err); ok {
		return layout.Parts{}, o.blame(limited, x, c)
	}
	return layout.Parts{Prefix: x.head.Prefix, PublicKey: got[0], Signature: got[1], PrivateKey: got[2]}, err
}

// verifyShared checks a public key, a signature, and, if the capability allows to read it, a private key.
func (o *op) verifyShared(prefix layout.Prefix, got [][]byte) error {
	public, err := layout.ParsePublicKey(got[0], o.f.key.fingerprint)
	if err != nil {
		return err
	}
	if err := public.Verify(prefix, got[1]); err != nil {
		return err
	}
	if w := o.f.open().write; w != (caps.MutableWrite{}) {
		_, err = layout.DecryptPrivateKey(w.Key(), got[2])
	}
	return err
}

// recode makes all blocks of a version from those of any k shares. Nothing is decrypted.
func (o *op) recode(ctx context.Context, s *Servermap, v *VersionShares) (*encoded, error) {
	r, err := o.retrieve(s, v)
	if err != nil {
		return nil, err
	}
	g := r.g
	release, err := o.m.c.Budget.Acquire(ctx, encodeMemory(g, g.Segments)+r.batchMemory(0, max(g.Segments-1, 0)))
	if err != nil {
		return nil, err
	}
	leaves, err := r.newLeaves(ctx)
	if err != nil {
		release()
		return nil, err
	}
	e, err := o.newEncoder(g, leaves)
	if err != nil {
		release()
		return nil, err
	}
	out, err := e.finish(ctx, 0, g.Segments-1, func() error { return r.recodeInto(ctx, e) })
	if err != nil {
		release()
		return nil, err
	}
	drop := out.close
	out.close = func() { drop(); release() }
	return out, nil
}

// newLeaves is room for the block hashes of all shares. Those of an empty file are taken from a share: writers differ in them.
func (r *retrieval) newLeaves(ctx context.Context) ([][]taghash.Hash, error) {
	leaves := make([][]taghash.Hash, r.g.Total)
	for i := range leaves {
		leaves[i] = make([]taghash.Hash, r.g.Segments)
	}
	if r.g.Segments > 0 {
		return leaves, nil
	}
	var errs []error
	for _, copies := range r.v.seen {
		for _, x := range copies {
			tree, err := r.tree(ctx, x)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			for i := range leaves {
				leaves[i] = []taghash.Hash{tree.Leaf(0)}
			}
			return leaves, nil
		}
	}
	return nil, errors.Join(errs...)
}

// recodeInto puts all segments, fetched in batches.
func (r *retrieval) recodeInto(ctx context.Context, e *encoder) error {
	step := r.batch()
	for first := 0; first < r.g.Segments; first += step {
		last := min(first+step, r.g.Segments) - 1
		parts, err := r.parts(ctx, first, last)
		if err != nil {
			return err
		}
		for s := first; s <= last; s++ {
			_, _, block := r.g.Segment(s)
			if perr := r.o.m.c.Pool.Do(ctx, func() {
				plain := e.plain[:block*int64(r.g.Needed)]
				var salt [layout.SaltSize]byte
				if salt, err = r.join(plain, parts, first, s); err == nil {
					err = e.spread(plain, salt, int(block))
				}
			}); perr != nil {
				return perr
			}
			if err != nil {
				return fmt.Errorf("encode segment %d: %w", s, err)
			}
			if err := e.put(ctx, s, block); err != nil {
				return err
			}
		}
	}
	return nil
}

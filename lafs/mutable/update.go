package mutable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"tahoe/caps"
	"tahoe/internal/hashtree"
	"tahoe/internal/spool"
	"tahoe/internal/taghash"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// gap is the error of a write that would leave one.
func gap(off, size int64) error {
	return fmt.Errorf("write at %d of a file of %d bytes: %w", off, size, storage.ErrRange)
}

// update writes into an MDMF file: in place, if all shares are there and of the same version.
func (f *File) update(ctx context.Context, p *plaintext, off int64) (Version, error) {
	o := f.begin(ctx)
	defer o.end()
	done, err := o.p.takeTurn(ctx)
	if err != nil {
		return Version{}, err
	}
	defer done()
	mode := ModeWrite
	for round := 1; ; round++ {
		v, err := o.updateFrom(ctx, mode, p, off)
		if err == nil || !isShort(err) || round == rounds || ctx.Err() != nil {
			return v, err
		}
		mode = ModeCheck // what looked good is not: there may be another version
	}
}

// updateFrom updates the version that a search in this mode finds. Where that cannot be read nothing has been written.
func (o *op) updateFrom(ctx context.Context, mode Mode, p *plaintext, off int64) (Version, error) {
	b, err := o.basis(ctx, true, mode, (*Servermap).Best)
	if err != nil {
		return Version{}, err
	}
	size := b.v.Version.Size
	switch {
	case off > size:
		return Version{}, gap(off, size)
	case p.size == 0:
		return b.v.Version, nil
	case b.v.Version.Format == caps.SDMF:
		return Version{}, fmt.Errorf("the shares are SDMF: %w", ErrWrongKind)
	}
	u, err := o.newUpdating(ctx, b, p, off)
	if err != nil {
		return Version{}, err
	}
	if u == nil {
		return o.rewrite(ctx, b, p, off)
	}
	return u.run(ctx)
}

// An updating is a write into an MDMF file that leaves untouched segments where they are.
type updating struct {
	o           *op
	b           *basis
	r           *retrieval
	g           layout.Geometry // with the new size
	p           *plaintext
	off         int64
	first, last int // the segments that are touched
	leaves      [][]taghash.Hash
	release     func()
}

// newUpdating reads what an update needs of the shares: the hash trees of all of them. It is nil where there is none to be had of
// each, or where shares of other versions have to be replaced anyway.
func (o *op) newUpdating(ctx context.Context, b *basis, p *plaintext, off int64) (*updating, error) {
	r, err := o.retrieve(b.s, b.v)
	if err != nil {
		return nil, err
	}
	g, err := r.g.Resized(max(r.g.Size, off+p.size))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	if g.SegmentSize != r.g.SegmentSize || !o.uniform(b) || r.g.Segments == 0 {
		return nil, nil
	}
	u := &updating{o: o, b: b, r: r, g: g, p: p, off: off}
	u.first, u.last = r.segmentAt(off), r.segmentAt(off+p.size-1)
	u.release, err = o.m.c.Budget.Acquire(ctx, encodeMemory(g, u.last-u.first+1)+int64(g.Total)*r.g.TreeSize()+2*r.batchMemory(0, 0))
	if err != nil {
		return nil, err
	}
	if u.leaves, err = r.allLeaves(ctx, g.Segments); err != nil {
		u.release()
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, nil
	}
	return u, nil
}

// uniform says whether there is each share of the version, laid out as this program does it, and no other.
func (o *op) uniform(b *basis) bool {
	usual := layout.Parts{Prefix: b.v.prefix}
	g, err := b.v.prefix.Geometry()
	if err != nil {
		return false
	}
	usual.BlockHashes = make(hashtree.Tree, g.TreeNodes())
	h, err := usual.Header()
	if err != nil {
		return false
	}
	for _, a := range b.s.answers {
		for _, x := range a.shares {
			if x.bad != nil || x.head.Prefix != b.v.prefix || x.head.Span(layout.PartData) != h.Span(layout.PartData) {
				return false
			}
		}
	}
	return len(b.v.seen) == b.v.Version.Total
}

// allLeaves reads and checks the block hash trees of all shares, one of each number, and returns their leaves with room for so many.
func (r *retrieval) allLeaves(ctx context.Context, segments int) ([][]taghash.Hash, error) {
	leaves := make([][]taghash.Hash, r.g.Total)
	errs := make([]error, r.g.Total)
	var reading sync.WaitGroup
	for num, copies := range r.v.seen {
		reading.Go(func() {
			var tree hashtree.Tree
			for _, x := range copies {
				if tree, errs[num] = r.tree(ctx, x); errs[num] == nil {
					break
				}
			}
			if errs[num] != nil {
				return
			}
			leaves[num] = make([]taghash.Hash, segments)
			for s := range min(r.g.Segments, segments) {
				leaves[num][s] = tree.Leaf(s)
			}
		})
	}
	reading.Wait()
	return leaves, errors.Join(errs...)
}

// tree reads the block hash tree of one share.
func (r *retrieval) tree(ctx context.Context, x *sighting) (hashtree.Tree, error) {
	limited, cancel := context.WithTimeout(ctx, r.o.m.c.QueryTimeout)
	defer cancel()
	got, err := r.o.readSpans(limited, x, x.head.Span(layout.PartShareHashes), x.head.Span(layout.PartBlockHashes))
	if err != nil {
		return nil, err
	}
	var tree hashtree.Tree
	if perr := r.o.m.c.Pool.Do(ctx, func() { tree, err = verifyTree(r.v.prefix, x.num, got[0], got[1]) }); perr != nil {
		return nil, perr
	}
	if c, ok := errors.AsType[*layout.CorruptError](err); ok {
		return nil, r.o.blame(limited, x, c)
	}
	return tree, err
}

// run encodes the touched segments, and writes them where they are.
func (u *updating) run(ctx context.Context) (Version, error) {
	defer u.release()
	key, err := u.o.private(ctx, u.b.v)
	if err != nil {
		return Version{}, err
	}
	enc, err := u.o.newEncoder(u.g, u.leaves)
	if err != nil {
		return Version{}, err
	}
	e, err := enc.run(ctx, u.first, u.last, func(b []byte, at int64) error { return u.read(ctx, b, at) })
	if err != nil {
		return Version{}, err
	}
	defer e.close()
	prefix, err := u.o.publish(ctx, u.b.s, key, e, true)
	return versionOf(prefix), err
}

// read is the new plaintext of one segment: what is written, between what was there.
func (u *updating) read(ctx context.Context, b []byte, at int64) error {
	end := at + int64(len(b))
	from, to := max(u.off, at), min(u.off+u.p.size, end)
	if s := u.r.segmentAt(at); s < u.r.g.Segments && (from > at || to < end && to < u.r.g.Size) {
		old, err := u.r.segments(ctx, make([]byte, 0, u.r.g.SegmentSize), s, s)
		if err != nil {
			return err
		}
		copy(b, old)
	}
	return readFull(u.p, b[from-at:to-at], from-u.off)
}

// rewrite reads all of a file, and writes all of it anew with p in it. That also replaces shares that are missing or bad.
func (o *op) rewrite(ctx context.Context, b *basis, p *plaintext, off int64) (Version, error) {
	whole, err := o.patched(ctx, b, p, off)
	if err != nil {
		return Version{}, err
	}
	defer whole.close()
	return o.overwrite(ctx, b, whole)
}

// patched is all of a file with p in it.
func (o *op) patched(ctx context.Context, b *basis, p *plaintext, off int64) (*plaintext, error) {
	r, err := o.retrieve(b.s, b.v)
	if err != nil {
		return nil, err
	}
	release, err := o.m.c.Budget.Acquire(ctx, r.batchMemory(0, r.g.Segments-1))
	if err != nil {
		return nil, err
	}
	defer release()
	s := spool.New(o.m.c.SpoolDir, stageMemory)
	err = r.stream(ctx, 0, off, s, func() {})
	if err == nil {
		_, err = io.Copy(s, io.NewSectionReader(p, 0, p.size))
	}
	if err == nil && off+p.size < r.g.Size {
		err = r.stream(ctx, off+p.size, r.g.Size, s, func() {})
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return &plaintext{s, s.Size(), func() { _ = s.Close() }}, nil
}

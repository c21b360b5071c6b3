package mutable

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tahoe/internal/gather"
	"tahoe/internal/hashtree"
	"tahoe/internal/zfec"
	"tahoe/lafs/grid"
	"tahoe/lafs/mutable/layout"
	"tahoe/lafs/trace"
	"tahoe/storage"
)

// A retrieval gets segments of one version, each from any k of its shares.
type retrieval struct {
	o    *op
	s    *Servermap
	v    *VersionShares
	g    layout.Geometry
	code *zfec.Code

	trees map[*sighting]hashtree.Tree // verified block hash trees; guarded by o.mu
}

func (o *op) retrieve(s *Servermap, v *VersionShares) (*retrieval, error) {
	g, err := v.prefix.Geometry()
	if err != nil {
		return nil, err
	}
	code, err := zfec.New(g.Needed, g.Total)
	if err != nil {
		return nil, err
	}
	return &retrieval{o: o, s: s, v: v, g: g, code: code, trees: make(map[*sighting]hashtree.Tree)}, nil
}

// A part is what one share gives of a run of segments: its blocks with their salts.
type part struct {
	num  storage.ShareNum
	data []byte
}

// segments returns the plaintext of segments first to last in dst, which is empty and has capacity for them with the padding
// of each. Too few good shares are a *NotEnoughSharesError, also where the file was replaced meanwhile: then it is ErrChanged too.
func (r *retrieval) segments(ctx context.Context, dst []byte, first, last int) (_ []byte, err error) {
	if o := trace.From(ctx); o != nil {
		fetched, done := o.Segment(r.traced(first, last))
		defer func() { done(err) }()
		return r.gathered(ctx, dst, first, last, fetched)
	}
	return r.gathered(ctx, dst, first, last, func() {})
}

func (r *retrieval) traced(first, last int) trace.Segment {
	from, _, _ := r.g.Segment(first)
	at, size, _ := r.g.Segment(last)
	return trace.Segment{Number: first, Count: last - first + 1, Span: storage.Span{Offset: from, Size: at + size - from}}
}

func (r *retrieval) gathered(ctx context.Context, dst []byte, first, last int, fetched func()) ([]byte, error) {
	parts, err := r.parts(ctx, first, last)
	if err != nil {
		return nil, err
	}
	fetched()
	if perr := r.o.m.c.Pool.Do(ctx, func() { dst, err = r.decode(dst, parts, first, last) }); perr != nil {
		return nil, perr
	}
	return dst, err
}

// parts are what k shares give of segments first to last.
func (r *retrieval) parts(ctx context.Context, first, last int) ([]part, error) {
	size := r.blocksSize(first, last)
	hedge := r.o.m.c.Hedge + time.Duration(size/usualRate)*time.Second
	parts, err := gather.Run(ctx, r.g.Needed, hedge, r.tasks(first, last))
	if short, ok := errors.AsType[*gather.ShortError](err); ok {
		return nil, r.short(short)
	}
	return parts, err
}

// short is the error of too few good shares.
func (r *retrieval) short(short *gather.ShortError) error {
	r.o.mu.Lock()
	defer r.o.mu.Unlock()
	e := &NotEnoughSharesError{Need: r.g.Needed, Asked: r.s.Answers()}
	for _, copies := range r.v.seen {
		if slices.ContainsFunc(copies, func(x *sighting) bool { return x.bad == nil }) {
			e.Have++
		}
	}
	e.Have = min(e.Have, e.Need-1)
	if errors.Is(short, ErrChanged) {
		return &changedError{*e}
	}
	return e
}

// A changedError is a NotEnoughSharesError for which another writer is to blame.
type changedError struct{ NotEnoughSharesError }

func (e *changedError) Error() string {
	return ErrChanged.Error() + ": " + e.NotEnoughSharesError.Error()
}

func (e *changedError) Unwrap() []error { return []error{ErrChanged, &e.NotEnoughSharesError} }

// tasks are the ways to get one of the shares, each number once, the most promising first: those of servers that answered
// first, and of different servers before several of one.
func (r *retrieval) tasks(first, last int) []gather.Task[part] {
	type candidate struct {
		copies []*sighting
		load   int
	}
	var all []candidate
	r.o.mu.Lock()
	for _, copies := range r.v.seen {
		good := slices.DeleteFunc(slices.Clone(copies), func(x *sighting) bool { return x.bad != nil })
		if len(good) > 0 {
			all = append(all, candidate{copies: good})
		}
	}
	r.o.mu.Unlock()
	order := func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.load, b.load), cmp.Compare(a.copies[0].order, b.copies[0].order), cmp.Compare(a.copies[0].num, b.copies[0].num))
	}
	slices.SortFunc(all, order)
	load := make(map[grid.ServerID]int)
	for i := range all {
		id := all[i].copies[0].server.ID()
		all[i].load = load[id]
		load[id]++
	}
	slices.SortStableFunc(all, order)
	tasks := make([]gather.Task[part], len(all))
	for i, c := range all {
		tasks[i] = func(ctx context.Context) (part, error) { return r.fetchAny(ctx, c.copies, first, last) }
	}
	return tasks
}

// fetchAny gets the blocks of one share from one of the servers that have it.
func (r *retrieval) fetchAny(ctx context.Context, copies []*sighting, first, last int) (part, error) {
	var errs []error
	for _, x := range copies {
		data, err := r.fetch(ctx, x, first, last)
		if err == nil {
			return part{x.num, data}, nil
		}
		if ctx.Err() != nil {
			return part{}, err
		}
		r.o.mu.Lock()
		x.bad = err
		r.o.mu.Unlock()
		errs = append(errs, err)
	}
	return part{}, errors.Join(errs...)
}

// leastRate is how many bytes a second a server has to give, on top of the time that any answer may take; usualRate is at how
// many others are not asked too.
const (
	leastRate = 16 << 10
	usualRate = 128 << 10
)

// fetch gets verified blocks of one share.
func (r *retrieval) fetch(ctx context.Context, x *sighting, first, last int) ([]byte, error) {
	r.o.mu.Lock()
	tree := r.trees[x]
	r.o.mu.Unlock()
	from := x.head.Block(r.g, first)
	spans := []storage.Span{{Offset: from.Offset, Size: x.head.Block(r.g, last).End() - from.Offset}}
	size := spans[0].Size
	if tree == nil {
		spans = append(spans, x.head.Span(layout.PartShareHashes), x.head.Span(layout.PartBlockHashes))
		size += spans[2].Size
	}
	limited, cancel := context.WithTimeout(ctx, r.o.m.c.QueryTimeout+time.Duration(size/leastRate)*time.Second)
	defer cancel()
	got, err := r.o.readSpans(limited, x, spans...)
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			err = errLate
		}
		return nil, err
	}
	for i, s := range spans {
		if int64(len(got[i])) < s.Size {
			err = &layout.CorruptError{Part: layout.PartData, Reason: "the share ends in front of the end that its header states"}
		}
	}
	if err == nil {
		err = r.verify(ctx, x, tree, got, first, last)
	}
	if c, ok := errors.AsType[*layout.CorruptError](err); ok {
		return nil, r.o.blame(limited, x, c)
	}
	return got[0], err
}

// blame finds out whether a share that did not verify is corrupt, or was replaced meanwhile.
func (o *op) blame(ctx context.Context, x *sighting, c *layout.CorruptError) error {
	same, err := o.prefixNow(ctx, x)
	if err != nil {
		return err
	}
	if !same {
		return ErrChanged
	}
	return o.corrupt(x.server, x.num, x.check, c)
}

// verify checks the blocks of segments first to last, and before that the hash trees where tree is nil.
func (r *retrieval) verify(ctx context.Context, x *sighting, tree hashtree.Tree, got [][]byte, first, last int) (err error) {
	if perr := r.o.m.c.Pool.Do(ctx, func() {
		if tree == nil {
			if tree, err = verifyTree(r.v.prefix, x.num, got[1], got[2]); err != nil {
				return
			}
			r.o.mu.Lock()
			r.trees[x] = tree
			r.o.mu.Unlock()
		}
		start := r.g.Block(first).Offset
		for s := first; s <= last && err == nil; s++ {
			b := r.g.Block(s)
			err = layout.VerifyBlock(tree, s, got[0][b.Offset-start:b.End()-start])
		}
	}); perr != nil {
		return perr
	}
	return err
}

// verifyTree checks the hash trees of a share up to the root that is signed.
func verifyTree(prefix layout.Prefix, num storage.ShareNum, chain, nodes []byte) (hashtree.Tree, error) {
	entries, err := layout.ParseShareHashes(chain)
	if err != nil {
		return nil, err
	}
	tree, err := layout.ParseBlockHashes(nodes)
	if err != nil {
		return nil, err
	}
	p := layout.Parts{Prefix: prefix, ShareHashes: entries, BlockHashes: tree}
	return tree, p.VerifyHashes(int(num))
}

// decode rebuilds and decrypts segments of k verified parts.
func (r *retrieval) decode(dst []byte, parts []part, first, last int) ([]byte, error) {
	for s := first; s <= last; s++ {
		_, size, block := r.g.Segment(s)
		at := len(dst)
		salt, err := r.join(dst[at:at+int(block)*r.g.Needed], parts, first, s)
		if err != nil {
			return nil, err
		}
		dst = dst[:at+int(size)]
		layout.Crypt(r.o.f.open().readKey, salt, dst[at:], dst[at:])
	}
	return dst, nil
}

// join rebuilds the ciphertext of segment s, with its padding, of k verified parts that begin with segment first.
func (r *retrieval) join(segment []byte, parts []part, first, s int) (salt [layout.SaltSize]byte, err error) {
	start, span := r.g.Block(first).Offset, r.g.Block(s)
	_, _, block := r.g.Segment(s)
	blocks := make([][]byte, r.g.Total)
	for i := range r.g.Needed { // missing blocks are rebuilt where they belong
		blocks[i] = segment[i*int(block) : i*int(block) : (i+1)*int(block)]
	}
	salt = r.v.prefix.Salt
	for _, p := range parts {
		b := p.data[span.Offset-start : span.End()-start]
		copy(salt[:], b[:r.g.SaltSize()])
		blocks[p.num] = b[r.g.SaltSize():]
	}
	if err := r.code.Rebuild(blocks); err != nil {
		return salt, fmt.Errorf("rebuild segment %d: %w", s, err)
	}
	for _, p := range parts {
		if int(p.num) < r.g.Needed {
			copy(segment[int(p.num)*int(block):], blocks[p.num])
		}
	}
	return salt, nil
}

package mutable

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"sync"

	"tahoe/internal/hashtree"
	"tahoe/internal/spool"
	"tahoe/internal/taghash"
	"tahoe/internal/zfec"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// spoolMemory is how much of the blocks of an MDMF file stays in memory until they are sent.
const spoolMemory = 1 << 20

// An encoded is a run of segments of a new version: their blocks for all shares, and the hash trees of the whole. It is the
// same whatever the version's number, so that a writer who was surprised signs it again.
//
// Every share goes to its server in one change, with tests, so that no reader finds a share that is half of one version. For
// that all blocks have to be there before the first is sent: the root is signed, and comes first. The blocks of an SDMF
// file are in memory, those of an MDMF file in a spool.
type encoded struct {
	g     layout.Geometry
	first int // the first segment of the run
	last  int
	salt  [layout.SaltSize]byte // of SDMF
	trees []hashtree.Tree       // for each share over its blocks
	roots hashtree.Tree         // over the shares
	data  io.ReaderAt           // segment by segment, and in each block by block, with their salts
	close func()
}

// encodeMemory is what encoding takes of the budget.
func encodeMemory(g layout.Geometry, segments int) int64 {
	stride := int64(g.Total) * (g.BlockSize + g.SaltSize())
	trees := int64(g.Total) * g.TreeSize()
	if g.SaltSize() == 0 {
		return stride + trees
	}
	return stride + g.SegmentSize + min(2*spoolMemory, 2*int64(segments)*stride) + trees
}

// An encoder makes an encoded.
type encoder struct {
	o      *op
	g      layout.Geometry
	code   *zfec.Code
	plain  []byte // one segment; in SDMF the beginning of blocks
	blocks []byte // of one segment
	leaves [][]taghash.Hash
	out    *spool.Spool // nil in SDMF
}

// newEncoder makes an encoder. leaves are the block hashes of each share as they are so far.
func (o *op) newEncoder(g layout.Geometry, leaves [][]taghash.Hash) (*encoder, error) {
	code, err := zfec.New(g.Needed, g.Total)
	if err != nil {
		return nil, err
	}
	e := &encoder{o: o, g: g, code: code, leaves: leaves}
	e.blocks = make([]byte, int64(g.Total)*(g.BlockSize+g.SaltSize()))
	if g.SaltSize() == 0 {
		e.plain = e.blocks[:g.SegmentSize]
		return e, nil
	}
	e.plain = make([]byte, g.SegmentSize)
	e.out = spool.New(o.m.c.SpoolDir, spoolMemory)
	return e, nil
}

// encode encodes a whole file.
func (o *op) encode(ctx context.Context, g layout.Geometry, p *plaintext) (*encoded, error) {
	leaves := make([][]taghash.Hash, g.Total)
	for i := range leaves {
		leaves[i] = make([]taghash.Hash, g.Segments)
	}
	e, err := o.newEncoder(g, leaves)
	if err != nil {
		return nil, err
	}
	return e.run(ctx, 0, g.Segments-1, func(b []byte, off int64) error { return readFull(p, b, off) })
}

func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// run encodes segments first to last, of which read gives the plaintext.
func (e *encoder) run(ctx context.Context, first, last int, read func(b []byte, off int64) error) (*encoded, error) {
	var salt [layout.SaltSize]byte
	rand.Read(salt[:])
	out, err := e.finish(ctx, first, last, func() error {
		for s := first; s <= last; s++ {
			if err := e.segment(ctx, s, salt, read); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		out.salt = salt
	}
	return out, err
}

// finish lets all put the segments first to last, and makes the hash trees.
func (e *encoder) finish(ctx context.Context, first, last int, all func() error) (*encoded, error) {
	out := &encoded{g: e.g, first: first, last: last, close: e.drop, data: bytes.NewReader(e.blocks)}
	if e.out != nil {
		out.data = e.out
	}
	err := all()
	if err == nil {
		err = e.o.m.c.Pool.Do(ctx, func() { out.build(e.leaves) })
	}
	if err != nil {
		e.drop()
		return nil, err
	}
	return out, nil
}

func (e *encoder) drop() {
	if e.out != nil {
		_ = e.out.Close()
	}
}

// build makes the hash trees.
func (e *encoded) build(leaves [][]taghash.Hash) {
	e.trees = make([]hashtree.Tree, len(leaves))
	roots := make([]taghash.Hash, len(leaves))
	for i, l := range leaves {
		e.trees[i] = hashtree.Build(l)
		roots[i] = e.trees[i].Root()
	}
	e.roots = hashtree.Build(roots)
}

func (e *encoder) segment(ctx context.Context, s int, salt [layout.SaltSize]byte, read func(b []byte, off int64) error) error {
	off, size, block := e.g.Segment(s)
	plain := e.plain[:block*int64(e.g.Needed)]
	if err := read(plain[:size], off); err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	var err error
	if perr := e.o.m.c.Pool.Do(ctx, func() {
		if e.out != nil {
			rand.Read(salt[:])
		}
		layout.Crypt(e.o.f.open().readKey, salt, plain[:size], plain[:size])
		clear(plain[size:])
		err = e.spread(plain, salt, int(block))
	}); perr != nil {
		return perr
	}
	if err != nil {
		return fmt.Errorf("encode segment %d: %w", s, err)
	}
	return e.put(ctx, s, block)
}

// put hashes the blocks of segment s, and keeps them.
func (e *encoder) put(ctx context.Context, s int, block int64) error {
	stride := int(block + e.g.SaltSize())
	if err := e.hash(ctx, s, stride); err != nil {
		return err
	}
	if e.out != nil {
		_, err := e.out.Write(e.blocks[:e.g.Total*stride])
		return err
	}
	return nil
}

// spread cuts a padded segment of ciphertext into blocks and makes the others, each behind its salt.
func (e *encoder) spread(plain []byte, salt [layout.SaltSize]byte, block int) error {
	head := int(e.g.SaltSize())
	blocks := make([][]byte, e.g.Total)
	for i := range blocks {
		at := i * (head + block)
		copy(e.blocks[at:at+head], salt[:])
		blocks[i] = e.blocks[at+head : at+head+block]
		if head > 0 && i < e.g.Needed {
			copy(blocks[i], plain[i*block:])
		}
	}
	return e.code.Encode(blocks)
}

// hashAtOnce is how many bytes one slot of the processor pool hashes in a row.
const hashAtOnce = 256 << 10

// hash notes the hashes of the blocks of segment s.
func (e *encoder) hash(ctx context.Context, s, stride int) error {
	step := max(hashAtOnce/stride, 1)
	var all sync.WaitGroup
	errs := make([]error, e.g.Total)
	for from := 0; from < e.g.Total; from += step {
		work := func() {
			errs[from] = e.o.m.c.Pool.Do(ctx, func() {
				for i := from; i < min(from+step, e.g.Total); i++ {
					e.leaves[i][s] = taghash.Block(e.blocks[i*stride : (i+1)*stride])
				}
			})
		}
		if from+step >= e.g.Total {
			work()
			break
		}
		all.Go(work)
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// share is the blocks of one share, with their salts.
func (e *encoded) share(num storage.ShareNum) storage.Data {
	if e.g.Segments == 0 {
		return bytes.NewReader(nil)
	}
	size := e.g.Block(e.last).End() - e.g.Block(e.first).Offset
	return io.NewSectionReader(&shareData{e, int64(num)}, 0, size)
}

// shareData picks the blocks of one share out of the data of all.
type shareData struct {
	e   *encoded
	num int64
}

func (d *shareData) ReadAt(b []byte, off int64) (int, error) {
	g := d.e.g
	stride := g.BlockSize + g.SaltSize()
	n := 0
	for n < len(b) {
		s := d.e.first + int(off/stride)
		if s > d.e.last {
			return n, io.EOF
		}
		size := g.Block(s).Size
		within := off % stride
		if within >= size {
			return n, io.EOF
		}
		want := min(int64(len(b)-n), size-within)
		at := int64(s-d.e.first)*stride*int64(g.Total) + d.num*size + within
		if err := readFull(d.e.data, b[n:n+int(want)], at); err != nil {
			return n, err
		}
		n += int(want)
		off += want
	}
	return n, nil
}

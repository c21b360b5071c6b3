package immutable

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
	"tahoe/internal/zfec"
	"tahoe/lafs/immutable/layout"
	"tahoe/reactor"
)

// The segments in flight of one upload: enough that both cores work while the servers' connections drain at their own
// pace, and no more than ringBytes unless a single segment with its parity is larger.
const (
	ringSegments = 6
	ringBytes    = 24 << 20
)

// A pipeline makes the shares of one file. Workers take its segments in turn: each reads one, encrypts it in place,
// hashes it, adds the parity blocks and hashes every block, all in the processor pool, so that every core works on a
// segment of its own. What cannot be split, the hash of the whole ciphertext, runs beside them. Share streams take the
// blocks from the ring, where they lie until all have passed.
//
// The memory of an upload is that of its pipeline, taken from the byte budget at once, before it starts:
//
//	ring size × n × block size     the segments in flight with their parity; plaintext is read to where the ciphertext will be
//	n × segments × 32              block hashes
//	(n+1) × tree nodes × 32        hash trees, at the end
//	n × at most treeChunk          a piece of a tree on its way out, per share
//
// which is 20 MiB for 3-of-10 and segments of 1 MiB, and about 1.1 MiB more for every GiB of file.
type pipeline struct {
	geometry layout.Geometry
	layout   layout.Layout
	header   []byte
	source   *plaintext
	cipher   cipher.Block // nil: the source is ciphertext
	proof    *truth       // of a file that is repaired: what its shares have to say; else nil
	code     *zfec.Code
	pool     *reactor.Pool
	meter    *uploadMeter

	ring          *ring
	zeros         []byte         // a run of zero bytes; never written to
	next          atomic.Int64   // the segment that the next idle worker takes
	segmentHashes []taghash.Hash // by segment; written by its worker
	blockHashes   []taghash.Hash // of share i and segment s at i×segments+s; written by the worker of s
}

// geometryOf is the layout of the shares of a file.
func geometryOf(e Encoding, size int64) (layout.Geometry, layout.Layout, error) {
	g, err := layout.NewGeometry(e.Needed, e.Total, size, e.MaxSegment)
	if err != nil {
		return g, layout.Layout{}, err
	}
	if _, err := treeMemory(g); err != nil {
		return g, layout.Layout{}, err
	}
	l, err := g.Layout(layout.UEBSize(g))
	return g, l, err
}

// slotsFor is how many segments the ring holds.
func slotsFor(g layout.Geometry) int {
	fit := ringBytes / (int64(g.Total) * g.BlockSize)
	return int(max(1, min(fit, ringSegments, int64(g.Segments))))
}

// slotSize is the memory of one segment with its parity.
func slotSize(g layout.Geometry) int64 { return int64(g.Total) * g.BlockSize }

// pipelineMemory is the memory of a pipeline, as its comment says.
func pipelineMemory(g layout.Geometry) int64 {
	n := int64(g.Total)
	return int64(slotsFor(g))*slotSize(g) +
		n*int64(g.Segments)*layout.HashSize +
		(n+1)*g.TreeSize() +
		n*min(treeChunk*layout.HashSize, g.TreeSize())
}

// newPipeline makes a pipeline over bufs, of which there are slotsFor, slotSize each.
func newPipeline(g layout.Geometry, l layout.Layout, source *plaintext, pool *reactor.Pool, m *uploadMeter, bufs [][]byte) (*pipeline, error) {
	var block cipher.Block
	if !source.sealed {
		var err error
		if block, err = aes.NewCipher(source.key[:]); err != nil {
			return nil, fmt.Errorf("make cipher: %w", err)
		}
	}
	code, err := zfec.New(g.Needed, g.Total)
	if err != nil {
		return nil, err
	}
	return &pipeline{
		geometry: g, layout: l, header: l.Header(),
		source: source, cipher: block, code: code, pool: pool, meter: m,
		ring:          newRing(bufs, g.Total+1),
		zeros:         make([]byte, min(treeChunk*layout.HashSize, g.TreeSize())),
		segmentHashes: make([]taghash.Hash, g.Segments),
		blockHashes:   make([]taghash.Hash, g.Total*g.Segments),
	}, nil
}

// run encodes the whole file and returns the hash of its UEB. It ends when the slowest share stream has taken the last
// segment but the ring's, or when ctx ends. Any failure ends all streams.
func (p *pipeline) run(ctx context.Context) (taghash.Hash, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		p.ring.fail(context.Cause(ctx))
		if p.source.interrupt != nil {
			p.source.interrupt()
		}
	})
	defer stop()
	var wg sync.WaitGroup
	for range min(p.pool.Slots()+1, len(p.ring.slots)) { // one more than can compute, which reads ahead
		wg.Go(func() {
			if err := p.work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	flat, err := p.hashCiphertext(ctx)
	if err = cmp.Or(err, p.source.unchanged()); err != nil { // no share is complete yet
		cancel(err)
	}
	wg.Wait()
	if ctx.Err() != nil {
		p.ring.fail(context.Cause(ctx))
		return taghash.Hash{}, context.Cause(ctx)
	}
	return p.finish(ctx, flat)
}

// work encodes segments until none are left.
func (p *pipeline) work(ctx context.Context) error {
	for {
		s := int(p.next.Add(1)) - 1
		if s >= p.geometry.Segments {
			return nil
		}
		buf, err := p.ring.reserve(s)
		if err != nil {
			return err
		}
		offset, size, block := p.geometry.Segment(s)
		data := buf[:int64(p.geometry.Needed)*block]
		if err := readFullAt(p.source, data[:size], offset); err != nil {
			return err
		}
		clear(data[size:]) // padding of the tail
		if err := p.encode(ctx, s, buf); err != nil {
			return err
		}
	}
}

// encode turns the plaintext of segment s in buf into its blocks, and hashes and publishes these. A file that fits into
// the ring is published before it is hashed, and hashed on all cores at once: its slots are not used again, and there
// are no other segments that would keep the cores busy.
func (p *pipeline) encode(ctx context.Context, s int, buf []byte) error {
	blocks := p.blocks(s, buf)
	whole := p.geometry.Segments <= len(p.ring.slots)
	var failed error
	err := p.pool.Do(ctx, func() {
		if failed = p.seal(s, buf, blocks); failed == nil && !whole {
			p.hash(s, buf, blocks, 0, 1)
		}
	})
	if err = cmp.Or(err, failed); err != nil {
		return err
	}
	p.ring.publish(s)
	if !whole {
		return nil
	}
	parts := min(p.pool.Slots(), int(slotSize(p.geometry)/minHashPart)+1)
	var hashing errgroup.Group
	for part := range parts {
		hashing.Go(func() error {
			return p.pool.Do(ctx, func() { p.hash(s, buf, blocks, part, parts) })
		})
	}
	return hashing.Wait()
}

// minHashPart is how much is worth a goroutine to hash.
const minHashPart = 64 << 10

// readFullAt fills buf from the source. A source that has become shorter since it was measured is an error.
func readFullAt(source io.ReaderAt, buf []byte, offset int64) error {
	n, err := source.ReadAt(buf, offset)
	if n == len(buf) {
		return nil
	}
	if err == io.EOF {
		return fmt.Errorf("read source: it ends after %d bytes, while it is read a second time: %w", offset+int64(n), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("read source: %w", err)
}

// blocks are the blocks of segment s in buf.
func (p *pipeline) blocks(s int, buf []byte) [][]byte {
	_, _, size := p.geometry.Segment(s)
	blocks := make([][]byte, p.geometry.Total)
	for i := range blocks {
		blocks[i] = buf[int64(i)*size:][:size:size]
	}
	return blocks
}

// seal encrypts segment s and adds the parity blocks. The padding of the tail is not encrypted.
func (p *pipeline) seal(s int, buf []byte, blocks [][]byte) error {
	if offset, size, _ := p.geometry.Segment(s); p.cipher != nil {
		decrypt(p.cipher, offset, buf[:size]) // which encrypts as well: the key stream is the same
	}
	return p.code.Encode(blocks)
}

// hash does one of so many parts of the hashing of segment s. The padding of the tail is no part of the segment's hash.
func (p *pipeline) hash(s int, buf []byte, blocks [][]byte, part, parts int) {
	if part == parts-1 {
		_, size, _ := p.geometry.Segment(s)
		p.segmentHashes[s] = taghash.CiphertextSegment(buf[:size])
	}
	for i := part; i < len(blocks); i += parts {
		p.blockHashes[i*p.geometry.Segments+s] = taghash.Block(blocks[i])
	}
}

// hashCiphertext hashes the ciphertext of all segments in order.
func (p *pipeline) hashCiphertext(ctx context.Context) (taghash.Hash, error) {
	h := taghash.NewCiphertext()
	consumer := p.geometry.Total
	for s := range p.geometry.Segments {
		buf, err := p.ring.take(consumer, s, p.geometry.Segments)
		if err != nil {
			return taghash.Hash{}, err
		}
		_, size, _ := p.geometry.Segment(s)
		if err := p.pool.Do(ctx, func() { _, _ = h.Write(buf[:size]) }); err != nil {
			return taghash.Hash{}, err
		}
		p.ring.advance(consumer)
		p.meter.encoded(size)
	}
	return h.Sum(), nil
}

// trailers is what follows the blocks of the shares.
type trailers struct {
	ciphertext hashtree.Tree
	blocks     []hashtree.Tree // by share
	shares     hashtree.Tree
	ueb        []byte
}

// finish builds the hash trees and publishes them to the streams.
func (p *pipeline) finish(ctx context.Context, flat taghash.Hash) (taghash.Hash, error) {
	t := &trailers{blocks: make([]hashtree.Tree, p.geometry.Total)}
	var failed error
	err := p.pool.Do(ctx, func() {
		t.ciphertext = hashtree.Build(p.segmentHashes)
		roots := make([]taghash.Hash, len(t.blocks))
		for i := range t.blocks {
			t.blocks[i] = hashtree.Build(p.blockHashes[i*p.geometry.Segments:][:p.geometry.Segments])
			roots[i] = t.blocks[i].Root()
		}
		t.shares = hashtree.Build(roots)
		u := layout.NewUEB(p.geometry)
		u.CiphertextHash, u.CiphertextRoot, u.ShareRoot = flat, t.ciphertext.Root(), t.shares.Root()
		t.ueb = u.Encode()
		if p.proof != nil {
			t.ueb, failed = p.proof.raw, p.proof.agrees(u)
		}
	})
	err = cmp.Or(err, failed)
	if err != nil {
		p.ring.fail(err)
		return taghash.Hash{}, err
	}
	p.ring.publishEnd(t)
	return taghash.UEB(t.ueb), nil
}

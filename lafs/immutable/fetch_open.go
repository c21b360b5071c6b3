package immutable

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"tahoe/internal/taghash"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// The sizes that decide how a share is opened.
const (
	wholeTiny  = 16 << 10              // shares up to this size are read by one request
	wholeShare = 64 << 10              // and so are those up to this size, or of which most is wanted,
	wholeFile  = 2 << 20               // when k of them have this size at most
	smallTree  = 32 << 10              // ciphertext hash trees up to this size are read from every share
	maxTree    = 4 << 20               // larger ones are not read before the UEB has proved their size
	maxUEB     = layout.MaxUEBSize + 8 // with its length
	moreUEB    = 256                   // by how much a UEB may be longer than today's without a request of its own
	maxHead    = 4 << 10
)

// A guess says where the parts of a share are believed to be. For a share of today's making they are there.
type guess struct {
	g layout.Geometry
	l layout.Layout
}

// parts are what was read of a share, unverified.
type parts struct {
	head []byte // its start; nil when that was not asked for
	at   int64  // where tail starts
	tail []byte

	badUEB error         // what is wrong with the UEB in tail, if the right one is known
	body   io.ReadCloser // the blocks from the lane's segment to the end of the range
}

// section is what was read of a section of the share, shorter where that ends.
func (p *parts) section(offset, size int64) []byte {
	if offset < p.at || offset >= p.at+int64(len(p.tail)) {
		return nil
	}
	b := p.tail[offset-p.at:]
	return b[:min(size, int64(len(b)))]
}

// open makes a share prove itself, and returns the stream of its blocks from the lane's segment on. One round trip does
// for a share that is where it should be: its hash trees and its first blocks are asked for at the same time.
func (l *lane) open(ctx context.Context, s *share) (io.ReadCloser, error) {
	if l.x.provedShare(s) {
		return l.openBlocks(ctx, s)
	}
	p, err := l.x.guess()
	if err != nil {
		return nil, err
	}
	r := l.x.reader(s)
	for range 4 {
		read, err := l.request(ctx, r, p)
		if err != nil {
			return nil, err
		}
		next, err := l.judge(ctx, s, r, p, read)
		if err == nil && next == nil {
			err = l.segmentHashes(ctx)
		}
		if err == nil && next == nil {
			return read.body, nil
		}
		_ = read.body.Close()
		if err != nil {
			return nil, err
		}
		p = *next
	}
	return nil, &partError{partHeader, errContradiction}
}

var errContradiction = errors.New("it contradicts the rest of the share")

// segmentHashes waits for the hashes of the segments, and does not count as waiting for the lane's share meanwhile.
func (l *lane) segmentHashes(ctx context.Context) error {
	l.setReading(false)
	defer l.setReading(true)
	return l.x.needSegmentHashes(ctx)
}

// reader is how s is read now.
func (x *fetch) reader(s *share) storage.Reader {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	return s.r
}

func (x *fetch) provedShare(s *share) bool {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	return s.proved() && x.f.segments != nil
}

// openBlocks opens the stream of blocks of a share that has proved itself.
func (l *lane) openBlocks(ctx context.Context, s *share) (io.ReadCloser, error) {
	f := l.x.f
	f.mu.Lock()
	r, p, first := s.r, guess{f.truth.g, s.layout}, l.position(f.truth.g)
	f.mu.Unlock()
	return openSpan(ctx, r, l.x.blockSpan(p, first))
}

func (x *fetch) blockSpan(p guess, first int) storage.Span {
	_, last := x.segments(p.g)
	from, to := p.l.Data+p.g.BlockOffset(first), p.l.Data+p.g.BlockOffset(last+1)
	return storage.Span{Offset: from, Size: to - from}
}

// guess is the canonical place of everything, by what is known of the file or else by what it most likely is.
func (x *fetch) guess() (guess, error) {
	g, err := x.expected()
	if err != nil {
		return guess{}, err
	}
	size := layout.UEBSize(g)
	if t := x.f.proved(); t.known() {
		size = t.uebSize
	}
	l, err := g.Layout(size)
	return guess{g, l}, err
}

// request reads what p says the lane needs: a small share whole, of others the hash trees and the UEB, and at the same
// time the beginning of the blocks.
func (l *lane) request(ctx context.Context, r storage.Reader, p guess) (*parts, error) {
	x := l.x
	x.f.mu.Lock()
	known, first, tree := x.f.truth.known(), l.position(p.g), x.f.segments == nil
	x.f.mu.Unlock()
	end := p.l.ShareSize()
	if !known {
		end += moreUEB
	}
	blocks := x.blockSpan(p, first)
	if readWhole(p.g.Needed, end, blocks.Size) {
		return l.requestWhole(ctx, r, end, blocks)
	}
	read := &parts{at: p.l.BlockHashes}
	if tree && (p.g.TreeSize() <= smallTree || l.id == 0) {
		read.at = p.l.CiphertextHashes
	}
	if !known && p.g.TreeSize() > maxTree {
		read.at = p.l.UEB
	}
	head := int64(0)
	if first == 0 && p.l.Data <= maxHead {
		head = p.l.Data
		blocks = storage.Span{Size: blocks.End()}
	}
	return read, l.requestBoth(ctx, r, read, storage.Span{Offset: read.at, Size: max(end-read.at, 0)}, blocks, head)
}

// readWhole says whether a share of which blocks bytes are wanted is read whole, into memory.
func readWhole(k int, size, blocks int64) bool {
	return size <= wholeTiny || size*int64(k) <= wholeFile && (size <= wholeShare || blocks > size/2)
}

func (l *lane) requestWhole(ctx context.Context, r storage.Reader, size int64, blocks storage.Span) (*parts, error) {
	b, err := readSpan(ctx, r, storage.Span{Size: size}, &l.meter)
	if err != nil {
		return nil, err
	}
	read := &parts{head: b[:min(len(b), layout.MaxHeaderSize)], tail: b}
	read.body = io.NopCloser(bytes.NewReader(read.section(blocks.Offset, blocks.Size)))
	return read, nil
}

// requestBoth reads the tail while it opens the blocks, and the header off the front of these.
func (l *lane) requestBoth(ctx context.Context, r storage.Reader, read *parts, tail, blocks storage.Span, head int64) error {
	var tails sync.WaitGroup
	var tailErr error
	tails.Go(func() { read.tail, tailErr = readSpan(ctx, r, tail, &l.meter) })
	body, err := openSpan(ctx, r, blocks)
	if err == nil && head > 0 {
		read.head = make([]byte, head)
		var n int
		n, err = readUpTo(body, read.head, &l.meter, false)
		read.head = read.head[:n]
	}
	tails.Wait()
	read.body = body
	if err = firstError(err, tailErr); err != nil && body != nil {
		_ = body.Close()
	}
	return err
}

// judge verifies what was read. It returns nil when the share has proved itself, or where to look next. Parts that are
// wrong but not needed, since other shares have them too, are reported and otherwise ignored.
func (l *lane) judge(ctx context.Context, s *share, r storage.Reader, p guess, read *parts) (next *guess, err error) {
	x := l.x
	if err := x.judgeUEB(p, read); err != nil {
		return l.relocate(ctx, s, r, p, read, err)
	}
	t := x.f.proved()
	canonical, err := t.g.Layout(t.uebSize)
	if err != nil {
		return nil, err
	}
	if t.g != p.g || read.at > p.l.BlockHashes {
		return &guess{t.g, canonical}, nil
	}
	var blocks []taghash.Hash
	var bad error
	if err := l.work(ctx, func() {
		blocks, bad = verifyShare(t, s.num, read.section(p.l.ShareHashes, int64(p.l.ChainSize())), read.section(p.l.BlockHashes, t.g.TreeSize()))
	}); err != nil {
		return nil, err
	}
	if bad != nil {
		return l.elsewhere(ctx, r, p, read, canonical, bad)
	}
	x.judgeHeader(s, p, read)
	x.judgeCiphertextTree(s, t, p, read)
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	x.adviseError(s, read.badUEB)
	s.layout, s.blocks = p.l, blocks
	x.watch.progress++
	return nil, nil
}

// judgeUEB learns from the share's UEB what it proves about the file, unless that is known already. Then a wrong UEB is
// no error, but kept for a report in case that the share proves itself otherwise.
func (x *fetch) judgeUEB(p guess, read *parts) error {
	f := x.f
	t, err := verifyUEB(p.l, read.section(p.l.UEB, maxUEB), f.chk.UEBHash(), f.chk.Needed(), f.chk.Total(), f.chk.Size())
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		if _, err := treeMemory(t.g); err != nil {
			x.cancel(err)
			return err
		}
		if !f.truth.known() {
			f.truth = t
			x.signal()
		}
		x.adviseUEBs()
		return nil
	}
	if m, ok := errors.AsType[*MismatchError](err); ok {
		m.short = NotEnoughSharesError{Need: f.chk.Needed()}
		x.cancel(m)
		return m
	}
	if !f.truth.known() {
		return err
	}
	if f.truth.uebSize <= p.l.UEBSize || !errors.Is(err, errShortShare) { // otherwise too little of it was asked for
		read.badUEB = err
	}
	return nil
}

// adviseError advises of what err says. f.mu is held.
func (x *fetch) adviseError(s *share, err error) {
	if p, ok := errors.AsType[*partError](err); ok {
		s.faults++
		x.advise(s, p)
	}
}

// relocate follows the header to the UEB, since that is not where it was looked for, or longer. Older files have it
// elsewhere.
func (l *lane) relocate(ctx context.Context, s *share, r storage.Reader, p guess, read *parts, failed error) (*guess, error) {
	h, err := l.header(ctx, r, read)
	if err != nil {
		return nil, err
	}
	if sameOffsets(h, p.l) && !errors.Is(failed, errShortShare) {
		return nil, failed
	}
	b, err := readSpan(ctx, r, storage.Span{Offset: h.UEB, Size: maxUEB}, &l.meter)
	if err != nil {
		return nil, err
	}
	q := guess{p.g, h}
	if err := l.x.judgeUEB(q, &parts{at: h.UEB, tail: b}); err != nil {
		return nil, err
	}
	t := l.x.f.proved()
	return headerGuess(t.g, h, t.uebSize)
}

// headerGuess believes the offsets in a header, if the sections behind the blocks have the sizes that they need: what is
// read into memory is bounded by the geometry, and not by what a server says.
func headerGuess(g layout.Geometry, h layout.Layout, uebSize int) (*guess, error) {
	if h.BlockHashes-h.CiphertextHashes != g.TreeSize() || h.ShareHashes-h.BlockHashes != g.TreeSize() {
		return nil, &partError{partHeader, errContradiction}
	}
	h.UEBSize = uebSize
	return &guess{g, h}, nil
}

// elsewhere follows the header when the hash trees are not where they were looked for.
func (l *lane) elsewhere(ctx context.Context, r storage.Reader, p guess, read *parts, canonical layout.Layout, failed error) (*guess, error) {
	if !sameOffsets(p.l, canonical) {
		if v2 := p.g.LayoutV2(p.l.UEBSize); !sameOffsets(p.l, v2) {
			return nil, &partError{partHeader, errContradiction}
		}
		return nil, failed
	}
	h, err := l.header(ctx, r, read)
	if err != nil {
		return nil, failed
	}
	if sameOffsets(h, p.l) {
		return nil, failed
	}
	return headerGuess(p.g, h, p.l.UEBSize)
}

// header is the share's header, which is read now if it was not, or not all of it.
func (l *lane) header(ctx context.Context, r storage.Reader, read *parts) (layout.Layout, error) {
	if h, err := layout.ParseHeader(read.head); err == nil {
		return h, nil
	}
	if len(read.head) < layout.MaxHeaderSize { // not read, or only as much as version 1 has
		var err error
		if read.head, err = readSpan(ctx, r, storage.Span{Size: layout.MaxHeaderSize}, &l.meter); err != nil {
			return layout.Layout{}, err
		}
	}
	h, err := layout.ParseHeader(read.head)
	if err != nil {
		return layout.Layout{}, &partError{partHeader, err}
	}
	return h, nil
}

// judgeHeader reports a header that is not the one that a share of this geometry has.
func (x *fetch) judgeHeader(s *share, p guess, read *parts) {
	if read.head == nil {
		return
	}
	h, err := layout.ParseHeader(read.head)
	if err == nil {
		want, _ := p.g.Layout(0)
		if h == want || h == p.g.LayoutV2(0) {
			return
		}
		err = errContradiction
	}
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	x.adviseError(s, &partError{partHeader, err})
}

// judgeCiphertextTree keeps the share's ciphertext hash tree, if it was read and is right, or reports it.
func (x *fetch) judgeCiphertextTree(s *share, t truth, p guess, read *parts) {
	if read.at > p.l.CiphertextHashes {
		return
	}
	segments, err := verifyCiphertextTree(t, read.section(p.l.CiphertextHashes, t.g.TreeSize()))
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	if err != nil {
		x.adviseError(s, err)
		return
	}
	x.f.segments = segments
}

// sameOffsets compares all of two layouts that a reader relies on.
func sameOffsets(a, b layout.Layout) bool {
	a.BlockSize, a.DataSize, a.PlaintextHashes, a.UEBSize = b.BlockSize, b.DataSize, b.PlaintextHashes, b.UEBSize
	return a == b
}

package immutable

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/health"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// errIncompatible is what is wrong with a share of a version that this program does not know.
var errIncompatible = errors.New("it is of a version that this program does not know")

// checkLead is how much is read of a share at first, and kept while it is verified: all of a small one.
const checkLead = 64 << 10

// layoutOf is where the parts of a file's shares most likely are.
func layoutOf(v caps.CHKVerify) (layout.Layout, error) {
	g, err := layout.NewGeometry(v.Needed(), v.Total(), v.Size(), maxSegmentToday)
	if err != nil {
		return layout.Layout{}, err
	}
	return g.Layout(layout.UEBSize(g))
}

// verifyShare verifies all of a share. What is wrong with the share is a *partError; anything else is its server's fault, or the
// end of ctx.
func (k *check) verifyShare(ctx context.Context, x *checkedShare, reading *health.Reading) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &shareCheck{k: k, x: x, reading: reading, patience: time.AfterFunc(k.c.c.Stall, func() { cancel(errStalled) })}
	defer s.patience.Stop()
	err := s.run(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// A shareCheck verifies one share. It belongs to one goroutine.
type shareCheck struct {
	k        *check
	x        *checkedShare
	reading  *health.Reading
	patience *time.Timer // ends it when the share yields nothing for too long
	lead     []byte      // how the share begins
	whole    bool        // lead is all of it
	trail    []byte      // from the ciphertext hash tree on
}

func (s *shareCheck) run(ctx context.Context) error {
	if err := s.readLead(ctx); err != nil {
		return err
	}
	t, err := s.ueb(ctx)
	if err != nil {
		return err
	}
	release, err := s.hold(ctx, t)
	if err != nil {
		return err
	}
	defer release()
	blocks, err := s.trees(ctx, t)
	if err != nil {
		return err
	}
	s.trail = nil
	return s.blocks(ctx, t, blocks)
}

// readLead reads the beginning of the share, with its header.
func (s *shareCheck) readLead(ctx context.Context) error {
	usual, err := layoutOf(s.k.cap)
	if err != nil {
		return err
	}
	size := min(usual.ShareSize()+moreUEB, checkLead)
	if s.lead, err = s.read(ctx, 0, size); err != nil {
		return err
	}
	s.whole = int64(len(s.lead)) < size
	if s.x.header, err = layout.ParseHeader(s.lead); err == nil {
		return nil
	}
	if len(s.lead) >= 4 {
		if v := binary.BigEndian.Uint32(s.lead); v != 1 && v != 2 {
			return &partError{partHeader, errIncompatible}
		}
	}
	return &partError{partHeader, err}
}

// acquire takes memory of the budget. Waiting for it is not the server's fault.
func (s *shareCheck) acquire(ctx context.Context, n int64) (release func(), err error) {
	s.patience.Stop()
	defer s.patience.Reset(s.k.c.c.Stall)
	return s.k.c.c.Budget.Acquire(ctx, n)
}

// hold takes the memory of the rest: two trees as they lie in the share and their nodes, and a block.
func (s *shareCheck) hold(ctx context.Context, t truth) (release func(), err error) {
	if _, err := treeMemory(t.g); err != nil {
		return nil, err
	}
	return s.acquire(ctx, 4*t.g.TreeSize()+t.g.BlockSize)
}

// read reads a run of bytes, shorter where the share ends.
func (s *shareCheck) read(ctx context.Context, off, size int64) ([]byte, error) {
	if s.whole || off+size <= int64(len(s.lead)) {
		b := s.lead[min(off, int64(len(s.lead))):]
		return b[:min(size, int64(len(b)))], nil
	}
	body, err := openSpan(ctx, s.x.r, storage.Span{Offset: off, Size: size})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(&patientReader{s, body})
	return b.Bytes(), err
}

// A patientReader notes that the share yields something.
type patientReader struct {
	s    *shareCheck
	body io.Reader
}

func (p *patientReader) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	if n > 0 {
		p.s.patience.Reset(p.s.k.c.c.Stall)
	}
	return n, err
}

// ueb reads the UEB where the header says that it is, and checks it against the capability.
func (s *shareCheck) ueb(ctx context.Context) (truth, error) {
	v := s.k.cap
	b, err := s.read(ctx, s.x.header.UEB, maxUEB)
	if err != nil {
		return truth{}, err
	}
	t, err := verifyUEB(s.x.header, b, v.UEBHash(), v.Needed(), v.Total(), v.Size())
	if _, ok := errors.AsType[*MismatchError](err); ok {
		err = &partError{partUEB, err}
	}
	if err == nil {
		s.k.mu.Lock()
		s.k.truth = t
		s.k.mu.Unlock()
		s.x.header.UEBSize = t.uebSize
	}
	return t, err
}

// trees reads the hash trees and the chain, checks them up to the UEB, and returns the hashes of the blocks.
func (s *shareCheck) trees(ctx context.Context, t truth) ([]taghash.Hash, error) {
	tree := t.g.TreeSize()
	ciphertext, err := s.section(ctx, t, s.x.header.CiphertextHashes, tree)
	if err != nil {
		return nil, err
	}
	block, err := s.section(ctx, t, s.x.header.BlockHashes, tree)
	if err != nil {
		return nil, err
	}
	chain, err := s.section(ctx, t, s.x.header.ShareHashes, int64(s.x.header.ChainSize()))
	if err != nil {
		return nil, err
	}
	var blocks []taghash.Hash
	err = s.compute(ctx, func() error {
		if _, err := verifyCiphertextTree(t, ciphertext); err != nil {
			return err
		}
		var err error
		blocks, err = verifyShare(t, int(s.x.num), chain, block)
		return err
	})
	return blocks, err
}

// section is one of the sections behind the blocks. They are read at once where they lie as they should.
func (s *shareCheck) section(ctx context.Context, t truth, off, size int64) ([]byte, error) {
	h := s.x.header
	if h.UEB-h.CiphertextHashes != 2*t.g.TreeSize()+int64(h.ChainSize()) {
		return s.read(ctx, off, size)
	}
	if s.trail == nil {
		var err error
		if s.trail, err = s.read(ctx, h.CiphertextHashes, h.UEB-h.CiphertextHashes); err != nil {
			return nil, err
		}
	}
	at := off - h.CiphertextHashes
	if at < 0 || at > int64(len(s.trail)) {
		return s.read(ctx, off, size)
	}
	b := s.trail[at:]
	return b[:min(size, int64(len(b)))], nil
}

// compute works in the processor pool. Waiting for that is not the server's fault.
func (s *shareCheck) compute(ctx context.Context, work func() error) (err error) {
	s.patience.Stop()
	defer s.patience.Reset(s.k.c.c.Stall)
	if perr := s.k.c.c.Pool.Do(ctx, func() { err = work() }); perr != nil {
		return perr
	}
	return err
}

// blocks reads all blocks as one stream, and checks one after the other.
func (s *shareCheck) blocks(ctx context.Context, t truth, want []taghash.Hash) error {
	from, to := s.x.header.Data, s.x.header.Data+t.g.ShareDataSize()
	lead := s.lead[min(from, int64(len(s.lead))):min(to, int64(len(s.lead)))]
	stream := io.Reader(bytes.NewReader(lead))
	if rest := from + int64(len(lead)); rest < to && !s.whole {
		body, err := openSpan(ctx, s.x.r, storage.Span{Offset: rest, Size: to - rest})
		if err != nil {
			return err
		}
		defer body.Close()
		stream = io.MultiReader(stream, body)
	}
	stream = &patientReader{s, stream}
	buf := make([]byte, t.g.BlockSize)
	for i := range t.g.Segments {
		_, _, size := t.g.Segment(i)
		if _, err := io.ReadFull(stream, buf[:size]); err == io.EOF || err == io.ErrUnexpectedEOF {
			return &partError{blockPart(i), errShortShare}
		} else if err != nil {
			return err
		}
		if err := s.compute(ctx, func() error { return verifyBlock(i, buf[:size], want[i]) }); err != nil {
			return err
		}
		s.reading.Verified(size)
	}
	return nil
}

// blame finds the part of a corrupt share that is wrong, when all have been read: where the header does not place things as it
// should, and what is there does not verify, it is the header. Shares of both versions are right; so is a share that is laid out in
// some other way, if all is where its header says.
func (k *check) blame(x *checkedShare) {
	if _, bad := errors.AsType[*partError](x.err); !bad || x.header == (layout.Layout{}) || !k.truth.known() {
		return
	}
	canonical, err := k.truth.g.Layout(k.truth.uebSize)
	if err != nil {
		return
	}
	if x.header.Version == 2 {
		canonical = k.truth.g.LayoutV2(k.truth.uebSize)
	}
	if !sameOffsets(x.header, canonical) {
		x.err = &partError{partHeader, errContradiction}
	}
}

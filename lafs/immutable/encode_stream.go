package immutable

import (
	"encoding/binary"
	"io"
	"sync/atomic"

	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
)

// treeChunk is how many hashes of a tree leave a stream at once.
const treeChunk = 1024

// A shareStream is one share, from its header to its UEB, as it comes out of the pipeline. It belongs to the one
// goroutine that reads it, but for busy and taken, by which others see whether that one gets on.
type shareStream struct {
	p     *pipeline
	share int

	segment int    // the next one
	inBlock bool   // rest is a block, which goes back to the ring when it is used up
	rest    []byte // of the current piece
	tail    tailState
	err     error

	busy  atomic.Bool  // false while the stream waits for the pipeline
	taken atomic.Int64 // bytes handed out
}

// tailState says what is left of a share after its blocks.
type tailState struct {
	trailers *trailers
	zeros    int64 // bytes of the plaintext hash tree, which nobody uses
	trees    [2]hashtree.Tree
	buf      []byte
	ended    bool
}

func (p *pipeline) stream(share int) *shareStream {
	s := &shareStream{p: p, share: share, rest: p.header}
	s.busy.Store(true)
	return s
}

// Read gives what is there, without waiting for more than the first byte.
func (s *shareStream) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if len(s.rest) == 0 {
			if n > 0 && !s.ready() {
				break
			}
			if s.next(); s.err != nil {
				break
			}
		}
		c := copy(b[n:], s.rest)
		n += c
		s.took(c)
	}
	if n > 0 || len(b) == 0 {
		return n, nil
	}
	return 0, s.err
}

// took uses up n bytes of the current piece.
func (s *shareStream) took(n int) {
	s.rest = s.rest[n:]
	s.taken.Add(int64(n))
	s.p.meter.pushed(int64(n))
	if len(s.rest) == 0 && s.inBlock {
		s.inBlock = false
		s.p.ring.advance(s.share)
	}
}

// ready says whether next would not wait.
func (s *shareStream) ready() bool {
	return s.err != nil || s.tail.trailers != nil || s.p.ring.has(s.segment, s.p.geometry.Segments)
}

// next finds the next piece, or sets err: io.EOF after the last one.
func (s *shareStream) next() {
	if s.err != nil {
		return
	}
	s.busy.Store(false)
	defer s.busy.Store(true)
	segments := s.p.geometry.Segments
	if s.segment < segments {
		s.nextBlock(segments)
		return
	}
	if s.tail.trailers == nil {
		t, err := s.p.ring.takeEnd(s.share, segments)
		if err != nil {
			s.err = err
			return
		}
		s.beginTail(t)
	}
	if s.rest = s.nextOfTail(); len(s.rest) == 0 {
		s.err = io.EOF
	}
}

func (s *shareStream) nextBlock(segments int) {
	buf, err := s.p.ring.take(s.share, s.segment, segments)
	if err != nil {
		s.err = err
		return
	}
	_, _, size := s.p.geometry.Segment(s.segment)
	s.rest, s.inBlock = buf[int64(s.share)*size:][:size], true
	s.segment++
}

func (s *shareStream) beginTail(t *trailers) {
	s.tail = tailState{
		trailers: t,
		zeros:    s.p.geometry.TreeSize(),
		trees:    [2]hashtree.Tree{t.ciphertext, t.blocks[s.share]},
	}
}

// nextOfTail is the next piece behind the blocks; nothing after the last one.
func (s *shareStream) nextOfTail() []byte {
	t := &s.tail
	if t.zeros > 0 {
		n := min(t.zeros, int64(len(s.p.zeros)))
		t.zeros -= n
		return s.p.zeros[:n]
	}
	for i := range t.trees {
		if len(t.trees[i]) > 0 {
			n := min(len(t.trees[i]), treeChunk)
			t.buf = appendHashes(t.buf[:0], t.trees[i][:n])
			t.trees[i] = t.trees[i][n:]
			return t.buf
		}
	}
	if t.ended {
		return nil
	}
	t.ended = true
	b := t.buf[:0]
	for _, e := range t.trailers.shares.ShareChain(s.share) {
		b = append(binary.BigEndian.AppendUint16(b, uint16(e.Node)), e.Hash[:]...)
	}
	return s.p.layout.AppendUEB(b, t.trailers.ueb)
}

func appendHashes(b []byte, hashes []taghash.Hash) []byte {
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

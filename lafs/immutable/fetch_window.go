package immutable

import (
	"io"
	"slices"

	"tahoe/lafs/immutable/layout"
)

// A window is the part of the range that is in flight. It is guarded by the mutex of its File; a slot's memory belongs to
// the lanes that fill it, then to whoever finishes it, then to the writer.
type window struct {
	open        bool
	g           layout.Geometry
	first, last int     // segments of the range
	low         int     // the segment to be written next
	slots       []*slot // of the segments from low on
	most        int     // slots that there may be
	written     int     // bytes of low that were written
	waited      bool    // the writer had to wait for low
}

// A slot holds one segment. Blocks of the first k shares lie where they belong in the segment, so that decoding moves
// nothing when all k of them are there; others lie beside it, in memory that each lane gets when it first needs it.
type slot struct {
	buf    []byte
	beside [][]byte // one for each lane
	blocks [][]byte // one for each share number; nil where there is none
	have   int
	plain  []byte       // what the writer gets; nil until it is finished
	seen   *seenSegment // what whoever looks on is told of it; nil: nobody does, or nobody fetches it yet
}

func (x *fetch) openWindow(g layout.Geometry) {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	first, last := x.segments(g)
	x.window = window{open: true, g: g, first: first, last: last, low: first, most: x.slots(g), slots: []*slot{newSlot(g)}}
	for !x.again && x.grow() {
	}
	x.watch.opened = x.watch.looks
	x.signal()
}

func newSlot(g layout.Geometry) *slot {
	return &slot{buf: make([]byte, g.SegmentSize), beside: make([][]byte, g.Needed), blocks: make([][]byte, g.Total)}
}

// slot is the place of a segment, nil when the window has not come to it. f.mu is held.
func (w *window) slot(segment int) *slot {
	if i := segment - w.low; w.open && i >= 0 && i < len(w.slots) && segment <= w.last {
		return w.slots[i]
	}
	return nil
}

// blockBuffer is where a lane reads its block of a segment to. The slot belongs to the lane in that place.
func (s *slot) blockBuffer(g layout.Geometry, segment, lane, num int) []byte {
	_, _, size := g.Segment(segment)
	if num < g.Needed {
		return s.buf[int64(num)*size : int64(num+1)*size]
	}
	if s.beside[lane] == nil {
		s.beside[lane] = make([]byte, g.BlockSize)
	}
	return s.beside[lane][:size]
}

// fill puts a verified block into its slot, and moves the lane on. The k-th block has the segment finished.
func (l *lane) fill(s *slot, segment, num int, block []byte) {
	x := l.x
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	s.blocks[num] = block
	s.have++
	l.segment = segment + 1
	l.fresh()
	l.share.most = 0
	x.watch.progress++
	if s.have == x.window.g.Needed {
		s.seen.wasFetched()
		x.running.Go(func() { x.finish(s, segment) })
	}
}

// finish makes plaintext of a full slot.
func (x *fetch) finish(s *slot, segment int) {
	g := x.window.g
	x.f.mu.Lock()
	want := x.f.segments[segment]
	x.f.mu.Unlock()
	var plain []byte
	var failed error
	err := x.work(x.ctx, func() {
		var ciphertext []byte
		if ciphertext, failed = decodeSegment(g, segment, s.buf, s.blocks, want); failed != nil {
			return
		}
		at, size, _ := g.Segment(segment)
		from, to := max(x.off-at, 0), min(x.end-at, size)
		plain = ciphertext[from:to]
		if x.block != nil {
			decrypt(x.block, at+from, plain)
		}
	})
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	s.seen.isDone(firstError(failed, err))
	if err != nil || failed != nil {
		x.cancel(firstError(failed, err))
		return
	}
	s.plain = plain
	x.signal()
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// deliver writes the segments in order, and moves the window. What is being written lies in piece, so that a writer that
// blocks holds nothing else.
func (x *fetch) deliver(w io.Writer, piece []byte) (written int64, err error) {
	for {
		n, last, err := x.next(piece)
		if err != nil {
			return written, err
		}
		if last {
			x.cancel(errReadOver)
		}
		x.writing(true)
		_, err = w.Write(piece[:n])
		x.writing(false)
		written += int64(n)
		if err != nil || last {
			return written, err
		}
	}
}

// next moves what is to be written next to piece, and says whether that is the last of it.
func (x *fetch) next(piece []byte) (n int, last bool, err error) {
	win := &x.window
	err = x.await(x.ctx, func() bool {
		s := win.slot(win.low)
		if s == nil || s.plain == nil {
			win.waited = true
			return false
		}
		n = copy(piece, s.plain[win.written:])
		if win.written += n; win.written == len(s.plain) {
			last = win.low == win.last
			x.recycle(s)
		}
		return true
	})
	if n > 0 {
		err = nil // what was taken is written, so that each fetch gets on
	}
	return n, last, err
}

// recycle makes place for another segment. f.mu is held.
func (x *fetch) recycle(s *slot) {
	win := &x.window
	clear(s.blocks)
	s.have, s.plain, s.seen = 0, nil, nil
	win.slots = slices.Delete(win.slots, 0, 1)
	win.low++
	win.written = 0
	if !x.shrink() {
		win.slots = append(win.slots, s)
		if win.waited {
			x.grow()
		}
	}
	win.waited = false
	if x.turnOver() && win.low <= win.last {
		x.cancel(errYield)
	}
	x.signal()
}

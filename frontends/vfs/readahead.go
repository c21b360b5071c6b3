package vfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"tahoe/caps"
)

// The window of a reader is what it has in memory: some bytes before the last read, for those that come a little late, and
// some after it. Its memory is taken from the budget of all readers, and given back when the reader is closed, or when others need it
// and this one is idle. Without memory, reads go to the grid one by one.
const (
	blockSize = 128 << 10
	firstLook = 1 << 20 // how much is fetched before it is known whether the rest will be read too
	idle      = 2 * time.Second
)

type window struct{ ahead, behind int64 }

// windows are the sizes that are tried, one after the other.
var windows = [...]window{{4 << 20, 1 << 20}, {512 << 10, 256 << 10}}

// memory is what a window on a file takes.
func (w window) memory(size int64) int64 { return min(w.ahead+w.behind+2*blockSize, size+blockSize) }

// A reader reads a file of the grid at any place, in streams that run ahead of who reads in order; who jumps starts another.
type reader struct {
	f    *FS
	file func() caps.Read // in a function, which nothing prints
	size int64
	runs sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when something below has changed
	closed  bool
	window  window
	give    func()              // gives the window's memory back; nil: there is none
	blocks  map[int64][]byte    // what is there of each, from its beginning
	last    int64               // where the reader is: behind the read that came farthest
	active  map[*int64]struct{} // where each read is that has not ended; what it needs is not forgotten
	low     int64               // what lies before it has been forgotten
	used    time.Time
	waiting int     // reads that wait for the stream
	run     *stream // nil: none has begun
}

// A stream is a range under way. What it holds is guarded by the reader's mu.
type stream struct {
	r        *reader
	ctx      context.Context
	cancel   context.CancelFunc
	pos, end int64
	full     bool // it waits for readers
	done     bool
	err      error
}

func (f *FS) newReader(file caps.Read, size int64) *reader {
	r := &reader{f: f, file: func() caps.Read { return file }, size: size, changed: make(chan struct{}), blocks: make(map[int64][]byte), active: make(map[*int64]struct{})}
	f.readers.add(r)
	return r
}

// ReadAt reads as io.ReaderAt does.
func (r *reader) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	at := off
	r.begin(&at)
	defer r.ended(&at)
	n := 0
	for n < len(p) && at < r.size {
		part := p[n:min(int64(len(p)), r.size-off)]
		m, err := r.some(ctx, part, &at)
		n += m
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r *reader) begin(at *int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active[at] = struct{}{}
}

func (r *reader) ended(at *int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, at)
	r.forget()
}

// some reads at least one byte, and moves at behind what it has read.
func (r *reader) some(ctx context.Context, p []byte, at *int64) (int, error) {
	for {
		n, wait, err := r.try(p, at)
		if n > 0 || err != nil {
			return n, err
		}
		if wait == nil {
			r.ended(at)
			r.f.readers.wanted() // others that are idle give theirs back, for the next time
			n, err = r.direct(ctx, p, *at)
			*at += int64(n)
			r.begin(at)
			return n, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		r.mu.Lock()
		r.waiting--
		r.mu.Unlock()
		if err != nil {
			return 0, err
		}
	}
}

var errStopped = errors.New("the reader has gone elsewhere")

// try reads from the window. When what is wanted is on its way, it returns what tells of a change, and the caller counts as
// waiting; nil when it is better read directly.
func (r *reader) try(p []byte, at *int64) (n int, wait <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, nil, fs.ErrClosed
	}
	off := *at
	r.used = r.f.clock.Now()
	if b, ok := r.blocks[off/blockSize]; ok && off%blockSize < int64(len(b)) {
		n := copy(p, b[off%blockSize:])
		*at += int64(n)
		r.advance(*at)
		return n, nil, nil
	}
	s := r.run
	switch {
	case s != nil && s.done && s.err != nil && off >= s.pos && off < s.end:
		r.run = nil // told once: the next read tries again
		return 0, nil, s.err
	case s != nil && !s.done && off >= s.pos && off-s.pos <= r.window.ahead: // it comes, now or with the stream that follows
	case s != nil && !s.done && r.waiting > 0 || !r.start(off):
		return 0, nil, nil
	}
	r.advance(off)
	r.waiting++
	return 0, r.changed, nil
}

// advance notes where the reader is, and forgets what lies too far behind.
func (r *reader) advance(to int64) {
	r.last = max(r.last, to)
	r.forget()
}

// forget forgets what lies too far behind all reads, and lets a stream go on that waits for them.
func (r *reader) forget() {
	floor := r.floor()
	if low := (floor - r.window.behind) / blockSize * blockSize; low > r.low {
		r.low = low
		for k := range r.blocks {
			if r.behind(k) {
				delete(r.blocks, k)
			}
		}
	}
	if r.run != nil && r.run.full && r.run.pos-floor <= r.window.ahead {
		r.run.full = false
		r.tell()
	}
}

// floor is where the hindmost read is, of those that what is remembered can serve.
func (r *reader) floor() int64 {
	low := r.last
	for at := range r.active {
		if *at >= r.low {
			low = min(low, *at)
		}
	}
	return low
}

// behind says whether a block lies too far behind.
func (r *reader) behind(k int64) bool { return (k+1)*blockSize <= r.low }

func (r *reader) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// start begins a stream at off: false when there is no memory. A first one is short; one that goes on where the last one
// ended is not.
func (r *reader) start(off int64) bool {
	if r.give == nil && !r.takeMemory() {
		return false
	}
	old := r.run
	from, end := off-off%blockSize, min(r.size, off+firstLook)
	if old == nil && off < 2*firstLook {
		from = 0 // of those who read from the beginning, with several reads at once, any may come first
	}
	low := from
	if old != nil && old.done && old.err == nil && off >= old.end && off-old.end < r.window.ahead {
		from, end = old.end, r.size
		if int64(len(r.blocks[from/blockSize])) != from%blockSize {
			from -= from % blockSize
			delete(r.blocks, from/blockSize)
		}
		low = min(r.low, from)
	} else {
		clear(r.blocks)
	}
	r.stop()
	s := &stream{r: r, pos: from, end: end}
	s.ctx, s.cancel = context.WithCancel(r.f.life)
	r.run, r.last, r.low = s, off, low
	r.runs.Go(func() {
		defer s.cancel()
		s.finish(r.f.c.Grid.Read(s.ctx, r.file(), from, end-from, s))
	})
	return true
}

// stop ends the stream, without waiting for it.
func (r *reader) stop() {
	if r.run != nil {
		r.run.cancel()
		r.run = nil
	}
}

func (r *reader) takeMemory() bool {
	for _, w := range windows {
		if give, ok := r.f.memory.TryAcquire(w.memory(r.size)); ok {
			r.window, r.give = w, give
			return true
		}
	}
	return false
}

// Write takes what the grid has verified.
func (s *stream) Write(p []byte) (int, error) {
	r := s.r
	for n := 0; n < len(p); {
		r.mu.Lock()
		if r.run != s {
			r.mu.Unlock()
			return n, errStopped
		}
		if s.pos-r.floor() > r.window.ahead {
			wait := r.changed
			s.full = true
			r.mu.Unlock()
			select {
			case <-wait:
			case <-s.ctx.Done():
				return n, errStopped
			}
			continue
		}
		n += s.take(p[n:])
		r.tell()
		r.mu.Unlock()
	}
	return len(p), nil
}

// take puts as much as belongs into one block there, unless what precedes it in the block has been forgotten, or the block lies too
// far behind by now.
func (s *stream) take(p []byte) int {
	k, at := s.pos/blockSize, s.pos%blockSize
	p = p[:min(int64(len(p)), blockSize-at)]
	s.pos += int64(len(p))
	b := s.r.blocks[k]
	if int64(len(b)) != at || s.r.behind(k) {
		return len(p)
	}
	if b == nil {
		b = make([]byte, 0, min(blockSize, s.r.size-k*blockSize))
	}
	s.r.blocks[k] = append(b, p...)
	return len(p)
}

func (s *stream) finish(err error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if err == nil && s.pos < s.end {
		err = io.ErrUnexpectedEOF
	}
	s.done, s.err = true, err
	s.r.tell()
}

// direct reads without the window.
func (r *reader) direct(ctx context.Context, p []byte, off int64) (int, error) {
	w := &sliceWriter{p: p}
	err := r.f.c.Grid.Read(ctx, r.file(), off, int64(len(p)), w)
	if err == nil && w.n < len(p) {
		err = io.ErrUnexpectedEOF
	}
	return w.n, err
}

type sliceWriter struct {
	p []byte
	n int
}

func (w *sliceWriter) Write(p []byte) (int, error) {
	n := copy(w.p[w.n:], p)
	w.n += n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// rest gives the memory back when nobody has read for a while, or whatever when so it is said.
func (r *reader) rest(whatever bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.give == nil || !whatever && (r.waiting > 0 || r.f.clock.Now().Sub(r.used) < idle) {
		return
	}
	r.stop()
	clear(r.blocks)
	r.give()
	r.give = nil
	r.tell()
}

// Close ends the reader, and waits for its stream.
func (r *reader) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.rest(true)
	r.f.readers.remove(r)
	r.runs.Wait()
}

// readers are all that are open.
type readers struct {
	mu  sync.Mutex
	all map[*reader]struct{}
}

func (rs *readers) add(r *reader) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.all == nil {
		rs.all = make(map[*reader]struct{})
	}
	rs.all[r] = struct{}{}
}

func (rs *readers) remove(r *reader) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.all, r)
}

// wanted lets the idle ones rest.
func (rs *readers) wanted() {
	rs.mu.Lock()
	all := make([]*reader, 0, len(rs.all))
	for r := range rs.all {
		all = append(all, r)
	}
	rs.mu.Unlock()
	for _, r := range all {
		r.rest(false)
	}
}

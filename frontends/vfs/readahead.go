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
	spare   [][]byte            // blocks that were forgotten, for others; together with blocks never more than the window
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

// expect keeps what a read at off will need, until it has come.
func (r *reader) expect(off int64) (came func()) {
	r.begin(&off)
	return func() { r.ended(&off) }
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
	case s != nil && !s.done && r.comes(off, s.pos): // now or with the stream that follows
	case s != nil && !s.done && r.waiting > 0 || !r.start(off):
		return 0, nil, nil
	}
	r.advance(off)
	r.waiting++
	return 0, r.changed, nil
}

// comes says whether a read at off waits for a stream that is at pos. Of those who have many requests under way it may be far ahead, also when the
// window is a small one: those before it are served first, and let the stream come there.
func (r *reader) comes(off, pos int64) bool {
	return off >= pos && off-pos <= max(r.window.ahead, windows[0].ahead)
}

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
	if old != nil && old.done && old.err == nil && r.comes(off, old.end) {
		from, end = old.end, r.size
		if int64(len(r.blocks[from/blockSize])) != from%blockSize {
			from -= from % blockSize
			r.drop(from / blockSize)
		}
		low = min(r.low, from)
	} else {
		for k := range r.blocks {
			r.drop(k)
		}
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
		b = s.r.block()
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

// rest gives the memory back when nobody has read for a while, or whatever when so it is said.
func (r *reader) rest(whatever bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.give == nil || !whatever && (r.waiting > 0 || r.f.clock.Now().Sub(r.used) < idle) {
		return
	}
	r.stop()
	clear(r.blocks)
	r.spare = nil
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

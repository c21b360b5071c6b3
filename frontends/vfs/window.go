package vfs

import "time"

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

// What follows is called with mu held.

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
				r.drop(k)
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

// drop forgets a block.
func (r *reader) drop(k int64) {
	if b := r.blocks[k]; cap(b) == blockSize {
		r.spare = append(r.spare, b[:0])
	}
	delete(r.blocks, k)
}

// block is an empty one.
func (r *reader) block() []byte {
	n := len(r.spare) - 1
	if n < 0 {
		return make([]byte, 0, min(blockSize, r.size))
	}
	b := r.spare[n]
	r.spare = r.spare[:n]
	return b
}

// behind says whether a block lies too far behind.
func (r *reader) behind(k int64) bool { return (k+1)*blockSize <= r.low }

package immutable

import (
	"errors"
	"math"
	"sync"
)

// errLeft ends the stream of a share that is not written any more.
var errLeft = errors.New("the share is not written any more")

// A ring holds the segments in flight. Segment s lies in slot s%len(slots) from when a worker reserves it until every
// consumer has taken it, so all consumers advance together, at most len(slots) segments apart. Consumers are the shares,
// by number, and one more, which hashes the whole ciphertext.
type ring struct {
	slots []ringSlot

	mu     sync.Mutex
	filled sync.Cond // a segment or the end has been published, or the ring has failed
	freed  sync.Cond // low has risen, or the ring has failed
	at     []int     // by consumer: the segment that it takes next; gone when it has left
	low    int       // the lowest of at
	end    *trailers // what follows the segments; nil until it is known
	err    error
}

// gone is the position of a consumer that waits for nothing.
const gone = math.MaxInt

// A ringSlot holds one encoded segment: block i of size n is buf[i*n : (i+1)*n]. A reserved slot belongs to its worker until
// it is published; then everybody may read it.
type ringSlot struct {
	buf     []byte
	segment int // the one that is published; -1 for none; guarded by the ring's mutex
}

func newRing(bufs [][]byte, consumers int) *ring {
	r := &ring{slots: make([]ringSlot, len(bufs)), at: make([]int, consumers)}
	for i := range bufs {
		r.slots[i] = ringSlot{buf: bufs[i], segment: -1}
	}
	r.filled.L, r.freed.L = &r.mu, &r.mu
	return r
}

// reserve waits until the slot of segment s is free, and gives its buffer to the caller, who fills and publishes it.
func (r *ring) reserve(s int) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.err == nil && s-r.low >= len(r.slots) {
		r.freed.Wait()
	}
	return r.slots[s%len(r.slots)].buf, r.err
}

func (r *ring) publish(s int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slots[s%len(r.slots)].segment = s
	r.filled.Broadcast()
}

// publishEnd publishes what follows the segments.
func (r *ring) publishEnd(t *trailers) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = t
	r.filled.Broadcast()
}

// has says whether take would not wait for segment s, which is the end when there are only s segments.
func (r *ring) has(s, segments int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err != nil || r.hasLocked(s, segments)
}

func (r *ring) hasLocked(s, segments int) bool {
	if s == segments {
		return r.end != nil
	}
	return r.slots[s%len(r.slots)].segment == s
}

// take waits for segment s, which the consumer has to return with advance.
func (r *ring) take(consumer, s, segments int) ([]byte, error) {
	if err := r.wait(consumer, s, segments); err != nil {
		return nil, err
	}
	return r.slots[s%len(r.slots)].buf, nil
}

// takeEnd waits for what follows the segments.
func (r *ring) takeEnd(consumer, segments int) (*trailers, error) {
	if err := r.wait(consumer, segments, segments); err != nil {
		return nil, err
	}
	return r.end, nil
}

func (r *ring) wait(consumer, s, segments int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.err == nil && r.at[consumer] != gone && !r.hasLocked(s, segments) {
		r.filled.Wait()
	}
	if r.err == nil && r.at[consumer] == gone {
		return errLeft
	}
	return r.err
}

// advance returns the segment that the consumer took last.
func (r *ring) advance(consumer int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at[consumer] != gone {
		r.move(consumer, r.at[consumer]+1)
	}
}

// leave takes the consumer out of the ring, which no longer waits for it. The consumer touches no segment any more.
func (r *ring) leave(consumer int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.move(consumer, gone)
	r.filled.Broadcast()
}

// move sets a consumer's position. r.mu is held.
func (r *ring) move(consumer, to int) {
	from := r.at[consumer]
	r.at[consumer] = to
	if from != r.low {
		return
	}
	low := gone
	for _, at := range r.at {
		low = min(low, at)
	}
	if low != r.low {
		r.low = low
		r.freed.Broadcast()
	}
}

// fail ends every wait with err, now and later. The first failure counts.
func (r *ring) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		r.filled.Broadcast()
		r.freed.Broadcast()
	}
}

// failure is the error that the ring has failed with, or nil.
func (r *ring) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

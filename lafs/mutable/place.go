package mutable

import (
	"container/list"
	"context"
	"sync"

	"tahoe/internal/taghash"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// A placeKey names a file: all its capabilities lead to the same.
type placeKey struct {
	index       storage.Index
	fingerprint taghash.Hash
}

// A place is where operations on one file meet. What it remembers makes the next operation cheaper and never decides
// what is true: reads ask the servers whether it still holds, and writes are guarded by tests.
type place struct {
	key     placeKey
	turn    chan struct{} // held by the one who writes, from reading what he changes to the end of his publish
	gate    gate          // passed together by reads of shares, alone by a publish
	users   int           // guarded by Files.mu
	element *list.Element // likewise
	cache   cache         // likewise

	mu      sync.Mutex
	public  *layout.PublicKey
	private *layout.PrivateKey // used by those only who hold the write capability
	prefix  layout.Prefix      // of the newest version whose signature was found good
	taken   uint64             // the highest sequence number that was used here, with success or without
	known   *Servermap         // where all shares are, after a write or Prepare; nil when that is not certain
	advised map[shareID]bool   // the corrupt shares of which servers were advised
}

// A cache holds the contents of one version.
type cache struct {
	prefix   layout.Prefix
	size     int64
	contents func() []byte // verified; never changed; behind a function, which nothing prints
	kept     bool
}

// maxIdle is how many files that nobody uses are remembered. One takes about 300 bytes for each share, and 4 KiB for its keys.
const maxIdle = 1000

// enter finds the place of a file, and keeps it until leave is called.
func (m *Files) enter(k placeKey) (p *place, leave func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p = m.places[k]
	if p == nil {
		p = &place{key: k, turn: make(chan struct{}, 1), advised: make(map[shareID]bool)}
		p.element = m.recent.PushFront(p)
		m.places[k] = p
	}
	p.users++
	m.recent.MoveToFront(p.element)
	return p, func() { m.leave(p) }
}

func (m *Files) leave(p *place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.users--
	for e := m.recent.Back(); e != nil && len(m.places) > maxIdle; {
		idle := e.Value.(*place)
		e = e.Prev()
		if idle.users == 0 {
			m.recent.Remove(idle.element)
			delete(m.places, idle.key)
			m.drop(idle)
		}
	}
}

// takeTurn waits until nobody else of this node writes the file.
func (p *place) takeTurn(ctx context.Context) (done func(), err error) {
	select {
	case p.turn <- struct{}{}:
		return func() { <-p.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// remember keeps the contents of a version, unless they are too large. Of all files together at most Config.Remember bytes are
// kept, those of files used last.
func (m *Files) remember(p *place, prefix layout.Prefix, contents []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(p)
	if int64(len(contents)) > m.c.Remember/2 {
		return
	}
	p.cache = cache{prefix, int64(len(contents)), func() []byte { return contents }, true}
	m.remembered += int64(len(contents))
	for e := m.recent.Back(); e != nil && m.remembered > m.c.Remember; e = e.Prev() {
		if old := e.Value.(*place); old != p {
			m.drop(old)
		}
	}
}

// recall returns the contents that are remembered of a file.
func (m *Files) recall(p *place) cache {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.cache
}

// drop forgets the contents of a file. m.mu is held.
func (m *Files) drop(p *place) {
	m.remembered -= p.cache.size
	p.cache = cache{}
}

// current is what is known for certain of where the shares are.
func (p *place) current() *Servermap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known
}

// learn takes a servermap, or nil when nothing is certain any more.
func (p *place) learn(s *Servermap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = s
}

// saw takes note of a version whose signature is good.
func (p *place) saw(prefix layout.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if newer(prefix, p.prefix) || p.prefix == (layout.Prefix{}) {
		p.prefix = prefix
	}
}

// seqnum is the highest sequence number that was seen.
func (p *place) seqnum() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prefix.Seqnum
}

// tried takes note of a sequence number that must not be used for other contents.
func (p *place) tried(seqnum uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = max(p.taken, seqnum)
}

// used is the highest sequence number that was seen or used.
func (p *place) used() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.taken, p.prefix.Seqnum)
}

// certified says whether the signature of prefix was found good before.
func (p *place) certified(prefix layout.Prefix) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prefix == prefix
}

func (p *place) publicKey() *layout.PublicKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.public
}

func (p *place) privateKey() *layout.PrivateKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.private
}

func (p *place) learnPublic(k *layout.PublicKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.public = k
}

func (p *place) learnPrivate(k *layout.PrivateKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.private, p.public = k, k.Public()
}

// firstAdvice says whether nobody was advised of this share yet.
func (p *place) firstAdvice(id shareID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !p.advised[id]
	p.advised[id] = true
	return first
}

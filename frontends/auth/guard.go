package auth

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"tahoe/reactor"
)

var errLocked = errors.New("locked out after too many wrong passwords")

// A bucket fills by one with each failure and leaks. Who finds it full is locked out until it has leaked.
type bucketSize struct {
	most float64
	leak time.Duration // for one failure to be forgotten
}

// Guessing is slowed for a name at one address first. An address as a whole may fail more often, because many people may be
// behind it; so may a name as a whole, because others could lock its owner out. Who has signed in from an address before is
// held up by neither.
var (
	perPair    = bucketSize{5, time.Minute}
	perAddress = bucketSize{30, 10 * time.Second}
	perName    = bucketSize{30, 20 * time.Second}
)

const (
	maxName      = 256
	guardEntries = 8192 // of each kind, about 2 MiB in all
	maxChecks    = 4    // how many passwords of one address, and of one name, are looked at side by side; the rest wait
	knownFor     = 30 * 24 * time.Hour
)

// A Guard slows and stops those who try passwords, by name and address. Its memory is bounded: what has not been seen for
// longest is forgotten. It may be used by several goroutines at once.
type Guard struct {
	clock reactor.Clock

	mu        sync.Mutex
	pairs     lru[pair, *visitor]
	addresses lru[netip.Prefix, *visitor]
	names     lru[string, *visitor]
}

// open guards nothing from anybody; it is for portals that are given no Guard, as in tests of other things.
var open *Guard

type pair struct {
	name string
	from netip.Prefix
}

type visitor struct {
	level float64
	at    time.Time // when level was true
	known time.Time // when the last sign-in went well
	turns chan struct{}
}

// NewGuard makes a guard. A nil clock is the system's.
func NewGuard(clock reactor.Clock) *Guard {
	if clock == nil {
		clock = reactor.System()
	}
	g := &Guard{clock: clock}
	g.pairs.most, g.addresses.most, g.names.most = guardEntries, guardEntries, guardEntries
	return g
}

// An attempt is a password that is being looked at. One of its methods is called once.
type attempt struct {
	g                   *Guard
	pair, address, name *visitor
}

// begin waits for a turn of the address and of the name, and refuses with errLocked who is locked out.
func (g *Guard) begin(ctx context.Context, l Login) (*attempt, error) {
	if g == nil {
		return &attempt{}, nil
	}
	a := g.find(l)
	for k, v := range []*visitor{a.address, a.name} {
		select {
		case v.turns <- struct{}{}:
		case <-ctx.Done():
			if k > 0 {
				<-a.address.turns
			}
			return nil, context.Cause(ctx)
		}
	}
	if g.locked(a) { // asked behind the turns, so that many at once get hardly more than one after the other
		a.end()
		return nil, errLocked
	}
	return a, nil
}

// end gives the turns back.
func (a *attempt) end() {
	<-a.name.turns
	<-a.address.turns
}

func (g *Guard) find(l Login) *attempt {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := prefixOf(l.From)
	name := l.Name[:min(len(l.Name), maxName)]
	fresh := func() *visitor { return &visitor{at: g.clock.Now(), turns: make(chan struct{}, maxChecks)} }
	return &attempt{g: g, pair: g.pairs.get(pair{name, from}, fresh), address: g.addresses.get(from, fresh), name: g.names.get(name, fresh)}
}

// prefixOf is what one customer of a network has: an IPv4 address, or the 64 bits before which IPv6 hosts choose theirs.
func prefixOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

func (g *Guard) locked(a *attempt) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	if a.pair.leaked(now, perPair) >= perPair.most {
		return true
	}
	if known := a.pair.known; !known.IsZero() && now.Sub(known) < knownFor {
		return false
	}
	return a.address.leaked(now, perAddress) >= perAddress.most || a.name.leaked(now, perName) >= perName.most
}

// leaked brings the level up to date. A level is full as long as less than one failure has been forgotten.
func (v *visitor) leaked(now time.Time, size bucketSize) float64 {
	if d := now.Sub(v.at); d > 0 {
		v.level = max(0, v.level-float64(d)/float64(size.leak))
		v.at = now
	}
	const atom = 1e-6 // what adding up small pieces may lose
	if v.level > size.most-1+atom {
		return size.most
	}
	return v.level
}

func (a *attempt) failed() {
	if a.g == nil {
		return
	}
	a.g.mu.Lock()
	now := a.g.clock.Now()
	a.pair.add(now, perPair)
	a.address.add(now, perAddress)
	a.name.add(now, perName)
	a.g.mu.Unlock()
	a.end()
}

// add counts a failure. Of those that are looked at side by side the last ones fill the bucket beyond its brim, and have to leak like all others: otherwise
// as many would be looked at each time that one has been forgotten.
func (v *visitor) add(now time.Time, size bucketSize) {
	v.leaked(now, size)
	v.level++
}

// succeeded forgives the name at this address. It forgives neither the address nor the name as a whole: who has an account
// could otherwise guess those of others for ever.
func (a *attempt) succeeded() {
	if a.g == nil {
		return
	}
	a.g.mu.Lock()
	a.pair.level, a.pair.known = 0, a.g.clock.Now()
	a.g.mu.Unlock()
	a.end()
}

// unknown counts nothing: it could not be found out whether the password was right.
func (a *attempt) unknown() {
	if a.g != nil {
		a.end()
	}
}

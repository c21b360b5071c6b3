package grid

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/internal/gridmanager"
	"tahoe/reactor"
	"tahoe/storage"
)

// A Conn is the way to a server: a storage.Server that connects when it is used and again when that broke.
type Conn interface {
	storage.Server
	Close() error
}

// Events are what a Conn tells its broker. The functions may be called from any goroutine, and return at once.
type Events struct {
	// Disconnected says that a connection broke, whether it was in use or not. The server may have gone, or may have
	// only become tired of an idle connection: the broker asks it.
	Disconnected func(err error)
}

// A Connector makes the Conn of an announced server, without connecting. An error means that the announcement is of no
// use, now and later.
type Connector func(a Announcement, events Events) (Conn, error)

// An Origin says where an announcement comes from.
type Origin int

// The origins: an announcement of servers.yaml wins over one of an introducer.
const (
	Static Origin = iota
	Announced
	origins
)

// BrokerConfig is what a Broker may be given.
type BrokerConfig struct {
	Preferred []ServerID              // these servers come first in every order
	Managers  []gridmanager.PublicKey // if there are any, only servers that one of them certifies get shares
	Enough    int                     // with fewer servers connected than this, callers hasten the search for more; 0: 10
	Clock     reactor.Clock           // nil: reactor.System
	Log       *slog.Logger            // nil: silent
	Rand      func() float64          // jitter, in [0, 1); nil: math/rand/v2

	ProbeEvery   time.Duration // between signs of life of a connected server; 0: 5 minutes
	ProbeTimeout time.Duration // for a sign of life; 0: 5 seconds
	RetryFirst   time.Duration // after the first failure, doubled after each further one; 0: 1 second
	RetryMax     time.Duration // 0: 2 minutes
}

func (c BrokerConfig) withDefaults() BrokerConfig {
	c.Enough = cmp.Or(c.Enough, 10)
	c.ProbeEvery = cmp.Or(c.ProbeEvery, 5*time.Minute)
	c.ProbeTimeout = cmp.Or(c.ProbeTimeout, 5*time.Second)
	c.RetryFirst = cmp.Or(c.RetryFirst, time.Second)
	c.RetryMax = cmp.Or(c.RetryMax, 2*time.Minute)
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c
}

// maxProbes is how many servers are asked for a sign of life at the same time, however many there are.
const maxProbes = 64

// A Broker keeps the connections to all known servers. It is a reactor.Service, and Servers.
type Broker struct {
	connect   Connector
	c         BrokerConfig
	preferred map[ServerID]bool
	gate      chan struct{} // maxProbes slots

	members atomic.Pointer[[]*member] // by ID; replaced under mu
	changed chan struct{}             // tells Run that members is another

	mu    sync.Mutex
	known [origins]map[ServerID]sealed
	moved chan struct{} // closed and replaced when the state of a server changes

	retiring map[ServerID]bool // guarded by mu

	waiting  atomic.Int32 // callers of WaitConnected
	hotUntil atomic.Int64 // callers hastened the search until then, in Unix nanoseconds
}

// NewBroker makes a broker that knows no server yet. connect makes the connections.
func NewBroker(connect Connector, c BrokerConfig) *Broker {
	b := &Broker{
		connect: connect, c: c.withDefaults(), preferred: make(map[ServerID]bool),
		gate: make(chan struct{}, maxProbes), changed: make(chan struct{}, 1), moved: make(chan struct{}),
	}
	for _, id := range c.Preferred {
		b.preferred[id] = true
	}
	for o := range b.known {
		b.known[o] = make(map[ServerID]sealed)
	}
	b.members.Store(new([]*member))
	return b
}

// Set replaces all announcements of one origin. Servers whose announcement stays the same keep their connection; those
// that are no longer announced are let go. Announcements that make no sense are left out, and the error names them.
func (b *Broker) Set(o Origin, announcements []Announcement) error {
	known, err := sealAll(announcements)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[o] = known
	return errors.Join(err, b.merge())
}

// Update adds announcements to those of their origin, in place of the former ones of the same servers. Those that make no
// sense are left out, and the error names them.
func (b *Broker) Update(o Origin, announcements ...Announcement) error {
	known, err := sealAll(announcements)
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(b.known[o], known)
	return errors.Join(err, b.merge())
}

// sealAll leaves out what makes no sense, and the error names it.
func sealAll(announcements []Announcement) (map[ServerID]sealed, error) {
	known := make(map[ServerID]sealed, len(announcements))
	var errs []error
	for _, a := range announcements {
		if err := a.check(); err != nil {
			errs = append(errs, fmt.Errorf("announcement of server %v: %w", a, err))
			continue
		}
		known[a.ID] = a.seal()
	}
	return known, errors.Join(errs...)
}

// merge makes the members of what is known. b.mu is held.
func (b *Broker) merge() error {
	old := make(map[ServerID]*member)
	for _, m := range *b.members.Load() {
		old[m.ID()] = m
	}
	all := maps.Clone(b.known[Announced])
	maps.Copy(all, b.known[Static])
	members := make([]*member, 0, len(all))
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(all)) {
		m := old[id]
		if m == nil || !m.ann().Equal(all[id]()) {
			var err error
			if m, err = newMember(b, all[id]); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		_, static := b.known[Static][id]
		m.vitals.change(func(s *Status) { s.Static = static })
		m.Retire(b.retiring[id])
		members = append(members, m)
	}
	b.members.Store(&members)
	poke(b.changed)
	return errors.Join(errs...)
}

// poke wakes who waits on c, now or next time.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run looks after the servers until ctx ends. It is ready at once: a grid may be far away.
func (b *Broker) Run(ctx context.Context, ready func()) error {
	ready()
	var wg sync.WaitGroup
	defer wg.Wait()
	running := make(map[*member]context.CancelFunc)
	for {
		want := make(map[*member]bool)
		for _, m := range *b.members.Load() {
			if want[m] = true; running[m] == nil {
				mctx, cancel := context.WithCancel(ctx)
				running[m] = cancel
				wg.Go(func() { m.run(mctx) })
			}
		}
		for m, cancel := range running {
			if !want[m] {
				cancel()
				delete(running, m)
			}
		}
		select {
		case <-b.changed:
		case <-ctx.Done():
			for _, cancel := range running {
				cancel()
			}
			return nil
		}
	}
}

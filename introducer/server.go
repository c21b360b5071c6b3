package introducer

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tahoe/reactor"
)

// A Peer is the other end of a connection with an introducer.
type Peer interface {
	// OnGone has f called, from any goroutine, when the connection has ended: at once if it has already.
	OnGone(f func()) (cancel func())
}

// A Subscriber is told of announcements.
type Subscriber interface {
	Peer
	// Same says whether both are the same object of the same connection.
	Same(other Subscriber) bool
	// Announce tells it of announcements. An error says that it cannot be told any more.
	Announce(ctx context.Context, batch []Signed) error
	// Cut ends its connection, so that it notices, and comes again.
	Cut()
	// TubID and Address say who it is and where, for people.
	TubID() string
	Address() string
}

// ServerConfig are the limits of a Server, and what it may be given. The zero value is good.
type ServerConfig struct {
	Announcements int           // kept at most; 0: 10,000
	Bytes         int           // of memory for them; 0: 64 MiB
	Subscribers   int           // at most; 0: 4096
	Sending       int           // subscribers that are sent to at the same time; 0: 256
	Patience      time.Duration // for a subscriber to take a batch; 0: 30 seconds
	Clock         reactor.Clock // nil: reactor.System
	Log           *slog.Logger  // nil: silent
}

// What is sent at once; more follows when it has been taken.
const (
	batchCount = 256
	batchBytes = 64 << 10
)

// ErrTooMany refuses a subscriber.
var ErrTooMany = errors.New("the introducer has as many subscribers as it takes")

// A Server is an introducer: it keeps what was announced, and tells subscribers. Announcements are kept until it stops, as
// the original does, but for its limits: when there is no room for a new one, it forgets those whose publishers have been
// gone longest, and refuses the new one when nobody is gone. It is a reactor.Service, and subscribers are told while it runs.
type Server struct {
	c    ServerConfig
	gate chan struct{} // one for each subscriber that is being sent to

	mu          sync.Mutex
	book        *book
	subscribers map[*subscription]bool
	work        context.Context // nil: it does not run
	sending     sync.WaitGroup  // grows while work is not nil
	counts      Counts
}

// A subscription is read from the book when its subscriber is ready for more: it holds no queue.
type subscription struct {
	to      Subscriber
	service string
	info    Info
	since   time.Time
	seen    uint64 // revision of the book
	busy    bool   // a goroutine sends to it
	gone    bool
	forget  func()
}

// NewServer makes an introducer that knows nothing.
func NewServer(c ServerConfig) *Server {
	c.Announcements = cmp.Or(c.Announcements, 10_000)
	c.Bytes = cmp.Or(c.Bytes, 64<<20)
	c.Subscribers = cmp.Or(c.Subscribers, 4096)
	c.Sending = cmp.Or(c.Sending, 256)
	c.Patience = cmp.Or(c.Patience, 30*time.Second)
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		c: c, gate: make(chan struct{}, c.Sending), book: newBook(c.Announcements, c.Bytes),
		subscribers: map[*subscription]bool{},
	}
}

// Run sends announcements to subscribers until ctx ends.
func (s *Server) Run(ctx context.Context, ready func()) error {
	work, stop := context.WithCancel(ctx)
	s.mu.Lock()
	s.work = work
	s.wakeAll("")
	s.mu.Unlock()
	ready()
	<-ctx.Done()
	s.mu.Lock()
	s.work = nil
	s.mu.Unlock()
	stop()
	s.sending.Wait()
	return nil
}

// Publish takes an announcement in: ErrBadSignature, ErrMalformed, ErrStale, ErrFull. from is where it comes from.
func (s *Server) Publish(a Signed, from Peer) error {
	v, err := a.Verify()
	if err != nil {
		s.count(func(c *Counts) { c.Received, c.Refused = c.Received+1, c.Refused+1 })
		return err
	}
	e, visit, err := s.take(v)
	if err != nil {
		return err
	}
	s.follow(e, visit, from)
	return nil
}

// follow notices the end of a publisher's connection, in place of that of an earlier publisher.
func (s *Server) follow(e *entry, visit int, from Peer) {
	forget := from.OnGone(func() { s.publisherGone(e, visit) })
	s.mu.Lock()
	if e.visits == visit && s.book.holds(e) {
		e.forget, forget = forget, e.forget
	}
	s.mu.Unlock()
	if forget != nil {
		forget()
	}
}

// take puts an announcement into the book, where there may have to be made room.
func (s *Server) take(v *Verified) (e *entry, visit int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Received++
	now := s.c.Clock.Now()
	e, changed, err := s.book.put(v, now)
	for errors.Is(err, ErrFull) && s.evict() {
		e, changed, err = s.book.put(v, now)
	}
	switch {
	case errors.Is(err, ErrStale):
		s.counts.Stale++
		return nil, 0, err
	case err != nil:
		s.counts.Refused++
		return nil, 0, err
	case changed:
		s.wakeAll(v.Service())
	default:
		s.counts.Repeated++
	}
	e.visits++
	e.here = true
	return e, e.visits, nil
}

// evict forgets the announcement whose publisher has been gone longest; false when all are here. s.mu is held.
func (s *Server) evict() bool {
	var oldest *entry
	for _, e := range s.book.entries {
		if !e.here && (oldest == nil || e.left.Before(oldest.left)) {
			oldest = e
		}
	}
	if oldest == nil {
		return false
	}
	s.book.remove(oldest)
	s.counts.Forgotten++
	return true
}

func (s *Server) publisherGone(e *entry, visit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.visits == visit {
		e.here, e.left = false, s.c.Clock.Now()
	}
}

// Subscribe tells to of all announcements of a service, those of now and those to come: ErrTooMany. Somebody who has
// subscribed already stays as it is.
func (s *Server) Subscribe(to Subscriber, service string, info Info) error {
	sub := &subscription{to: to, service: service, info: info.clean()}
	s.mu.Lock()
	switch {
	case s.subscribed(to, service):
		s.mu.Unlock()
		return nil
	case len(s.subscribers) >= s.c.Subscribers:
		s.mu.Unlock()
		return ErrTooMany
	}
	sub.since = s.c.Clock.Now()
	s.subscribers[sub] = true
	s.wake(sub)
	s.mu.Unlock()
	forget := to.OnGone(func() { s.drop(sub) })
	s.mu.Lock()
	sub.forget = forget
	gone := sub.gone
	s.mu.Unlock()
	if gone {
		forget()
	}
	return nil
}

// subscribed says whether to is told of the service already. s.mu is held.
func (s *Server) subscribed(to Subscriber, service string) bool {
	for sub := range s.subscribers {
		if sub.service == service && sub.to.Same(to) {
			return true
		}
	}
	return false
}

// drop forgets a subscriber.
func (s *Server) drop(sub *subscription) {
	s.mu.Lock()
	first, forget := !sub.gone, sub.forget
	if first {
		sub.gone = true
		delete(s.subscribers, sub)
	}
	s.mu.Unlock()
	if first && forget != nil {
		forget()
	}
}

func (s *Server) count(f func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.counts)
}

package introducer

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"tahoe/reactor"
)

// An Introducer is one that a node uses.
type Introducer struct {
	Name  string // that the node's owner gave it
	FURL  string // the right to use it: a secret
	Cache string // path of the file that keeps what it told; "": none
}

// A Link is a connection with an introducer.
type Link interface {
	// Check says whether the other end is an introducer that speaks version 2 of the protocol.
	Check(ctx context.Context) error
	Publish(ctx context.Context, a Signed) error
	// Subscribe has heard called with what the introducer tells of a service, while the connection lasts. The calls come one
	// by one, and the slices are the callee's.
	Subscribe(ctx context.Context, service string, i Info, heard func(batch []Signed)) error
	// Done is closed when the connection has ended.
	Done() <-chan struct{}
	// Where is the address that was reached, such as tcp:example.org:1234; "" when it is not known.
	Where() string
	// Close ends the connection.
	Close()
}

// Heard is an announcement as a client hands it on: it was verified, by this client or by an earlier one that wrote the cache.
type Heard struct {
	Service string
	Key     string // of the announcer, "v0-…"
	Table   map[string]any
}

// ClientConfig says what a Client does.
type ClientConfig struct {
	Introducers []Introducer
	Connect     func(ctx context.Context, furl string) (Link, error)

	Info    Info
	Publish []*Verified // what this node announces
	Service string      // whose announcements it wants to hear; "": none
	// Sink is given what was heard, what is new since the last call alone, by one goroutine: of all introducers together the
	// newest for each key.
	Sink func(news []Heard)

	Announcements int // remembered at most; 0: 10,000
	Bytes         int // of memory for them; 0: 24 MiB

	RetryFirst time.Duration  // after the first failure, doubled after each further one; 0: 1 second
	RetryMax   time.Duration  // 0: 2 minutes
	Patience   time.Duration  // to connect, and for each answer; 0: 1 minute
	Collect    time.Duration  // between calls of Sink; 0: 100 milliseconds
	SaveEvery  time.Duration  // between writes of the caches; 0: 5 seconds
	Clock      reactor.Clock  // nil: reactor.System
	Log        *slog.Logger   // nil: silent
	Rand       func() float64 // jitter, in [0, 1); nil: math/rand/v2
}

func (c ClientConfig) withDefaults() ClientConfig {
	c.Announcements = cmp.Or(c.Announcements, 10_000)
	c.Bytes = cmp.Or(c.Bytes, 24<<20)
	c.RetryFirst = cmp.Or(c.RetryFirst, time.Second)
	c.RetryMax = cmp.Or(c.RetryMax, 2*time.Minute)
	c.Patience = cmp.Or(c.Patience, time.Minute)
	c.Collect = cmp.Or(c.Collect, 100*time.Millisecond)
	c.SaveEvery = cmp.Or(c.SaveEvery, 5*time.Second)
	if c.Sink == nil {
		c.Sink = func([]Heard) {}
	}
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

// A Client publishes at introducers and hears from them. It is a reactor.Service. What it has heard it does not forget while
// it runs, as far as there is room, since an introducer that does not know a server any more does not say so.
type Client struct {
	c     ClientConfig
	links []*link
	news  chan struct{} // there is something for the sink

	mu     sync.Mutex
	book   *book            // the newest of all introducers
	told   uint64           // the revision that the sink knows
	cached map[index]*Heard // of caches, for the sink
}

// NewClient makes a client that knows nothing.
func NewClient(c ClientConfig) *Client {
	c = c.withDefaults()
	cl := &Client{c: c, news: make(chan struct{}, 1), book: newBook(c.Announcements, c.Bytes), cached: map[index]*Heard{}}
	for _, i := range c.Introducers {
		cl.links = append(cl.links, newLink(cl, i))
	}
	return cl
}

// Run connects with the introducers, again and again, until ctx ends. It is ready at once: introducers may be away.
func (c *Client) Run(ctx context.Context, ready func()) error {
	ready()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, l := range c.links {
		wg.Go(func() { l.run(ctx) })
		wg.Go(func() { l.keepCache(ctx) })
	}
	for {
		select {
		case <-c.news:
		case <-ctx.Done():
			return nil
		}
		for {
			news := c.take()
			if len(news) == 0 {
				break
			}
			c.c.Sink(news)
		}
		if reactor.Sleep(ctx, c.c.Clock, c.c.Collect) != nil {
			return nil
		}
	}
}

// Statuses are the introducers as they are now, in the order in which they were given.
func (c *Client) Statuses() []LinkStatus {
	all := make([]LinkStatus, len(c.links))
	for i, l := range c.links {
		all[i] = l.status()
	}
	return all
}

// maxNews is how many announcements are handed on at once.
const maxNews = 1000

// take returns what the sink is to be told.
func (c *Client) take() []Heard {
	c.mu.Lock()
	entries, next := c.book.after(c.told, "", maxNews, c.c.Bytes)
	c.told = next
	var news []Heard
	for i, h := range c.cached {
		if c.book.entries[i] == nil {
			news = append(news, *h)
		}
	}
	clear(c.cached)
	c.mu.Unlock()
	for _, e := range entries {
		news = append(news, Heard{e.v.Service(), e.v.Key(), e.v.Table()})
	}
	return news
}

// merge takes in what one introducer has told. Another one may have told something newer.
func (c *Client) merge(all []*Verified) {
	now := c.c.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range all {
		if _, changed, _ := c.book.put(v, now); changed {
			poke(c.news)
		}
	}
}

// recall takes in what a cache holds. Anything heard counts more.
func (c *Client) recall(all []Heard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range all {
		i := index{h.Service, h.Key}
		if old := c.cached[i]; c.book.entries[i] == nil && (old == nil || seqnumOf(h) > seqnumOf(*old)) {
			c.cached[i] = &h
			poke(c.news)
		}
	}
}

// poke wakes who waits on c, now or next time.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

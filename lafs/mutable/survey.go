package mutable

import (
	"context"
	"sync"
	"time"

	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/lafs/mutable/layout"
	"tahoe/lafs/trace"
)

const (
	// maxQueries is how many servers are asked at the same time in search of what the first did not have.
	maxQueries = 10

	// look is how often a survey looks at the time, and grace the least time after which a read asks others in place of a
	// server that lets the rest wait.
	look  = 25 * time.Millisecond
	grace = 100 * time.Millisecond
)

// A survey asks servers for their shares, in permuted order. It belongs to one goroutine.
type survey struct {
	o       *op
	mode    Mode
	shallow bool // whether known versions still hold is all that is asked
	servers []*grid.Server
	must    map[grid.ServerID]bool // had shares: a writer waits longer for them
	asked   map[grid.ServerID]time.Time
	next    int // the first server that was not asked
	began   time.Time
	last    time.Duration // from the beginning to the last answer
	out     *Servermap

	// What the answers so far amount to.
	k, n       int
	answers    int // without an error
	failures   int
	best       *VersionShares
	newer      bool // there are signs of a version that is newer than the best, or as new
	boundary   bool // k servers in a row have nothing, behind the last that has something
	unanswered bool // a server in front of the boundary may still answer
}

// survey searches for shares as hard as mode says. Its error is the end of ctx alone: what servers did is in the map.
func (o *op) survey(ctx context.Context, mode Mode) (*Servermap, error) {
	return o.surveyed(ctx, mode, false)
}

func (o *op) surveyed(ctx context.Context, mode Mode, shallow bool) (_ *Servermap, err error) {
	if outer := trace.From(ctx); outer != nil {
		inner, over := outer.Survey(mode.String())
		ctx = trace.With(ctx, inner)
		defer func() { over(err) }()
	}
	enc := o.m.c.Encoding
	o.m.c.Servers.Settle(ctx, enc.Needed)
	servers := o.m.c.Servers.Permuted(o.f.key.index)
	s := &survey{
		o: o, mode: mode, shallow: shallow, servers: servers, k: enc.Needed, n: enc.Total, began: o.m.c.Clock.Now(),
		must: make(map[grid.ServerID]bool), asked: make(map[grid.ServerID]time.Time),
		out: &Servermap{servers: servers, answers: make(map[grid.ServerID]*answer)},
	}
	if known := o.p.current(); known != nil {
		for id, a := range known.answers {
			s.must[id] = a.holds()
		}
	}
	o.meter.Note(func(p *health.Progress) { p.Asked, p.Answered, p.Shares = len(servers), 0, 0 })
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	s.finish()
	return s.out, nil
}

func (s *survey) run(ctx context.Context) error {
	run, cancel := context.WithCancel(ctx)
	var queries sync.WaitGroup
	defer queries.Wait()
	defer cancel()
	answers := make(chan *answer, len(s.servers))
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		s.judge()
		for s.hungry() {
			server := s.servers[s.next]
			size := s.size()
			s.next++
			s.asked[server.ID()] = s.o.m.c.Clock.Now()
			queries.Go(func() { answers <- s.o.ask(run, server, size, s.shallow) })
		}
		if s.done() {
			return nil
		}
		select {
		case a := <-answers:
			s.take(a)
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ask is query with a limit of time.
func (o *op) ask(ctx context.Context, server *grid.Server, size int64, shallow bool) *answer {
	limited, cancel := context.WithTimeout(ctx, o.m.c.QueryTimeout)
	defer cancel()
	a := o.query(limited, server, size, shallow)
	if a.err != nil && limited.Err() != nil && ctx.Err() == nil {
		a.err = errLate
	}
	return a
}

// size is how much is read of the shares of the next server.
func (s *survey) size() int64 {
	if s.shallow {
		return layout.MaxHeaderSize
	}
	if s.mode != ModeCheck && s.next < s.k {
		return eager
	}
	return lead
}

func (s *survey) take(a *answer) {
	s.last = s.o.m.c.Clock.Now().Sub(s.began)
	for _, x := range a.shares {
		x.order = len(s.out.answers)
	}
	s.out.answers[a.server.ID()] = a
	s.o.meter.Answered(len(a.shares))
}

// judge finds out what the answers so far amount to.
func (s *survey) judge() {
	s.answers, s.failures = 0, 0
	for _, a := range s.out.answers {
		if a.err != nil {
			s.failures++
		} else {
			s.answers++
		}
	}
	s.best, s.newer = nil, false
	for _, v := range s.out.Versions() {
		if v.Recoverable() {
			s.best = v
			break
		}
		s.newer = true
	}
	if s.best != nil {
		s.k, s.n = s.best.Version.Needed, s.best.Version.Total
		s.newer = len(s.out.Newer()) > 0 || s.out.contested() || s.o.p.seqnum() > s.best.Version.Seqnum
	}
	s.findBoundary()
}

// findBoundary goes through the servers in order.
func (s *survey) findBoundary() {
	s.boundary, s.unanswered = false, false
	found, empty := false, 0
	for i, server := range s.servers {
		a := s.out.answers[server.ID()]
		switch {
		case a == nil && (i >= s.next || s.waiting(server)):
			s.unanswered = true
		case a == nil || a.err != nil:
		case a.holds():
			found, empty = true, 0
		default:
			if empty++; found && empty >= s.k {
				s.boundary = true
				return
			}
		}
	}
}

// waiting says whether the answer of a server is waited for. A writer waits for those that had shares, and everybody who
// has not found what he wants, until their time is up; others are waited for half as long or less.
func (s *survey) waiting(server *grid.Server) bool {
	asked, ok := s.asked[server.ID()]
	if !ok || s.out.answers[server.ID()] != nil {
		return false
	}
	patient := s.mode == ModeCheck || s.best == nil || s.newer || s.mode == ModeWrite && s.must[server.ID()]
	return patient || s.o.m.c.Clock.Now().Sub(asked) < s.o.m.c.Hedge
}

// pending is how many servers are waited for, and prompt how many of them do not yet keep the rest waiting.
func (s *survey) pending() (pending, prompt int) {
	slow := min(max(3*s.last, grace), s.o.m.c.Hedge)
	for _, server := range s.servers[:s.next] {
		if s.waiting(server) {
			pending++
			if s.o.m.c.Clock.Now().Sub(s.asked[server.ID()]) < slow {
				prompt++
			}
		}
	}
	return pending, prompt
}

// quota is how many servers should answer.
func (s *survey) quota() int {
	switch s.mode {
	case ModeCheck:
		return len(s.servers)
	case ModeWrite:
		return s.n + s.k
	default:
		return 2 * s.k
	}
}

// hungry says whether the next server should be asked.
func (s *survey) hungry() bool {
	if s.next == len(s.servers) {
		return false
	}
	_, prompt := s.pending()
	if s.answers+prompt < s.quota() {
		return true
	}
	return s.answers+s.failures >= s.quota() && !s.satisfied() && prompt < maxQueries
}

// satisfied says whether the answers are what the mode asks for.
func (s *survey) satisfied() bool {
	switch s.mode {
	case ModeAnything:
		return s.best != nil
	case ModeRead:
		return s.best != nil && !s.newer && s.answers >= s.quota()
	case ModeWrite:
		return s.best != nil && s.boundary && !s.unanswered
	default:
		return false
	}
}

func (s *survey) done() bool {
	if s.satisfied() {
		return true
	}
	pending, _ := s.pending()
	return s.next == len(s.servers) && pending == 0
}

// finish blames the servers that did not answer, and warns of what a write would lose.
func (s *survey) finish() {
	for _, server := range s.servers[:s.next] {
		if s.out.answers[server.ID()] == nil && s.o.m.c.Clock.Now().Sub(s.asked[server.ID()]) >= s.o.m.c.Hedge {
			s.out.answers[server.ID()] = &answer{server: server, err: errLate}
		}
	}
	s.judge()
	s.out.whole = s.best != nil && s.failures == 0 && (s.boundary && !s.unanswered || len(s.out.answers) == len(s.servers))
	if newer := s.out.Newer(); len(newer) > 0 && s.best != nil {
		s.o.m.c.Log.Warn("a newer version cannot be rebuilt", "index", s.o.f.key.index.Abbrev(),
			"newer", newer[0].Version, "shares", len(newer[0].Shares), "best", s.best.Version)
	}
	if s.out.NeedsMerge() {
		s.o.m.c.Log.Warn("several versions of the same age", "index", s.o.f.key.index.Abbrev(), "best", s.best.Version)
	}
}

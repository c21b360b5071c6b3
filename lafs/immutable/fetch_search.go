package immutable

import (
	"context"
	"time"

	"tahoe/lafs/grid"
	"tahoe/storage"
)

// maxQueries is how many servers are asked for their shares at the same time, overdue ones not counted.
const maxQueries = 10

// A search is the state of asking servers for their shares. It is guarded by the mutex of its File.
type search struct {
	queue  []*grid.Server // to be asked, best first
	asked  []*grid.Server // asked in this Read, or known from an earlier one
	live   int            // queries without an answer
	late   int            // those of them that are overdue
	stale  bool           // what is known of servers dates from an earlier Read, so that asking again may help
	wanted bool           // a lane stands still: more shares are welcome
}

// begin queues the servers whose shares are not known. f.mu is held, which Permuted may not wait for anyway.
func (s *search) begin(f *File) {
	for _, server := range f.d.Servers.Permuted(f.index) {
		if a := f.answers[server.ID()]; a != nil && a.Err == nil {
			s.asked = append(s.asked, server)
			s.stale = true
			continue
		}
		s.queue = append(s.queue, server)
	}
}

// over says that no more shares will be found. f.mu is held.
func (s *search) over() bool { return len(s.queue) == 0 && s.live == 0 && !s.stale }

// hungry says whether more shares are wanted. f.mu is held.
func (x *fetch) hungry() bool {
	if x.search.wanted || x.have() < x.f.chk.Needed() {
		return true
	}
	for _, l := range x.lanes {
		if l.starving {
			return true
		}
	}
	return false
}

// spreadGrace is how long lanes wait for more servers to answer, once k shares are known but not on k servers.
const spreadGrace = 50 * time.Millisecond

// begin says whether lanes may take shares: when k different ones are known, and either k servers have them, or no more
// servers are going to answer soon. f.mu is held.
func (x *fetch) begin() bool {
	if x.begun || x.have() < x.f.chk.Needed() {
		return x.begun
	}
	servers := make(map[grid.ServerID]bool)
	for _, s := range x.f.shares {
		if x.usable(s) {
			servers[s.server.ID()] = true
		}
	}
	if len(servers) >= x.f.chk.Needed() || x.search.live == x.search.late {
		x.begun = true
		return true
	}
	if x.grace == nil {
		x.grace = time.AfterFunc(spreadGrace, func() {
			x.f.mu.Lock()
			defer x.f.mu.Unlock()
			x.begun = true
			x.signal()
		})
	}
	return false
}

// searching asks servers as long as shares are wanted. When all were asked and what they said is old, all are asked once more.
func (x *fetch) searching() {
	f := x.f
	for x.ctx.Err() == nil {
		f.mu.Lock()
		s := &x.search
		hungry := x.hungry()
		if hungry && len(s.queue) == 0 && s.live == 0 && s.stale {
			s.stale = false
			s.queue = f.d.Servers.Permuted(f.index)
			s.asked = nil
		}
		for hungry && len(s.queue) > 0 && s.live-s.late < maxQueries {
			server := s.queue[0]
			s.queue, s.asked = s.queue[1:], append(s.asked, server)
			s.live++
			begun := x.watch.looks
			delete(f.answers, server.ID())
			x.running.Go(func() { x.query(server, begun) })
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-x.ctx.Done():
		}
	}
}

// query asks one server. The watcher had looked begun times then.
func (x *fetch) query(server *grid.Server, begun int) {
	f := x.f
	ctx, cancel := context.WithTimeout(x.ctx, f.d.QueryTimeout)
	defer cancel()
	late := false
	overdue := time.AfterFunc(f.d.Hedge, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if x.ctx.Err() == nil && ctx.Err() == nil {
			late = true
			x.search.late++
			x.signal()
		}
	})
	readers, err := server.Storage().Buckets(ctx, f.index)
	overdue.Stop()

	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil && x.ctx.Err() == nil {
		err = errStalled
	}
	cancel() // with f.mu held: from here on the timer's function does nothing
	x.search.live--
	if late {
		x.search.late--
	}
	x.answered(server, readers, x.watch.looks-begun+1, err)
	x.signal()
}

// answered takes what a query brought. f.mu is held.
func (x *fetch) answered(server *grid.Server, readers map[storage.ShareNum]storage.Reader, latency int, err error) {
	switch {
	case err == nil:
		x.found(server, readers, latency)
	case x.ctx.Err() != nil: // cut short: nothing is known
	default:
		x.f.answers[server.ID()] = &grid.Answer{Server: server.Name(), Err: err}
	}
}

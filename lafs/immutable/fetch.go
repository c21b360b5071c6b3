package immutable

import (
	"context"
	"crypto/cipher"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable/layout"
	"tahoe/lafs/trace"
	"tahoe/reactor"
	"tahoe/storage"
)

// A fetch is one Read under way.
//
// It has k lanes. A lane has one share at a time, opens one stream over the share's blocks of the range, and puts its
// block of one segment after the other into the slots of a window that moves with the writer. When its share fails or
// stalls, the lane takes another one and goes on with the segment it was at; no two lanes put the same share number into
// a slot. Whoever fills a slot's k-th block starts the goroutine that decodes, checks and decrypts the segment. The caller's
// goroutine writes finished segments in order. A searcher asks servers while lanes want for shares, a watcher notices
// what stands still.
//
// What it holds of the budget, and when it gives that back, is told in fetch_memory.go.
type fetch struct {
	f        *File
	block    cipher.Block // nil: what is read stays encrypted
	off, end int64        // the range, within the file and not empty
	ctx      context.Context
	cancel   context.CancelCauseFunc
	outer    context.Context // the caller's, but without its end: for advice
	running  sync.WaitGroup
	advisers *sync.WaitGroup // the Read's
	budget   *reactor.Budget // where its memory is from
	again    bool            // the Read has yielded before
	observer trace.Observer  // who looks on; nil: nobody

	// What follows is guarded by f.mu.
	search  search
	lanes   []*lane
	gone    map[*share]bool // failed in this Read
	stalled map[*share]int  // kept others waiting in this Read, in looks; see charge
	begun   bool            // lanes may take shares
	grace   *time.Timer     // lets them begin; nil when that is not needed
	window  window
	watch   watch
	doubts  []doubt  // UEBs that are wrong, unless the capability is
	held    []func() // give back the memory: first what every fetch needs, then each slot but one
}

var (
	errReadOver = errors.New("the read is over")
	errStalled  = errors.New("no answer in time")
)

// run fetches and writes, by way of piece, and says how much it wrote. It owns every goroutine of the fetch.
func (x *fetch) run(w io.Writer, piece []byte) (written int64, err error) {
	defer x.cancel(errReadOver)
	f := x.f
	g, err := x.expected()
	if err != nil {
		return 0, err
	}
	f.d.Servers.Settle(x.ctx, f.chk.Total())
	if err := x.hold(g); err != nil {
		return 0, err
	}
	var closing sync.WaitGroup
	defer x.giveBack() // what was taken after the end
	defer closing.Wait()
	defer x.cancel(errReadOver)
	x.start()
	closing.Go(x.close)

	defer x.stopGrace()
	if err := x.await(x.ctx, func() bool { return f.truth.known() }); err != nil {
		return 0, err
	}
	if actual := f.proved().g; actual != g {
		x.giveBack()
		x.pause(true)
		if err := x.hold(actual); err != nil {
			return 0, err
		}
		x.pause(false)
		g = actual
	}
	x.openWindow(g)
	return x.deliver(w, piece)
}

// proved is what is known of the file.
func (f *File) proved() truth {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.truth
}

// expected is the geometry of the file, or what it most likely is: that of today's segment size.
func (x *fetch) expected() (layout.Geometry, error) {
	if t := x.f.proved(); t.known() {
		return t.g, nil
	}
	c := x.f.chk
	return layout.NewGeometry(c.Needed(), c.Total(), c.Size(), maxSegmentToday)
}

// maxSegmentToday is the maximal segment size with which files are written since 2023.
const maxSegmentToday = 1 << 20

// start starts the lanes and those who look after them.
func (x *fetch) start() {
	f := x.f
	f.mu.Lock()
	f.fetches++
	x.search.begin(f)
	for i := range f.chk.Needed() {
		x.lanes = append(x.lanes, &lane{x: x, id: i})
	}
	f.mu.Unlock()
	x.running.Go(x.searching)
	x.running.Go(x.watching)
	for _, l := range x.lanes {
		x.running.Go(l.run)
	}
}

func (x *fetch) stopGrace() {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	if x.grace != nil {
		x.grace.Stop()
	}
}

// segments are the first and the last segment of the range.
func (x *fetch) segments(g layout.Geometry) (first, last int) {
	return int(x.off / g.SegmentSize), int((x.end - 1) / g.SegmentSize)
}

// signal wakes all who wait, also in other Reads of the file: they share what is known of it. f.mu is held.
func (x *fetch) signal() {
	close(x.f.changed)
	x.f.changed = make(chan struct{})
}

// await returns nil when done says so, which is asked with f.mu held, and the cause when ctx ends.
func (x *fetch) await(ctx context.Context, done func() bool) error {
	for {
		x.f.mu.Lock()
		ok := done() // which may signal, so that changed is read after it
		changed := x.f.changed
		x.f.mu.Unlock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// usable says whether s may serve this Read. f.mu is held.
func (x *fetch) usable(s *share) bool {
	return !s.corrupt && !x.gone[s] && (!s.noUEB || x.f.truth.known())
}

// have is the number of different shares of which a copy is usable. f.mu is held.
func (x *fetch) have() int { return x.count(x.usable) }

// count is the number of different shares of which a copy is good. f.mu is held.
func (x *fetch) count(good func(*share) bool) int {
	var seen [storage.MaxShares]bool
	n := 0
	for _, s := range x.f.shares {
		if good(s) && !seen[s.num] {
			seen[s.num] = true
			n++
		}
	}
	return n
}

// giveUp ends the Read because there are too few good shares. f.mu is held.
func (x *fetch) giveUp() {
	for _, l := range x.lanes {
		if l.share != nil && l.still > 0 {
			x.charge(l)
			x.f.blame(l.share, errStalled)
		}
	}
	e := &NotEnoughSharesError{Need: x.f.chk.Needed()}
	e.Have = x.count(func(s *share) bool { return x.usable(s) && x.stalled[s] == 0 && len(s.bad) == 0 })
	for _, s := range x.search.asked {
		if a := x.f.answers[s.ID()]; a != nil {
			e.Asked = append(e.Asked, *a)
			continue
		}
		e.Asked = append(e.Asked, grid.Answer{Server: s.Name(), Err: errStalled})
	}
	if x.mismatched() {
		x.cancel(&MismatchError{Reason: "its hash is not that of the file to which they belong, and they agree with each other", short: *e})
		return
	}
	x.adviseUEBs()
	x.cancel(e)
}

// mismatched says whether the shares of k servers, and of two at least, have the same UEB, and none has the file's. Then
// it is the capability that is wrong. f.mu is held.
func (x *fetch) mismatched() bool {
	if x.f.truth.known() {
		return false
	}
	servers := make(map[taghash.Hash]map[grid.ServerID]bool)
	for _, s := range x.f.shares {
		if s.other == (taghash.Hash{}) {
			continue
		}
		if servers[s.other] == nil {
			servers[s.other] = make(map[grid.ServerID]bool)
		}
		servers[s.other][s.server.ID()] = true
		if len(servers[s.other]) >= max(x.f.chk.Needed(), 2) {
			return true
		}
	}
	return false
}

// blame takes note of what went wrong with a share for the error message of a Read that fails. f.mu is held.
func (f *File) blame(s *share, err error) {
	a := f.answers[s.server.ID()]
	if a == nil || a.Err != nil {
		return
	}
	next := *a
	next.Err = err
	if p, ok := errors.AsType[*partError](err); ok {
		next.Err = &grid.CorruptShareError{Server: s.name, Index: f.index, Share: storage.ShareNum(s.num), Part: p.part, Err: p.err}
	}
	f.answers[s.server.ID()] = &next
}

// found takes the answer of a server, which took so many looks. A share that was known gets the new reader and another chance, unless it is
// corrupt. f.mu is held.
func (x *fetch) found(server *grid.Server, readers map[storage.ShareNum]storage.Reader, latency int) {
	f := x.f
	a := &grid.Answer{Server: server.Name()}
	for num, r := range readers {
		if num < 0 || int(num) >= f.chk.Total() {
			continue
		}
		a.Shares = append(a.Shares, num)
		i := slices.IndexFunc(f.shares, func(s *share) bool { return s.server.ID() == server.ID() && s.num == int(num) })
		if i >= 0 {
			f.shares[i].r, f.shares[i].server, f.shares[i].latency = r, server, latency
			delete(x.gone, f.shares[i])
			continue
		}
		f.shares = append(f.shares, &share{server: server, num: int(num), name: server.Name(), r: r, latency: latency})
	}
	slices.Sort(a.Shares)
	f.answers[server.ID()] = a
	x.watch.progress++
}

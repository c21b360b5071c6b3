package immutable

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"tahoe/internal/taghash"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// A lane supplies one block of every segment. It belongs to its goroutine but for the fields that are marked; those are
// guarded by the mutex of the File.
type lane struct {
	x     *fetch
	id    int
	meter meter

	// Guarded.
	share    *share                  // in use; nil between two
	stop     context.CancelCauseFunc // takes the share away
	segment  int                     // the next one to fill, once the lane has filled one
	reading  bool                    // waits for its server, and not for the writer
	starving bool                    // finds no share
	seen     int64                   // the meter at the watcher's last look
	waits    bool                    // nothing has come from its share yet
	still    int                     // looks without a byte
	behind   int                     // looks at which others had filled in their blocks of the segment
	age      int                     // looks since the lane took its share or filled a block
	since    int64                   // the meter then
	stalls   int                     // shares taken away because they stalled
	turns    int                     // those of them for another one that had stalled before
}

// run fills the lane's part of all segments of the range, or ends with the fetch.
func (l *lane) run() {
	for {
		ctx, stop := context.WithCancelCause(l.x.ctx)
		s := l.take(stop)
		if s == nil {
			stop(nil)
			return
		}
		err := l.serve(ctx, s)
		over := l.drop(s, err)
		stop(nil)
		if over {
			return
		}
	}
}

// take waits for a share. It is nil when the fetch is over, which take brings about when no share can be hoped for.
func (l *lane) take(stop context.CancelCauseFunc) (s *share) {
	x := l.x
	err := x.await(x.ctx, func() bool {
		if s = x.candidate(l); s != nil {
			if l.starving {
				x.signal() // other lanes may have left it to this one
			}
			l.share, l.stop, l.reading, l.starving = s, stop, true, false
			l.fresh()
			l.waits = true
			return true
		}
		if !l.starving {
			l.starving = true
			x.signal()
		}
		x.borrow(l)
		if x.search.over() && x.hopeless(l) {
			x.giveUp()
		}
		return false
	})
	if err != nil {
		return nil
	}
	return s
}

// fresh begins the counts of what the watcher looks at. f.mu is held.
func (l *lane) fresh() {
	l.still, l.behind, l.age, l.since = 0, 0, 0, l.meter.Load()
}

// borrow takes a share that l could use from a lane that is so far ahead that it waits for the window, and so for l: it
// can go on with what l cannot use. f.mu is held.
func (x *fetch) borrow(l *lane) {
	for _, o := range x.lanes {
		if o.share == nil || !x.f.truth.known() || !x.window.open || !x.usable(o.share) || !x.lacks(l, o.share) {
			continue
		}
		if at := o.position(x.window.g); at > l.position(x.window.g) && at <= x.window.last && x.window.slot(at) == nil {
			o.stop(errTaken)
			return
		}
	}
}

// owed says whether s is left to a lane that finds no share and is behind l. f.mu is held.
func (x *fetch) owed(l *lane, s *share) bool {
	if !x.f.truth.known() {
		return false
	}
	for _, o := range x.lanes {
		if o != l && o.starving && o.position(x.f.truth.g) < l.position(x.f.truth.g) && x.fits(o, s) {
			return true
		}
	}
	return false
}

// hopeless says whether nothing that is under way can give l a share: no other lane can learn what the file is, or leave
// or return a share that l could use, as long as all of them together have enough. f.mu is held.
func (x *fetch) hopeless(l *lane) bool {
	if x.f.truth.known() && x.have() < x.f.chk.Needed() {
		return true
	}
	for _, s := range x.f.shares {
		if x.usable(s) && x.owed(l, s) && x.fits(l, s) {
			return false
		}
	}
	for _, other := range x.lanes {
		if other.share != nil && (!x.f.truth.known() || x.lacks(l, other.share)) {
			return false
		}
	}
	return true
}

// candidate is the best share that l could take, nil when there is none. f.mu is held.
func (x *fetch) candidate(l *lane) *share {
	if !x.begin() {
		return nil
	}
	var best *share
	var bestRank rank
	for _, s := range x.f.shares {
		if !x.usable(s) || !x.fits(l, s) || x.owed(l, s) {
			continue
		}
		if r := x.rank(s); best == nil || slices.Compare(r[:], bestRank[:]) < 0 {
			best, bestRank = s, r
		}
	}
	return best
}

// A rank orders shares: lower ones are taken first.
type rank [5]int

// rank prefers shares that did not stall or had little time for it, without faults, of idle servers, that have proved themselves, and that need no decoding, in this
// order. f.mu is held.
func (x *fetch) rank(s *share) rank {
	r := rank{x.stalled[s], s.faults, x.load(s), 1, 1}
	if s.proved() {
		r[3] = 0
	}
	if s.num < x.f.chk.Needed() {
		r[4] = 0
	}
	return r
}

// load is the number of lanes that s's server serves. f.mu is held.
func (x *fetch) load(s *share) int {
	n := 0
	for _, l := range x.lanes {
		if l.share != nil && l.share.server.ID() == s.server.ID() {
			n++
		}
	}
	return n
}

// fits says whether l can use s: no other lane uses the same share, and l lacks the block that s would give next. f.mu is
// held.
func (x *fetch) fits(l *lane, s *share) bool {
	if l.share == s {
		return false
	}
	for _, other := range x.lanes {
		if other != l && other.share != nil && other.share.num == s.num {
			return false
		}
	}
	return !x.f.truth.known() || x.lacks(l, s)
}

// lacks says whether s has a block for the segment that l is at: not one that was found wrong, or that is in the slot
// already. f.mu is held, and the geometry known.
func (x *fetch) lacks(l *lane, s *share) bool {
	at := l.position(x.f.truth.g)
	slot := x.window.slot(at)
	return !s.bad[at] && (slot == nil || slot.blocks[s.num] == nil)
}

// errTaken ends the use of a share without blame: another lane had used it for the segment that comes next, or needs it
// for an earlier one.
var errTaken = errors.New("another lane has the use of this share")

// position is the segment that l fills next. f.mu is held.
func (l *lane) position(g layout.Geometry) int { return max(l.segment, int(l.x.off/g.SegmentSize)) }

// drop ends the use of a share, and says whether the lane is done: with its work, or with the fetch.
func (l *lane) drop(s *share, err error) (over bool) {
	x := l.x
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	l.share, l.stop, l.reading = nil, nil, false
	l.fresh()
	if err == nil || x.ctx.Err() != nil || errors.Is(err, errTaken) {
		x.signal() // another lane may take it
		return !errors.Is(err, errTaken)
	}
	segment := 0
	if x.f.truth.known() {
		segment = l.position(x.f.truth.g)
	}
	s.fault(err, segment)
	switch p, corrupt := errors.AsType[*partError](err); {
	case corrupt && p.part == partUEB && !x.f.truth.known():
		x.doubts = append(x.doubts, doubt{s, p})
	case corrupt:
		x.advise(s, p)
	case errors.Is(err, errStalled): // noted by replace
	default:
		x.gone[s] = true
	}
	x.f.blame(s, err)
	x.signal()
	x.f.d.Log.Warn("share dropped", "index", x.f.index.Abbrev(), "server", s.name, "share", s.num, "err", err)
	return false
}

// serve fills slots with the blocks of s to the end of the range. A connection that breaks after some blocks is opened
// once more: it may have been idle for as long as the writer stalled.
func (l *lane) serve(ctx context.Context, s *share) error {
	body, err := l.open(ctx, s)
	for err == nil {
		var filled int
		filled, err = l.pump(ctx, s, l.x.blockHashes(s), body)
		_ = body.Close()
		if err == nil {
			return nil
		}
		if _, corrupt := errors.AsType[*partError](err); corrupt || filled == 0 || ctx.Err() != nil || errors.Is(err, errTaken) {
			return err
		}
		body, err = l.openBlocks(ctx, s)
	}
	return err
}

// blockHashes are the hashes of the blocks of a share that has proved itself.
func (x *fetch) blockHashes(s *share) []taghash.Hash {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	return s.blocks
}

// pump moves blocks from body to slots, once they are verified against their hashes.
func (l *lane) pump(ctx context.Context, s *share, hashes []taghash.Hash, body io.Reader) (filled int, err error) {
	x := l.x
	for {
		slot, segment, err := l.wait(ctx)
		if err != nil || slot == nil {
			return filled, err
		}
		if !x.free(slot, s.num) {
			return filled, errTaken
		}
		block := slot.blockBuffer(x.window.g, segment, l.id, s.num)
		if err := readFull(body, block, &l.meter); err != nil {
			if errors.Is(err, errShortShare) {
				err = &partError{blockPart(segment), err}
			}
			return filled, err
		}
		var bad error
		if err := l.work(ctx, func() { bad = verifyBlock(segment, block, hashes[segment]) }); err != nil {
			return filled, err
		}
		if bad != nil {
			return filled, bad
		}
		l.fill(slot, segment, s.num, block)
		filled++
	}
}

// free says whether a slot has no block of a share yet.
func (x *fetch) free(s *slot, num int) bool {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	return s.blocks[num] == nil
}

// wait returns the slot that the lane fills next, nil behind the end of the range.
func (l *lane) wait(ctx context.Context) (s *slot, segment int, err error) {
	win := &l.x.window
	err = l.x.await(ctx, func() bool {
		done := false
		if win.open {
			segment = l.position(win.g)
			s = win.slot(segment)
			done = segment > win.last
			l.x.observe(s, segment)
		}
		l.reading = s != nil
		return s != nil || done
	})
	return s, segment, err
}

// work runs f in the pool. The lane does not wait for its server meanwhile.
func (l *lane) work(ctx context.Context, f func()) error {
	l.setReading(false)
	defer l.setReading(true)
	return l.x.work(ctx, f)
}

func (l *lane) setReading(reading bool) {
	l.x.f.mu.Lock()
	defer l.x.f.mu.Unlock()
	l.reading = reading
}

// work runs f in the pool, for which the watcher waits as long as it takes.
func (x *fetch) work(ctx context.Context, f func()) error {
	x.working(1)
	defer x.working(-1)
	return x.f.d.Pool.Do(ctx, f)
}

func (x *fetch) working(n int) {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	x.watch.working += n
}

// adviceTimeout bounds how long the end of a Read waits for servers to take notice of their corrupt shares.
const adviceTimeout = 2 * time.Second

// A doubt is a share that contradicts the capability, of which nobody knows yet which is wrong.
type doubt struct {
	share *share
	wrong *partError
}

// adviseUEBs advises of the UEBs that were in doubt, when the capability is not. f.mu is held.
func (x *fetch) adviseUEBs() {
	for _, d := range x.doubts {
		x.advise(d.share, d.wrong)
	}
	x.doubts = nil
}

// advise tells a server, once for each part, that its share is corrupt. It goes on in the background, also when the Read
// has all that it needs; Read waits for it. f.mu is held.
func (x *fetch) advise(s *share, p *partError) {
	if s.advised[p.part] {
		return
	}
	if s.advised == nil {
		s.advised = make(map[string]bool)
	}
	s.advised[p.part] = true
	c := storage.Corruption{Kind: storage.KindImmutable, Index: x.f.index, Share: storage.ShareNum(s.num), Reason: p.Error()}
	server := s.server
	x.advisers.Go(func() {
		ctx, cancel := context.WithTimeout(x.outer, adviceTimeout)
		defer cancel()
		if err := server.Storage().AdviseCorrupt(ctx, c); err != nil {
			x.f.d.Log.Warn("advice not taken", "index", c.Index.Abbrev(), "server", s.name, "share", s.num, "err", err)
		}
	})
}

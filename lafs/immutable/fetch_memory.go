package immutable

import (
	"context"
	"errors"
	"fmt"

	"tahoe/lafs/immutable/layout"
)

// The memory of a Read.
//
// A fetch takes from the budget at once what it cannot do without: one slot (a segment, and what of its k blocks has to lie
// beside it), shares that are read whole, and the hash trees. For this it waits in line. Further slots, up to the window,
// are taken only when they are free, nobody waits, and a quarter of the budget stays free for those who come; so whoever
// holds memory never waits for more, and readers cannot lock each other up.
//
// While somebody waits, everybody who holds memory gives it back in bounded time:
//   - each segment that was written gives back its slot, down to one;
//   - a writer that does not come back for blockedLooks ends the fetch: its streams are closed, what they brought is
//     dropped, and the Read waits in line again when the writer does come back;
//   - so does one that was writing for most of its turn, and any other behind a segment that it has finished, at the end of
//     its turn;
//   - one that gets nothing from servers ends with an error, as always, and one that has everything for the last piece
//     ends before it writes that.
//
// The line is first come, first served, and nothing overtakes it, so that each Read has its turn. A Read that has yielded
// begins with one slot, and gets more only when its writer had to wait for a segment. What a yield costs is one segment
// fetched again, which is little in a turn, or while the writer takes its time.
//
// Outside of the budget a Read holds the piece that is being written, 64 KiB at most, and what its File knows: when the last
// fetch of a File yields, 64 KiB of hashes at most. So N readers that do not read hold N × 128 KiB, whatever they read; the
// budget bounds all else. Reads of at most a piece, with little beside it, take their memory from a budget of their own: they
// wait for no large one, and since the last piece is written when everything else was given back, for no slow reader.
const (
	pieceSize   = 64 << 10
	smallNeed   = 512 << 10 // what a small read takes at most
	smallBudget = 8 << 20   // for all small reads together

	maxHashesKept = 64 << 10
	blockedLooks  = 3                 // 0.75 s
	turnLooks     = 1 * looksPerHedge // 2 s
)

// maxTrees is the memory that the hash trees of one Read may take: those of a file of 1 TiB in segments of 1 MiB, 3-of-10.
// Trees over the size of the budget take all of that, so that no two Reads have such at the same time.
const maxTrees = 256 << 20

// treeMemory is the memory of the hash trees that a fetch reads, or an error when that is too much. An upload asks as well:
// nobody stores what cannot be read back.
func treeMemory(g layout.Geometry) (int64, error) {
	n := int64(g.Needed+1) * g.TreeSize()
	if n > maxTrees {
		return 0, fmt.Errorf("%w: the hash trees of its %d segments of %d bytes, of %d shares and the file, take %d MiB, over the limit of %d MiB",
			layout.ErrTooLong, g.Segments, g.SegmentSize, g.Needed, n>>20, maxTrees>>20)
	}
	return n, nil
}

// errYield ends a fetch whose memory others need more.
var errYield = errors.New("others wait for memory")

// need is what a fetch of this geometry cannot do without.
func (x *fetch) need(g layout.Geometry) (int64, error) {
	trees, err := treeMemory(g)
	whole := int64(0)
	if data := g.ShareDataSize(); readWhole(g.Needed, data, data) {
		whole = int64(g.Needed) * data
	}
	return slotMemory(g) + whole + trees, err
}

// slotMemory is the memory of a slot.
func slotMemory(g layout.Geometry) int64 {
	return g.SegmentSize + int64(min(g.Needed, g.Total-g.Needed))*g.BlockSize
}

// slots is how many segments are in flight at most: enough to keep streams busy while segments are decoded and written.
func (x *fetch) slots(g layout.Geometry) int {
	first, last := x.segments(g)
	return min(last-first+1, int(min(max(x.f.d.Window/g.SegmentSize, 2), 32)))
}

// hold waits in line for the memory that the fetch needs.
func (x *fetch) hold(g layout.Geometry) error {
	need, err := x.need(g)
	if err != nil {
		return err
	}
	x.budget = x.f.d.Budget
	if x.end-x.off <= pieceSize && need <= smallNeed {
		x.budget = x.f.d.small
	}
	release, err := x.budget.Acquire(x.ctx, need)
	if err != nil {
		return err
	}
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	x.held = append(x.held, release)
	return nil
}

// giveBack gives back all that is held.
func (x *fetch) giveBack() {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	for _, release := range x.held {
		release()
	}
	x.held = nil
}

// close waits for the end of the fetch and of its goroutines, and gives back its memory, whatever the writer is doing.
func (x *fetch) close() {
	<-x.ctx.Done()
	x.running.Wait()
	x.f.mu.Lock()
	x.window = window{}
	x.lanes = nil
	x.f.fetches--
	if errors.Is(context.Cause(x.ctx), errYield) && x.f.fetches == 0 {
		x.f.forget()
	}
	x.f.mu.Unlock()
	x.giveBack()
}

// forget drops what the File knows of its shares, if that is much: it can be asked for again. f.mu is held.
func (f *File) forget() {
	hashes := len(f.segments)
	for _, s := range f.shares {
		hashes += len(s.blocks)
	}
	if hashes*layout.HashSize <= maxHashesKept {
		return
	}
	f.segments = nil
	for _, s := range f.shares {
		s.blocks = nil
	}
}

// grow adds a slot to the window, if it may. f.mu is held.
func (x *fetch) grow() bool {
	win, n := &x.window, slotMemory(x.window.g)
	if len(win.slots) >= win.most || x.budget.InUse()+n > x.budget.Total()/4*3 {
		return false
	}
	release, ok := x.budget.TryAcquire(n)
	if !ok {
		return false
	}
	x.held = append(x.held, release)
	win.slots = append(win.slots, newSlot(win.g))
	return true
}

// shrink gives back the memory of a slot that has left the window, if others wait for it. f.mu is held.
func (x *fetch) shrink() bool {
	last := len(x.held) - 1
	if last < 1 || x.budget.Waiting() == 0 {
		return false
	}
	x.held[last]()
	x.held = x.held[:last]
	return true
}

// turnOver says whether it is the turn of others who wait. What it takes to begin counts against that, so that a fetch
// with large hash trees is not occupied with these alone. f.mu is held.
func (x *fetch) turnOver() bool {
	w := &x.watch
	return x.window.open && w.looks-w.opened >= turnLooks+3*w.opened && x.budget.Waiting() > 0
}

// writing notes when the writer begins to write a piece, and when it comes back.
func (x *fetch) writing(writing bool) {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	x.watch.writing, x.watch.wrote = writing, true
}

// lookAtWriter ends the fetch when others wait for memory that its writer keeps it from using. f.mu is held.
func (x *fetch) lookAtWriter() {
	w := &x.watch
	if !w.paused {
		w.looks++
	}
	w.blocked++
	if !w.writing || w.wrote {
		w.blocked = 0
	}
	w.wrote = false
	if w.writing {
		w.slow++
	}
	if w.blocked >= blockedLooks && x.budget.Waiting() > 0 || x.turnOver() && 2*w.slow > w.looks-w.opened {
		x.cancel(errYield)
	}
}

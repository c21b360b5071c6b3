package immutable

import (
	"sync"
	"sync/atomic"
	"time"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/storage"
)

// An UploadResult tells what an upload did. A literal has a Cap and a Size, and is on no server.
type UploadResult struct {
	Cap         caps.Read
	Index       storage.Index
	Size        int64 // of the file
	Pushed      int   // shares that were sent
	Preexisting int   // shares that were on the grid before
	Happiness   int   // servers of which any Needed can rebuild the file
	Sharemap    map[storage.ShareNum][]*grid.Server
	Servermap   map[grid.ServerID][]storage.ShareNum
	UEB         []byte // as it is at the end of each share; nil of a literal
	Helped      bool   // a helper placed the shares; what stands here about them is its word
	Timings     Timings
}

// Timings say what took how long. Placing and Pushing overlap with encoding, and Total is more than their sum when the
// upload waited for memory, or for another upload of the same file.
type Timings struct {
	Hashing time.Duration // reading the source for the first time, with its convergent key
	Placing time.Duration // finding servers for the shares
	Pushing time.Duration // sending shares, from the first byte until all are durable
	Total   time.Duration
}

// Progress is how far an upload is.
type Progress struct {
	Size    int64 // of the file; -1 while it is not known
	Hashed  int64 // bytes of the file read for the first time
	Encoded int64 // bytes of the file encrypted and encoded
	Pushed  int64 // bytes of shares handed to servers
	ToPush  int64 // bytes of shares that Pushed will reach; 0 until servers are found
}

// An uploadMeter counts, and reports to the caller's function, which is never called by two goroutines at once: who finds a report
// under way leaves his to the next one.
type uploadMeter struct {
	report func(Progress) // may be nil

	size, hashedBytes, encodedBytes, pushedBytes, toPush atomic.Int64

	reporting sync.Mutex // only ever tried
}

func newUploadMeter(size int64, report func(Progress)) *uploadMeter {
	m := &uploadMeter{report: report}
	m.size.Store(size)
	return m
}

func (m *uploadMeter) hashed(n int64)  { m.hashedBytes.Add(n); m.tell() }
func (m *uploadMeter) encoded(n int64) { m.encodedBytes.Add(n); m.tell() }
func (m *uploadMeter) pushed(n int64)  { m.pushedBytes.Add(n); m.tell() }

// reached notes that what is before offset off of what is to be pushed has been.
func (m *uploadMeter) reached(off int64) {
	for {
		before := m.pushedBytes.Load()
		if off <= before {
			return
		}
		if m.pushedBytes.CompareAndSwap(before, off) {
			m.tell()
			return
		}
	}
}

// again has the file encoded and pushed from its beginning.
func (m *uploadMeter) again() {
	m.encodedBytes.Store(0)
	m.pushedBytes.Store(0)
	m.toPush.Store(0)
}

func (m *uploadMeter) tell() {
	if m.report == nil || !m.reporting.TryLock() {
		return
	}
	defer m.reporting.Unlock()
	m.report(Progress{
		Size: m.size.Load(), Hashed: m.hashedBytes.Load(), Encoded: m.encodedBytes.Load(),
		Pushed: m.pushedBytes.Load(), ToPush: m.toPush.Load(),
	})
}

package web

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/caps"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
	"tahoe/reactor"
)

// How long what a slow operation found is kept: until somebody asks for it, and after that.
const (
	uncollectedTime = 4 * 24 * time.Hour
	collectedTime   = 24 * time.Hour
)

// operations are slow operations by the handles that clients gave them. They run on when the request that began them is over,
// until stop. What is too old is dropped when the next one is begun or asked for.
type operations struct {
	clock reactor.Clock
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu    sync.Mutex
	table map[string]*operation
}

func newOperations(clock reactor.Clock) *operations {
	ctx, stop := context.WithCancel(context.Background())
	return &operations{clock: clock, ctx: ctx, stop: stop, table: map[string]*operation{}}
}

// close ends all operations and waits for them.
func (o *operations) close() {
	o.stop()
	o.wg.Wait()
}

// An operation is a walk and what it has found so far. Its fields from expires on are guarded by the table's lock, the rest
// of what changes by its own.
type operation struct {
	kind   string // manifest, deep-size, deep-stats or deep-check
	root   lafs.Child
	cancel context.CancelFunc
	began  time.Time

	expires time.Time // zero: not while it runs
	fixed   bool      // the client said for how long to keep it

	mu       sync.Mutex
	stats    *lafs.DeepStats
	manifest []wapi.ManifestEntry
	verify   []string
	indexes  []string
	checks   *deepChecks // of a deep-check; nil of all else
	finished bool
	err      error
	over     atomic.Bool // as finished is
	bell     bell        // is rung when something changes
}

func newOperation(kind string, root caps.Cap) *operation {
	return &operation{kind: kind, root: lafs.ChildOf(root), stats: lafs.NewDeepStats()}
}

// start begins an operation under a handle. One that has the handle already is given up. It fails when there is no room for one more.
func (o *operations) start(handle string, op *operation, retain time.Duration, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(o.ctx)
	op.cancel, op.began = cancel, o.clock.Now()
	if retain > 0 {
		op.expires, op.fixed = op.began.Add(retain), true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweep()
	o.release(handle)
	if err := o.makeRoom(); err != nil {
		cancel()
		return err
	}
	o.table[handle] = op
	o.wg.Go(func() {
		defer cancel()
		o.finish(op, work(ctx))
	})
	return nil
}

// maxOperations are kept at once, each with all that it found: whoever may use the node could else fill its memory with handles.
const maxOperations = 500

// makeRoom drops the oldest operation that is finished, when there are too many. It fails when all of them run. The lock is held.
func (o *operations) makeRoom() error {
	if len(o.table) < maxOperations {
		return nil
	}
	oldest := ""
	for handle, op := range o.table {
		if op.done() && (oldest == "" || op.began.Before(o.table[oldest].began)) {
			oldest = handle
		}
	}
	if oldest == "" {
		text := fmt.Sprintf("%d slow operations are under way: wait for one of them, or cancel it", len(o.table))
		return problem{status: http.StatusServiceUnavailable, text: text}
	}
	o.release(oldest)
	return nil
}

func (op *operation) visit(v lafs.Visit) error {
	op.mu.Lock()
	defer op.mu.Unlock()
	defer op.bell.ring()
	op.stats.Add(v)
	if op.kind == "manifest" {
		op.manifest = append(op.manifest, wapi.ManifestEntry{Path: v.Path, Cap: strongest(v.Child)})
		if c, ok := v.Verify(); ok {
			op.verify = append(op.verify, c.Encode())
			op.indexes = append(op.indexes, c.Index().String())
		}
	}
	return endsWalk(v.Err)
}

// finish notes how an operation ended. From then on it is kept for some days, and at least as long as it took.
func (o *operations) finish(op *operation, err error) {
	op.mu.Lock()
	op.finished, op.err = true, err
	op.over.Store(true)
	op.mu.Unlock()
	op.bell.ring()
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock.Now()
	if !op.fixed {
		op.expires = now.Add(max(uncollectedTime, now.Sub(op.began)))
	}
}

// sweep drops what is too old. The lock is held.
func (o *operations) sweep() {
	now := o.clock.Now()
	for handle, op := range o.table {
		if !op.expires.IsZero() && !now.Before(op.expires) {
			o.release(handle)
		}
	}
}

func (o *operations) release(handle string) {
	if op := o.table[handle]; op != nil {
		op.cancel()
		delete(o.table, handle)
	}
}

// A poll is what a client asks of an operation.
type poll struct {
	cancel  bool          // stop it and forget the handle
	retain  time.Duration // keep it for so long; 0: as usual
	release bool          // forget the handle if it is finished
}

// get finds an operation, or nil, and does what the client asks for. One that is to be cancelled is forgotten; the caller stops it
// when he has told how it stood.
func (o *operations) get(handle string, q poll) *operation {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweep()
	op := o.table[handle]
	if op == nil {
		return nil
	}
	finished := op.done()
	switch {
	case q.cancel:
		delete(o.table, handle)
	case q.release && finished:
		o.release(handle)
	case q.retain > 0:
		op.expires, op.fixed = o.clock.Now().Add(q.retain), true
	case finished:
		op.expires = o.clock.Now().Add(collectedTime)
	}
	return op
}

// done does not wait for op.mu, which is held while a client reads what was found, however slowly.
func (op *operation) done() bool { return op.over.Load() }

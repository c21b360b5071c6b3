package storagetest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"tahoe/reactor"
	"tahoe/storage"
)

// Faulty is a storage.Server that passes calls on to Next, except where a fault strikes. It counts and remembers the
// calls. It works inside a testing/synctest bubble: it waits for channels and timers alone, and holds no lock meanwhile.
type Faulty struct {
	Next storage.Server

	mu     sync.Mutex
	faults []*armed
	calls  []Call
	struck []string
	down   chan struct{} // closed while the server is down; nil before it is first looked at
	isDown bool
}

// armed is a fault with the number of calls that it has matched.
type armed struct {
	Fault
	seen int
}

var _ storage.Server = (*Faulty)(nil)

// NewFaulty wraps next.
func NewFaulty(next storage.Server, faults ...Fault) *Faulty {
	f := &Faulty{Next: next}
	f.Add(faults...)
	return f
}

// Add adds faults to those there are. When several strike one call, all of them do, in order.
func (f *Faulty) Add(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range faults {
		f.faults = append(f.faults, &armed{Fault: fault})
	}
}

// Clear forgets all faults.
func (f *Faulty) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Stop takes the server down: all calls fail with ErrFault, and so do streams that are being read.
func (f *Faulty) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.isDown {
		f.isDown = true
		close(f.downLocked())
	}
}

// Start brings a stopped server up again. Streams that broke stay broken.
func (f *Faulty) Start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isDown {
		f.isDown, f.down = false, nil
	}
}

// downLocked is the channel that closes when the server goes down. The caller holds f.mu.
func (f *Faulty) downLocked() chan struct{} {
	if f.down == nil {
		f.down = make(chan struct{})
	}
	return f.down
}

// Calls returns the calls made so far, in order.
func (f *Faulty) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Count is the number of calls of op made so far.
func (f *Faulty) Count(op Op) int {
	n := 0
	for _, c := range f.Calls() {
		if op == OpAny || c.Op == op {
			n++
		}
	}
	return n
}

// Struck returns what happened so far, one line for each fault that struck a call.
func (f *Faulty) Struck() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.struck)
}

// String names the faults.
func (f *Faulty) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out strings.Builder
	out.WriteString("faulty server")
	for _, a := range f.faults {
		out.WriteString("; " + a.String())
	}
	return out.String()
}

func (f *Faulty) vanished() error { return fmt.Errorf("server is down: %w", ErrFault) }

// strike notes a call and returns the effects of the faults that strike it, and the channel that closes when the
// server goes down.
func (f *Faulty) strike(c Call) (effects []Effect, down <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	if f.isDown {
		return nil, nil, f.vanished()
	}
	for _, a := range f.faults {
		if !a.When.matches(c) {
			continue
		}
		a.seen++
		if a.When.Nth > 0 && a.seen != a.When.Nth || a.seen < a.When.From {
			continue
		}
		effects = append(effects, a.Effect)
		f.struck = append(f.struck, c.String()+": "+a.Effect.String())
	}
	return effects, f.downLocked(), nil
}

// do makes a call through the faults. It returns the effects that concern what the call delivers.
func (f *Faulty) do(ctx context.Context, c Call, call func() error) (shape []Effect, down <-chan struct{}, err error) {
	effects, down, err := f.strike(c)
	if err != nil {
		return nil, nil, err
	}
	var after error
	for _, e := range effects {
		switch e.kind {
		case kindFail:
			return nil, nil, e.err
		case kindApply:
			after = e.err
		case kindHang:
			return nil, nil, hang(ctx)
		case kindDelay:
			if err := reactor.Sleep(ctx, reactor.System(), e.delay); err != nil {
				return nil, nil, err
			}
		case kindVanish:
			if c.Op != OpRead {
				f.Stop()
				return nil, nil, f.vanished()
			}
			shape = append(shape, e)
		default:
			shape = append(shape, e)
		}
	}
	if err := call(); err != nil {
		return nil, nil, err
	}
	return shape, down, after
}

// Version passes through.
func (f *Faulty) Version(ctx context.Context) (out storage.Version, err error) {
	_, _, err = f.do(ctx, Call{Op: OpVersion, Share: NoShare}, func() (err error) {
		out, err = f.Next.Version(ctx)
		return err
	})
	return out, err
}

// AddLease passes through.
func (f *Faulty) AddLease(ctx context.Context, i storage.Index, l storage.LeaseSecrets) error {
	_, _, err := f.do(ctx, Call{Op: OpAddLease, Index: i, Share: NoShare}, func() error { return f.Next.AddLease(ctx, i, l) })
	return err
}

// AdviseCorrupt passes through.
func (f *Faulty) AdviseCorrupt(ctx context.Context, c storage.Corruption) error {
	_, _, err := f.do(ctx, Call{Op: OpAdvise, Index: c.Index, Share: c.Share}, func() error { return f.Next.AdviseCorrupt(ctx, c) })
	return err
}

// Slot passes through.
func (f *Faulty) Slot(ctx context.Context, i storage.Index) (out []storage.ShareNum, err error) {
	_, _, err = f.do(ctx, Call{Op: OpSlot, Index: i, Share: NoShare}, func() (err error) {
		out, err = f.Next.Slot(ctx, i)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ReadSlot passes through; flipped bits of any share are flipped in the answer.
func (f *Faulty) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, vec []storage.Span) (out map[storage.ShareNum][][]byte, err error) {
	_, _, err = f.do(ctx, Call{Op: OpReadSlot, Index: i, Share: NoShare}, func() (err error) {
		out, err = f.Next.ReadSlot(ctx, i, shares, vec)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.flipSlot(i, out, vec)
	return out, nil
}

// flipSlot flips what Flip faults say in the values read from a slot.
func (f *Faulty) flipSlot(i storage.Index, data map[storage.ShareNum][][]byte, vec []storage.Span) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, values := range data {
		c := Call{Op: OpReadSlot, Index: i, Share: n}
		for _, a := range f.faults {
			if a.Effect.kind != kindFlip || a.When.Shares == nil || !a.When.matches(c) {
				continue
			}
			for k, v := range values {
				flip(v, vec[k].Offset, a.Effect)
			}
		}
	}
}

// flip applies e to b, which begins at offset of the share.
func flip(b []byte, offset int64, e Effect) {
	if at := e.at - offset; at >= 0 && at < int64(len(b)) {
		b[at] ^= e.mask
	}
}

// TestAndWrite passes through.
func (f *Faulty) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (out storage.SlotResult, err error) {
	_, _, err = f.do(ctx, Call{Op: OpTestAndWrite, Index: i, Share: NoShare}, func() (err error) {
		out, err = f.Next.TestAndWrite(ctx, i, w)
		return err
	})
	if err != nil {
		return storage.SlotResult{}, err
	}
	f.flipSlot(i, out.Data, w.Reads)
	return out, nil
}

// Allocate passes through, and its writers do.
func (f *Faulty) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (out storage.Allocated, err error) {
	_, _, err = f.do(ctx, Call{Op: OpAllocate, Index: i, Share: NoShare}, func() (err error) {
		out, err = f.Next.Allocate(ctx, i, a)
		return err
	})
	if err != nil {
		return storage.Allocated{}, err
	}
	for n, w := range out.Writers {
		out.Writers[n] = &faultyWriter{f: f, next: w, index: i, share: n}
	}
	return out, nil
}

// Buckets passes through, and its readers do.
func (f *Faulty) Buckets(ctx context.Context, i storage.Index) (out map[storage.ShareNum]storage.Reader, err error) {
	_, _, err = f.do(ctx, Call{Op: OpBuckets, Index: i, Share: NoShare}, func() (err error) {
		out, err = f.Next.Buckets(ctx, i)
		return err
	})
	if err != nil {
		return nil, err
	}
	for n, r := range out {
		out[n] = &faultyReader{f: f, next: r, index: i, share: n}
	}
	return out, nil
}

type faultyWriter struct {
	f     *Faulty
	next  storage.Writer
	index storage.Index
	share storage.ShareNum
}

func (w *faultyWriter) call(op Op, s storage.Span) Call {
	return Call{Op: op, Index: w.index, Share: w.share, Span: s}
}

func (w *faultyWriter) Write(ctx context.Context, s storage.Span, r io.Reader) (missing []storage.Span, err error) {
	_, _, err = w.f.do(ctx, w.call(OpWrite, s), func() (err error) {
		missing, err = w.next.Write(ctx, s, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return missing, nil
}

func (w *faultyWriter) Close(ctx context.Context) error {
	_, _, err := w.f.do(ctx, w.call(OpClose, storage.Span{}), func() error { return w.next.Close(ctx) })
	return err
}

func (w *faultyWriter) Abort(ctx context.Context) error {
	_, _, err := w.f.do(ctx, w.call(OpAbort, storage.Span{}), func() error { return w.next.Abort(ctx) })
	return err
}

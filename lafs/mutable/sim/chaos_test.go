package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/reactor"
	"tahoe/storage"
)

var errBroken = errors.New("connection lost")

// A fault is what happens to a call.
type fault uint8

const (
	fine fault = iota
	fails
	hangs
	losesAnswer // it is done, but the caller hears of an error
	comesLate   // the caller hears of an error; it is done some time later
	muteAnswer  // it is done, and the caller never hears of it
	flips       // a bit of the answer
	answersOld  // what an equal call was answered before
)

func (f fault) String() string {
	return [...]string{"", "fails", "hangs", "loses its answer", "fails and comes late", "is done and hangs", "has a bit flipped", "gets an old answer"}[f]
}

// A link is how one gateway reaches one server. Calls take time on it, in both directions, and where it leads to a bad server
// they go wrong.
type link struct {
	storage.Server
	name  string
	bad   bool
	quiet *atomic.Bool // no faults any more
	late  *sync.WaitGroup
	hist  *history

	mu  sync.Mutex
	rng *rand.Rand
	old map[string]map[storage.ShareNum][][]byte // answers by request
}

func newLink(s storage.Server, name string, bad bool, seed uint64, quiet *atomic.Bool, late *sync.WaitGroup, h *history) *link {
	return &link{
		Server: s, name: name, bad: bad, quiet: quiet, late: late, hist: h,
		rng: rand.New(rand.NewPCG(seed, 7)), old: make(map[string]map[storage.ShareNum][][]byte),
	}
}

// fate is what happens to the next call.
type fate struct {
	there, back time.Duration
	fault       fault
	dice        uint64
}

// slowest is how long one direction takes at most. It is less than gateways wait before they do without a server.
const slowest = 400 * time.Millisecond

func (l *link) fate(faults ...fault) fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := fate{there: l.delay(), back: l.delay(), dice: l.rng.Uint64()}
	if l.bad && !l.quiet.Load() && l.rng.IntN(3) == 0 {
		f.fault = faults[l.rng.IntN(len(faults))]
	}
	return f
}

// delay is short, most of the time. l.mu is held.
func (l *link) delay() time.Duration {
	d := time.Duration(l.rng.Int64N(int64(20 * time.Millisecond)))
	if l.rng.IntN(8) == 0 {
		d = time.Duration(l.rng.Int64N(int64(slowest)))
	}
	return d
}

// call makes a call, or something else.
func (l *link) call(ctx context.Context, what string, f fate, do func(ctx context.Context) error) error {
	if f.fault != fine {
		l.hist.note("%s %s", what, f.fault)
	}
	if err := reactor.Sleep(ctx, reactor.System(), f.there); err != nil {
		return err
	}
	switch f.fault {
	case fails:
		return errBroken
	case hangs:
		<-ctx.Done()
		return context.Cause(ctx)
	case comesLate:
		l.late.Go(func() {
			time.Sleep(time.Duration(f.dice % uint64(20*time.Second)))
			err := do(context.WithoutCancel(ctx))
			l.hist.note("%s came late: %v", what, err)
		})
		return errBroken
	}
	if err := do(ctx); err != nil {
		return err
	}
	switch f.fault {
	case losesAnswer:
		return errBroken
	case muteAnswer:
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return reactor.Sleep(ctx, reactor.System(), f.back)
}

// Slot is how some ask which shares there are.
func (l *link) Slot(ctx context.Context, i storage.Index) (out []storage.ShareNum, err error) {
	err = l.call(ctx, l.name+" Slot", l.fate(fails, hangs), func(ctx context.Context) (err error) {
		out, err = l.Server.Slot(ctx, i)
		return err
	})
	return out, err
}

// ReadSlot may give an old answer, or a wrong one.
func (l *link) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, spans []storage.Span) (out map[storage.ShareNum][][]byte, err error) {
	f := l.fate(fails, hangs, flips, answersOld)
	err = l.call(ctx, l.name+" ReadSlot", f, func(ctx context.Context) (err error) {
		out, err = l.Server.ReadSlot(ctx, i, shares, spans)
		return err
	})
	if err != nil {
		return nil, err
	}
	return l.distort(f, fmt.Sprint(shares, spans), out), nil
}

// distort changes an answer as fate has it.
func (l *link) distort(f fate, request string, out map[storage.ShareNum][][]byte) map[storage.ShareNum][][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.fault == answersOld && l.old[request] != nil {
		return cloneAnswer(l.old[request])
	}
	if _, ok := l.old[request]; !ok || f.dice%5 == 0 {
		l.old[request] = cloneAnswer(out)
	}
	if f.fault == flips {
		flipBit(out, f.dice)
	}
	return out
}

func cloneAnswer(a map[storage.ShareNum][][]byte) map[storage.ShareNum][][]byte {
	out := make(map[storage.ShareNum][][]byte, len(a))
	for n, values := range a {
		for _, v := range values {
			out[n] = append(out[n], bytes.Clone(v))
		}
	}
	return out
}

// flipBit flips a bit of some value.
func flipBit(out map[storage.ShareNum][][]byte, dice uint64) {
	var values [][]byte
	for _, n := range slices.Sorted(maps.Keys(out)) {
		for _, v := range out[n] {
			if len(v) > 0 {
				values = append(values, v)
			}
		}
	}
	if len(values) == 0 {
		return
	}
	v := values[dice%uint64(len(values))]
	v[dice>>8%uint64(len(v))] ^= 1 << (dice >> 40 % 8)
}

// TestAndWrite may be done without the writer knowing.
func (l *link) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (out storage.SlotResult, err error) {
	f := l.fate(fails, hangs, losesAnswer, comesLate, muteAnswer, flips)
	if f.fault == comesLate {
		w = inFlight(w)
	}
	err = l.call(ctx, l.name+" TestAndWrite", f, func(ctx context.Context) error {
		r, err := l.Server.TestAndWrite(ctx, i, w)
		if f.fault != comesLate { // nobody reads the answer then
			out = r
		}
		if err == nil {
			l.hist.wrote(r.Wrote)
			l.hist.note("%s TestAndWrite of shares %v: wrote %v", l.name, slices.Sorted(maps.Keys(w.Shares)), r.Wrote)
		}
		return err
	})
	if err != nil {
		return storage.SlotResult{}, err
	}
	if f.fault == flips {
		flipBit(out.Data, f.dice)
	}
	return out, nil
}

// inFlight is a write with its data copied, for when the writer has gone on.
func inFlight(w storage.SlotWrite) storage.SlotWrite {
	shares := make(map[storage.ShareNum]storage.ShareWrite, len(w.Shares))
	for n, s := range w.Shares {
		s.Writes = slices.Clone(s.Writes)
		for i, v := range s.Writes {
			b := make([]byte, v.Data.Size())
			_, _ = v.Data.ReadAt(b, 0)
			s.Writes[i].Data = bytes.NewReader(b)
		}
		shares[n] = s
	}
	w.Shares = shares
	return w
}

// AddLease may fail.
func (l *link) AddLease(ctx context.Context, i storage.Index, s storage.LeaseSecrets) error {
	return l.call(ctx, l.name+" AddLease", l.fate(fails, hangs, losesAnswer), func(ctx context.Context) error { return l.Server.AddLease(ctx, i, s) })
}

// AdviseCorrupt may fail.
func (l *link) AdviseCorrupt(ctx context.Context, c storage.Corruption) error {
	return l.call(ctx, l.name+" AdviseCorrupt", l.fate(fails, hangs), func(ctx context.Context) error { return l.Server.AdviseCorrupt(ctx, c) })
}

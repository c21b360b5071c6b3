package grid

import (
	"context"
	"errors"
	"io"
	"time"

	"tahoe/lafs/trace"
	"tahoe/storage"
)

var errNeverConnected = errors.New("not connected yet")

// A guard is a server's storage as callers see it. It names the server in errors, and tells the broker about answers and
// doubts.
type guard struct {
	id     string
	name   string
	vitals *vitals
	next   func() storage.Server // nil result: there is none yet

	failed   func() // a call failed so that the server may be gone
	answered func() // a call was answered
}

func newGuard(id ServerID, name string, v *vitals) *guard {
	return &guard{id: string(id), name: name, vitals: v, next: func() storage.Server { return nil }, failed: func() {}, answered: func() {}}
}

// patience is how long a call may have gone unanswered when its caller gives up, before that counts against the server.
const patience = 2 * time.Second

// call runs one operation.
func (g *guard) call(ctx context.Context, op string, f func(storage.Server) error) error {
	s := g.next()
	if s == nil {
		return &ServerError{Server: g.name, Op: op, Err: errNeverConnected}
	}
	return g.during(ctx, op, func() error { return f(s) })
}

// during runs a part of an operation that is under way already.
func (g *guard) during(ctx context.Context, op string, f func() error) error {
	begun := g.vitals.clock.Now()
	err := f()
	if err == nil || err == io.EOF {
		g.alive()
		return err
	}
	return g.judge(ctx, op, err, g.vitals.clock.Now().Sub(begun))
}

func (g *guard) alive() {
	g.vitals.answered()
	g.answered()
}

// judge decides what an error says about the server, and wraps it unless it is the caller's own.
func (g *guard) judge(ctx context.Context, op string, err error, took time.Duration) error {
	switch own, ours := errors.AsType[*sourceError](err); {
	case ours:
		return own.err
	case isAnswer(err):
		g.alive()
	case ctx.Err() == nil || took >= patience:
		g.failed()
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) &&
		!errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &ServerError{Server: g.name, Op: op, Err: brief(err)}
}

// brief is an error without the server and the operation, where it can leave them out: a ServerError names them.
func brief(err error) error {
	if r, ok := err.(interface{ Reason() error }); ok {
		return r.Reason()
	}
	return err
}

// answers are the errors with which a server that lives refuses something.
func answers() []error {
	return []error{
		storage.ErrNotFound, storage.ErrConflict, storage.ErrBadSecret, storage.ErrNoSpace, storage.ErrReadOnly,
		storage.ErrRange, storage.ErrTooLarge, storage.ErrMalformed, storage.ErrIncomplete,
	}
}

func isAnswer(err error) bool {
	for _, a := range answers() {
		if errors.Is(err, a) {
			return true
		}
	}
	return false
}

// Version asks the server, and remembers the answer.
func (g *guard) Version(ctx context.Context) (v storage.Version, err error) {
	err = g.call(ctx, "version", func(s storage.Server) error {
		v, err = s.Version(ctx)
		return err
	})
	if err == nil {
		g.vitals.change(func(s *Status) { s.Version = v })
	}
	return v, err
}

func (g *guard) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (out storage.Allocated, err error) {
	paceOf(ctx).note(0, 0)
	answered := g.told(ctx, trace.Allocate, a.Shares, storage.Span{Size: a.Size})
	err = g.call(ctx, string(trace.Allocate), func(s storage.Server) error {
		out, err = s.Allocate(ctx, i, a)
		return err
	})
	answered(trace.Answer{Shares: out.Have, Err: err})
	if err != nil {
		return storage.Allocated{}, err
	}
	guarded := make(map[storage.ShareNum]storage.Writer, len(out.Writers))
	for n, w := range out.Writers {
		guarded[n] = &writer{g, n, w}
	}
	out.Writers = guarded
	return out, nil
}

func (g *guard) Buckets(ctx context.Context, i storage.Index) (out map[storage.ShareNum]storage.Reader, err error) {
	paceOf(ctx).note(0, 0)
	answered := g.told(ctx, trace.List, nil, storage.Span{})
	err = g.call(ctx, string(trace.List), func(s storage.Server) error {
		out, err = s.Buckets(ctx, i)
		return err
	})
	answered(trace.Answer{Shares: numbers(ctx, out), Err: err})
	if err != nil {
		return nil, err
	}
	guarded := make(map[storage.ShareNum]storage.Reader, len(out))
	for n, r := range out {
		guarded[n] = &reader{g, n, r}
	}
	return guarded, nil
}

func (g *guard) Slot(ctx context.Context, i storage.Index) (out []storage.ShareNum, err error) {
	err = g.call(ctx, "list mutable shares", func(s storage.Server) error {
		out, err = s.Slot(ctx, i)
		return err
	})
	return out, err
}

func (g *guard) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, spans []storage.Span) (out map[storage.ShareNum][][]byte, err error) {
	answered := g.told(ctx, trace.ReadSlot, shares, around(spans))
	err = g.call(ctx, string(trace.ReadSlot), func(s storage.Server) error {
		out, err = s.ReadSlot(ctx, i, shares, spans)
		return err
	})
	paceOf(ctx).note(0, valuesSize(out))
	answered(trace.Answer{Shares: numbers(ctx, out), Bytes: bytesIn(out), Err: err})
	return out, err
}

func (g *guard) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (out storage.SlotResult, err error) {
	paceOf(ctx).note(writesSize(w), 0)
	answered := g.told(ctx, trace.WriteSlot, numbers(ctx, w.Shares), storage.Span{})
	err = g.call(ctx, string(trace.WriteSlot), func(s storage.Server) error {
		out, err = s.TestAndWrite(ctx, i, w)
		return err
	})
	answered(writeAnswer(ctx, w, out, err))
	return out, err
}

func (g *guard) AddLease(ctx context.Context, i storage.Index, l storage.LeaseSecrets) error {
	paceOf(ctx).note(0, 0)
	return g.call(ctx, "add lease", func(s storage.Server) error { return s.AddLease(ctx, i, l) })
}

func (g *guard) AdviseCorrupt(ctx context.Context, c storage.Corruption) error {
	return g.call(ctx, "advise of a corrupt share", func(s storage.Server) error { return s.AdviseCorrupt(ctx, c) })
}

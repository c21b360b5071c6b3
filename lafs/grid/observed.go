package grid

import (
	"context"
	"errors"
	"maps"
	"slices"

	"tahoe/lafs/trace"
	"tahoe/storage"
)

// told tells whoever looks on that the server is asked for something.
func (g *guard) told(ctx context.Context, op trace.Op, shares []storage.ShareNum, s storage.Span) func(trace.Answer) {
	return trace.Begin(ctx, func() trace.Call {
		return trace.Call{Server: g.id, Name: g.name, Op: op, Shares: shares, Span: s}
	})
}

// numbers are the shares in m, in order. They are for whoever looks on, and nil when nobody does.
func numbers[T any](ctx context.Context, m map[storage.ShareNum]T) []storage.ShareNum {
	if trace.From(ctx) == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// around is the span from the beginning of the first to the end of the last.
func around(spans []storage.Span) (s storage.Span) {
	for i, next := range spans {
		if i == 0 {
			s = next
			continue
		}
		from, end := min(s.Offset, next.Offset), max(s.End(), next.End())
		s = storage.Span{Offset: from, Size: end - from}
	}
	return s
}

func bytesIn(shares map[storage.ShareNum][][]byte) (n int64) {
	for _, values := range shares {
		for _, v := range values {
			n += int64(len(v))
		}
	}
	return n
}

var errChanged = errors.New("its shares are not as they were seen")

// writeAnswer is what came of a change of a slot. A test that did not hold is no error of the server, and changes nothing.
func writeAnswer(ctx context.Context, w storage.SlotWrite, out storage.SlotResult, err error) trace.Answer {
	switch {
	case trace.From(ctx) == nil:
		return trace.Answer{}
	case err != nil:
		return trace.Answer{Err: err}
	case !out.Wrote:
		return trace.Answer{Err: errChanged}
	}
	a := trace.Answer{Shares: slices.Sorted(maps.Keys(w.Shares))}
	for _, share := range w.Shares {
		for _, change := range share.Writes {
			a.Bytes += change.Data.Size()
		}
	}
	return a
}

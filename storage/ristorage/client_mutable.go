package ristorage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

// Slot asks which mutable shares there are, by reading nothing of each of them.
func (c *Client) Slot(ctx context.Context, i storage.Index) ([]storage.ShareNum, error) {
	got, err := c.readSlot(ctx, i, nil, nil)
	return slices.Sorted(maps.Keys(got)), err
}

// ReadSlot reads spans of mutable shares. Spans that are long together are read by several calls, so that the answer need
// not be of one moment.
func (c *Client) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, spans []storage.Span) (map[storage.ShareNum][][]byte, error) {
	if err := errors.Join(storage.CheckSpans(spans...), ctx.Err()); err != nil {
		return nil, fmt.Errorf("reading shares of %s: %w", i.Abbrev(), err)
	}
	if shares != nil {
		shares = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(shares))), func(n storage.ShareNum) bool { return !n.Valid() })
		if len(shares) == 0 {
			return map[storage.ShareNum][][]byte{}, nil
		}
	}
	first := firstPieces(spans)
	out, err := c.readSlot(ctx, i, shares, first)
	for k, s := range spans {
		have := first[k].Size
		for err == nil && have < s.Size && reaches(out, k, have) {
			part := storage.Span{Offset: s.Offset + have, Size: min(slotPiece, s.Size-have)}
			var more map[storage.ShareNum][][]byte
			if more, err = c.readSlot(ctx, i, shares, []storage.Span{part}); err == nil {
				extend(out, k, have, more)
			}
			have += part.Size
		}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// firstPieces is the part of the spans that is read by the first call: all of it, unless it is long.
func firstPieces(spans []storage.Span) []storage.Span {
	left := int64(slotPiece)
	out := slices.Clone(spans)
	for k := range out {
		out[k].Size = min(out[k].Size, left)
		left -= out[k].Size
	}
	return out
}

// reaches says whether a share may have more of the kth span than the first bytes, as many as were asked for.
func reaches(got map[storage.ShareNum][][]byte, k int, first int64) bool {
	for _, values := range got {
		if int64(len(values[k])) == first {
			return true
		}
	}
	return false
}

// extend adds what more has to say to the kth values that are as long as have.
func extend(out map[storage.ShareNum][][]byte, k int, have int64, more map[storage.ShareNum][][]byte) {
	for n, values := range out {
		if next, ok := more[n]; ok && int64(len(values[k])) == have {
			values[k] = append(values[k], next[0]...)
		}
	}
}

// readSlot is one call.
func (c *Client) readSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, spans []storage.Span) (map[storage.ShareNum][][]byte, error) {
	op := "reading shares of " + i.Abbrev()
	v, err := c.call(ctx, op, methodReadSlot, i[:], shareValues(shares), spanValues(spans))
	if isRemote(err, notMutable) {
		return map[storage.ShareNum][][]byte{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := &reading{}
	out := r.slotData(v, spans)
	if r.err != nil {
		return nil, c.badAnswer(op, r.err)
	}
	return out, nil
}

// TestAndWrite changes a slot by one call.
func (c *Client) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	op := "changing the slot of " + i.Abbrev()
	if err := errors.Join(storage.CheckSpans(w.Reads...), ctx.Err()); err != nil {
		return storage.SlotResult{}, fmt.Errorf("%s: %w", op, err)
	}
	shares, err := slotValues(w.Shares)
	if err != nil {
		return storage.SlotResult{}, fmt.Errorf("%s: %w", op, err)
	}
	secrets := foolscap.Tuple{secretValue(w.WriteEnabler), secretValue(w.Lease.Renew), secretValue(w.Lease.Cancel)}
	v, err := c.call(ctx, op, methodSlot, i[:], secrets, shares, spanValues(w.Reads))
	if err != nil {
		return storage.SlotResult{}, err
	}
	r := &reading{}
	t := r.tuple(v, "the answer", 2)
	wrote, ok := t[0].(bool)
	if !ok {
		r.failf("the result is %s, not a boolean", kindOf(t[0]))
	}
	data := r.slotData(t[1], w.Reads)
	if r.err != nil {
		return storage.SlotResult{}, c.badAnswer(op, r.err)
	}
	return storage.SlotResult{Wrote: wrote, Data: data}, nil
}

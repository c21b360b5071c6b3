package gbs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"tahoe/storage"
)

// testAndWrite changes a slot. A large body is spooled to a file first: the walk through it and the writes need it at any
// place, and memory stays flat. Nothing is spooled for clients that did not show their secrets.
func (h *Handler) testAndWrite(ctx context.Context, r *request) error {
	if err := r.checkAccept(); err != nil {
		return err
	}
	if err := r.checkMediaType(); err != nil {
		return err
	}
	if err := h.checkSlotRoom(r); err != nil {
		return err
	}
	body, err := h.newBody(r).spool(r.ContentLength, h.cfg)
	if err != nil {
		return err
	}
	defer body.Close()
	w, err := parseSlotWrite(body, body.size)
	if err != nil {
		return err
	}
	w.WriteEnabler, w.Lease = r.enabler, r.lease
	result, err := h.storage.TestAndWrite(ctx, r.index, w)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, encodeSlotResult(result))
}

// checkSlotRoom refuses a body that is too large, before it is spooled. What the storage server says to be available is
// not what counts: that is for new immutable shares, and slots go on changing on a server that takes none.
func (h *Handler) checkSlotRoom(r *request) error {
	if r.ContentLength > maxSlotBody {
		return fmt.Errorf("body of %d bytes, more than %d: %w", r.ContentLength, int64(maxSlotBody), storage.ErrTooLarge)
	}
	if r.ContentLength <= h.cfg.SpoolAbove || h.cfg.SpoolRoom == nil {
		return nil
	}
	if room := h.cfg.SpoolRoom(); uint64(r.ContentLength) > room {
		return fmt.Errorf("body of %d bytes, there is room for %d: %w", r.ContentLength, room, storage.ErrNoSpace)
	}
	return nil
}

func (h *Handler) listSlot(ctx context.Context, r *request) error {
	if err := r.checkAccept(); err != nil {
		return err
	}
	shares, err := h.storage.Slot(ctx, r.index)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, appendShareSet(nil, slices.Sorted(slices.Values(shares))))
}

func (h *Handler) readMutable(ctx context.Context, r *request) error {
	r.w.Header().Set("Content-Type", mimeOctets)
	return h.send(ctx, r, slotShare{h.storage, r.index, r.share})
}

// slotShare reads one mutable share as if it were immutable: a chunk at a time, so that a long range does not need its
// size in memory. A share that gets shorter meanwhile breaks the answer off.
type slotShare struct {
	storage storage.Mutable
	index   storage.Index
	share   storage.ShareNum
}

func (s slotShare) Read(ctx context.Context, span storage.Span) (io.ReadCloser, error) {
	r := &slotStream{ctx: ctx, slotShare: s, left: span}
	if err := r.fill(); err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}

// slotStream is one read of a slotShare; it carries the context of the Read that it belongs to.
type slotStream struct {
	slotShare
	ctx  context.Context
	left storage.Span
	buf  bytes.Reader
}

func (r *slotStream) fill() error {
	n := min(r.left.Size, chunk)
	got, err := r.storage.ReadSlot(r.ctx, r.index, []storage.ShareNum{r.share}, []storage.Span{{Offset: r.left.Offset, Size: n}})
	if err != nil {
		return err
	}
	values, ok := got[r.share]
	if !ok || len(values) != 1 {
		return fmt.Errorf("mutable share %d of %s: %w", r.share, r.index.Abbrev(), storage.ErrNotFound)
	}
	r.buf.Reset(values[0])
	if r.left = (storage.Span{Offset: r.left.Offset + n, Size: r.left.Size - n}); int64(len(values[0])) < n {
		r.left.Size = 0
	}
	return nil
}

func (r *slotStream) Read(b []byte) (int, error) {
	if r.buf.Len() == 0 && r.left.Size > 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	return r.buf.Read(b)
}

package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"tahoe/storage"
	"tahoe/storage/share"
)

// maxSlotRead bounds what one call reads from a slot, for it answers from memory. No client takes more in one answer.
const maxSlotRead = 32 << 20

// Slot returns the mutable shares of i.
func (s *Server) Slot(ctx context.Context, i storage.Index) ([]storage.ShareNum, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.held(i, storage.KindMutable)
}

// slot is the open mutable shares of one index. Its user has the index's lock.
type slot map[storage.ShareNum]*handle

// openSlot opens the mutable shares of i.
func (s *Server) openSlot(i storage.Index) (slot, error) {
	handles, err := s.openAll(i, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	out := slot{}
	for _, h := range handles {
		if h.kind == storage.KindMutable {
			out[h.key.share] = h
		} else {
			h.close()
		}
	}
	return out, nil
}

func (o slot) close() {
	for _, h := range o {
		h.close()
	}
}

// ReadSlot reads spans of mutable shares. No change of the slot comes between two of them.
func (s *Server) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, vec []storage.Span) (map[storage.ShareNum][][]byte, error) {
	if err := storage.CheckSpans(vec...); err != nil {
		return nil, err
	}
	unlock, err := s.locks.lock(ctx, i)
	if err != nil {
		return nil, err
	}
	defer unlock()
	open, err := s.openSlot(i)
	if err != nil {
		return nil, err
	}
	defer open.close()
	if shares != nil {
		wanted := slot{}
		for _, n := range shares {
			if h := open[n]; h != nil {
				wanted[n] = h
			}
		}
		return wanted.read(ctx, vec)
	}
	return open.read(ctx, vec)
}

// read reads spans from every share of o.
func (o slot) read(ctx context.Context, vec []storage.Span) (map[storage.ShareNum][][]byte, error) {
	var total int64
	for _, h := range o {
		for _, v := range vec {
			if total += h.clip(v).Size; total > maxSlotRead {
				return nil, fmt.Errorf("reading more than %d bytes at once: %w", maxSlotRead, storage.ErrTooLarge)
			}
		}
	}
	out := make(map[storage.ShareNum][][]byte, len(o))
	for n, h := range o {
		values := make([][]byte, len(vec))
		for k, v := range vec {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			b, err := h.read(v)
			if err != nil {
				return nil, err
			}
			values[k] = b
		}
		out[n] = values
	}
	return out, nil
}

// clip is the part of v that lies within the data of h.
func (h *handle) clip(v storage.Span) storage.Span {
	start := min(v.Offset, h.mutable.Size)
	return storage.Span{Offset: start, Size: min(v.Size, h.mutable.Size-start)}
}

// read reads the part of v that lies within the data of h.
func (h *handle) read(v storage.Span) ([]byte, error) {
	v = h.clip(v)
	b := make([]byte, v.Size)
	if _, err := h.file.ReadAt(b, share.MutableDataAt+v.Offset); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read share %s: %w", h.key, err)
	}
	return b, nil
}

// TestAndWrite changes a slot. Each of its shares changes wholly or not at all, whatever happens; the comment of the
// package says what holds for several of them.
func (s *Server) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	return s.testAndWrite(ctx, i, w, s.own())
}

func (s *Server) testAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite, g Grant) (storage.SlotResult, error) {
	if g.Frozen && len(w.Shares) > 0 {
		return storage.SlotResult{}, frozen(i)
	}
	if err := checkSlotWrite(w); err != nil {
		return storage.SlotResult{}, err
	}
	unlock, err := s.locks.lock(ctx, i)
	if err != nil {
		return storage.SlotResult{}, err
	}
	defer unlock()
	open, err := s.openSlot(i)
	if err != nil {
		return storage.SlotResult{}, err
	}
	defer open.close()
	for _, h := range open {
		if !h.mutable.WriteEnabler.Equal(w.WriteEnabler) {
			return storage.SlotResult{}, fmt.Errorf("write enabler of %s: %w", i.Abbrev(), storage.ErrBadSecret)
		}
	}
	data, err := open.read(ctx, w.Reads)
	if err != nil {
		return storage.SlotResult{}, err
	}
	hold, err := open.test(w.Shares)
	if err != nil || !hold {
		return storage.SlotResult{Data: data}, err
	}
	if err := s.change(ctx, i, open, w, g); err != nil {
		return storage.SlotResult{}, fmt.Errorf("change slot of %s: %w", i.Abbrev(), full(err))
	}
	return storage.SlotResult{Wrote: true, Data: data}, nil
}

// checkSlotWrite refuses what no share can hold.
func checkSlotWrite(w storage.SlotWrite) error {
	if err := storage.CheckSpans(w.Reads...); err != nil {
		return err
	}
	for n, sw := range w.Shares {
		if !n.Valid() || sw.NewLength != nil && *sw.NewLength < 0 {
			return fmt.Errorf("write to share %d: %w", n, storage.ErrMalformed)
		}
		for _, t := range sw.Tests {
			if err := storage.CheckSpans(storage.Span{Offset: t.Offset, Size: t.Size}); err != nil {
				return err
			}
		}
		for _, v := range sw.Writes {
			if v.Offset < 0 {
				return fmt.Errorf("write at %d: %w", v.Offset, storage.ErrRange)
			}
			if v.Offset > share.MaxMutable-v.Data.Size() {
				return fmt.Errorf("write of %d bytes at %d: %w", v.Data.Size(), v.Offset, storage.ErrTooLarge)
			}
		}
	}
	return nil
}

// test says whether all tests hold. A share that is not there is empty.
func (o slot) test(shares map[storage.ShareNum]storage.ShareWrite) (bool, error) {
	for n, sw := range shares {
		h := o[n]
		for _, t := range sw.Tests {
			if h == nil {
				if len(t.Specimen) > 0 {
					return false, nil
				}
				continue
			}
			span := storage.Span{Offset: t.Offset, Size: t.Size}
			if h.clip(span).Size != int64(len(t.Specimen)) {
				return false, nil
			}
			if b, err := h.read(span); err != nil || !bytes.Equal(b, t.Specimen) {
				return false, err
			}
		}
	}
	return true, nil
}

// deletes says whether w deletes the share.
func deletes(w storage.ShareWrite) bool { return w.NewLength != nil && *w.NewLength == 0 }

// change makes the writes of w. It prepares all new files, then puts them in place.
func (s *Server) change(ctx context.Context, i storage.Index, open slot, w storage.SlotWrite, g Grant) (err error) {
	c := slotChange{s: s, index: i, open: open, w: w, grant: g, temps: map[storage.ShareNum]string{}, sizes: map[storage.ShareNum]int64{}}
	defer func() { err = errors.Join(err, c.discard()) }()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.commit()
}

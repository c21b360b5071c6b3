package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"tahoe/storage"
)

// Slot returns the mutable shares of i.
func (m *Mem) Slot(ctx context.Context, i storage.Index) ([]storage.ShareNum, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.numbers(i, storage.KindMutable), nil
}

// ReadSlot reads spans of mutable shares.
func (m *Mem) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, vec []storage.Span) (map[storage.ShareNum][][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.readSlot(i, shares, vec)
}

// readSlot is ReadSlot for a caller that holds m.mu.
func (m *Mem) readSlot(i storage.Index, shares []storage.ShareNum, vec []storage.Span) (map[storage.ShareNum][][]byte, error) {
	out := map[storage.ShareNum][][]byte{}
	for _, n := range m.numbers(i, storage.KindMutable) {
		if shares != nil && !slices.Contains(shares, n) {
			continue
		}
		out[n] = make([][]byte, 0, len(vec))
		for _, s := range vec {
			part, err := cut(m.shares[i][n].data, s)
			if err != nil {
				return nil, err
			}
			out[n] = append(out[n], bytes.Clone(part))
		}
	}
	return out, nil
}

// TestAndWrite changes a slot.
func (m *Mem) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	if err := ctx.Err(); err != nil {
		return storage.SlotResult{}, err
	}
	loaded, err := load(w)
	if err != nil {
		return storage.SlotResult{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.numbers(i, storage.KindMutable) {
		if !m.shares[i][n].enabler.Equal(w.WriteEnabler) {
			return storage.SlotResult{}, fmt.Errorf("write enabler of %s: %w", i.Abbrev(), storage.ErrBadSecret)
		}
	}
	data, err := m.readSlot(i, nil, w.Reads)
	if err != nil {
		return storage.SlotResult{}, err
	}
	if !m.testsHold(i, w.Shares) {
		return storage.SlotResult{Data: data}, nil
	}
	if err := m.apply(i, w, loaded); err != nil {
		return storage.SlotResult{}, err
	}
	return storage.SlotResult{Wrote: true, Data: data}, nil
}

// load reads the data of all writes, and checks the request, before any lock is taken.
func load(w storage.SlotWrite) (map[storage.ShareNum][][]byte, error) {
	out := map[storage.ShareNum][][]byte{}
	for n, s := range w.Shares {
		if !n.Valid() || s.NewLength != nil && *s.NewLength < 0 {
			return nil, fmt.Errorf("write to share %d: %w", n, storage.ErrMalformed)
		}
		for _, t := range s.Tests {
			if t.Offset < 0 || t.Size < 0 {
				return nil, fmt.Errorf("test of %d bytes at %d: %w", t.Size, t.Offset, storage.ErrRange)
			}
		}
		for _, v := range s.Writes {
			if v.Offset < 0 {
				return nil, fmt.Errorf("write at %d: %w", v.Offset, storage.ErrRange)
			}
			if v.Offset > maxMutable-v.Data.Size() {
				return nil, fmt.Errorf("write of %d bytes at %d: %w", v.Data.Size(), v.Offset, storage.ErrTooLarge)
			}
			b, err := io.ReadAll(io.NewSectionReader(v.Data, 0, v.Data.Size()))
			if err != nil {
				return nil, fmt.Errorf("reading data to write: %w", err)
			}
			out[n] = append(out[n], b)
		}
	}
	return out, nil
}

func (m *Mem) testsHold(i storage.Index, shares map[storage.ShareNum]storage.ShareWrite) bool {
	for n, w := range shares {
		var data []byte
		if s := m.shares[i][n]; s != nil && s.kind == storage.KindMutable {
			data = s.data
		}
		for _, t := range w.Tests {
			part, err := cut(data, storage.Span{Offset: t.Offset, Size: t.Size})
			if err != nil || !bytes.Equal(part, t.Specimen) {
				return false
			}
		}
	}
	return true
}

// apply makes the writes in new memory first, so that one that does not fit changes nothing.
func (m *Mem) apply(i storage.Index, w storage.SlotWrite, loaded map[storage.ShareNum][][]byte) error {
	after := map[storage.ShareNum][]byte{}
	var grown int64
	for n, sw := range w.Shares {
		var data []byte
		if s := m.shares[i][n]; s != nil {
			if s.kind != storage.KindMutable {
				return fmt.Errorf("share %d of %s is immutable: %w", n, i.Abbrev(), storage.ErrConflict)
			}
			data = s.data
		}
		before := int64(len(data))
		data, err := m.rewrite(data, sw, loaded[n])
		if err != nil {
			return err
		}
		after[n] = data
		grown += int64(len(data)) - before
	}
	if m.cfg.Capacity > 0 && grown > m.cfg.Capacity-m.used {
		return fmt.Errorf("slot of %s: %w", i.Abbrev(), storage.ErrNoSpace)
	}
	for _, n := range slices.Sorted(maps.Keys(w.Shares)) {
		m.replace(i, n, w, after[n])
	}
	return nil
}

// rewrite returns the bytes of a share after sw.
func (m *Mem) rewrite(old []byte, sw storage.ShareWrite, loaded [][]byte) ([]byte, error) {
	if sw.NewLength != nil && *sw.NewLength == 0 {
		return nil, nil
	}
	data := bytes.Clone(old)
	for k, v := range sw.Writes {
		end := v.Offset + int64(len(loaded[k]))
		if m.cfg.Capacity > 0 && end > m.cfg.Capacity {
			return nil, fmt.Errorf("share of %d bytes: %w", end, storage.ErrNoSpace)
		}
		if grow := end - int64(len(data)); grow > 0 {
			data = append(data, make([]byte, grow)...)
		}
		copy(data[v.Offset:], loaded[k])
	}
	if sw.NewLength != nil && *sw.NewLength < int64(len(data)) {
		data = data[:*sw.NewLength]
	}
	return data, nil
}

// replace puts the new bytes of share n in place, or removes it.
func (m *Mem) replace(i storage.Index, n storage.ShareNum, w storage.SlotWrite, data []byte) {
	if l := w.Shares[n].NewLength; l != nil && *l == 0 {
		m.drop(i, n)
		return
	}
	s := m.shares[i][n]
	if s == nil {
		s = &memShare{kind: storage.KindMutable, enabler: w.WriteEnabler}
		m.put(i, n, s)
	}
	m.used += int64(len(data)) - int64(len(s.data))
	s.data = data
	m.lease(s, w.Lease)
}

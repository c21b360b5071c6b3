package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"tahoe/internal/spans"
	"tahoe/storage"
)

// Allocate makes room for immutable shares.
func (m *Mem) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	if err := ctx.Err(); err != nil {
		return storage.Allocated{}, err
	}
	if err := checkAllocation(a); err != nil {
		return storage.Allocated{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := storage.Allocated{
		Have:    m.numbers(i, storage.KindImmutable),
		Writers: map[storage.ShareNum]storage.Writer{},
	}
	for _, n := range out.Have {
		m.lease(m.shares[i][n], a.Lease)
	}
	for _, n := range a.Shares {
		key := memKey{i, n}
		if m.shares[i][n] != nil || m.open[key] != nil || a.Size > m.available() || m.cfg.ReadOnly {
			continue
		}
		w := &memWriter{m: m, key: key, size: a.Size, lease: a.Lease}
		m.open[key], m.used = w, m.used+a.Size
		out.Writers[n] = w
	}
	return out, nil
}

func checkAllocation(a storage.Allocation) error {
	if a.Size < 0 {
		return fmt.Errorf("allocation of %d bytes: %w", a.Size, storage.ErrMalformed)
	}
	for _, n := range a.Shares {
		if !n.Valid() {
			return fmt.Errorf("share number %d: %w", n, storage.ErrMalformed)
		}
	}
	return nil
}

// memWriter is an open upload. data and have belong to the goroutine that calls Write; m.open says whether the writer
// is still open, and is guarded by m.mu.
type memWriter struct {
	m     *Mem
	key   memKey
	size  int64
	lease storage.LeaseSecrets

	data   []byte
	have   spans.Set
	closed bool // guarded by m.mu
}

// state returns nil when the writer is open. The caller holds m.mu.
func (w *memWriter) state() error {
	if w.m.open[w.key] == w {
		return nil
	}
	return fmt.Errorf("writing share %d of %s, which is not being written: %w", w.key.share, w.key.index.Abbrev(), storage.ErrNotFound)
}

func (w *memWriter) checkOpen(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	return w.state()
}

func (w *memWriter) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	if err := w.checkOpen(ctx); err != nil {
		return nil, err
	}
	if s.Offset < 0 || s.Size < 0 || s.Offset > w.size || s.Size > w.size-s.Offset {
		return nil, fmt.Errorf("write of %d bytes at %d to a share of %d: %w", s.Size, s.Offset, w.size, storage.ErrRange)
	}
	if w.data == nil {
		w.data = make([]byte, w.size)
	}
	const chunk = 1 << 20 // how often a long write looks whether it should end
	for at := s.Offset; at < s.End(); at += chunk {
		if err := w.writeChunk(at, min(at+chunk, s.End()), r); err != nil {
			return nil, err
		}
		if err := w.checkOpen(ctx); err != nil {
			return nil, err
		}
	}
	return w.missing(), nil
}

// writeChunk stores [start, end) from r. Bytes that were written before are compared instead.
func (w *memWriter) writeChunk(start, end int64, r io.Reader) error {
	dst := w.data[start:end]
	old := w.have.Overlap(start, end)
	if len(old) > 0 {
		dst = make([]byte, end-start)
	}
	n, err := io.ReadFull(r, dst)
	for _, o := range old {
		stop := min(o.End, start+int64(n))
		if o.Start < stop && !bytes.Equal(dst[o.Start-start:stop-start], w.data[o.Start:stop]) {
			return fmt.Errorf("bytes %d to %d: %w", o.Start, stop, storage.ErrConflict)
		}
	}
	if len(old) > 0 {
		copy(w.data[start:], dst[:n])
	}
	w.have.Add(start, start+int64(n))
	if err != nil {
		return fmt.Errorf("reading share data: %w", unexpected(err))
	}
	return nil
}

// unexpected turns the end of a stream that should have gone on into an error that cannot be taken for success.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (w *memWriter) missing() []storage.Span {
	var out []storage.Span
	for _, s := range w.have.Missing(0, w.size) {
		out = append(out, storage.Span{Offset: s.Start, Size: s.End - s.Start})
	}
	return out
}

func (w *memWriter) Close(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if w.closed {
		return nil
	}
	if err := w.state(); err != nil {
		return err
	}
	if !w.have.Covers(0, w.size) {
		return fmt.Errorf("closing share %d of %s: %w", w.key.share, w.key.index.Abbrev(), storage.ErrIncomplete)
	}
	delete(w.m.open, w.key)
	s := &memShare{kind: storage.KindImmutable, data: w.data}
	w.m.lease(s, w.lease)
	w.m.put(w.key.index, w.key.share, s)
	w.closed = true
	return nil
}

func (w *memWriter) Abort(context.Context) error {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if w.state() == nil {
		delete(w.m.open, w.key)
		w.m.used -= w.size
	}
	return nil
}

// Buckets returns readers of the immutable shares of i.
func (m *Mem) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[storage.ShareNum]storage.Reader{}
	for _, n := range m.numbers(i, storage.KindImmutable) {
		out[n] = memReader{m, memKey{i, n}}
	}
	return out, nil
}

type memReader struct {
	m   *Mem
	key memKey
}

func (r memReader) Read(ctx context.Context, s storage.Span) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	share, err := r.m.find(r.key.index, r.key.share, storage.KindImmutable)
	if err != nil {
		return nil, err
	}
	part, err := cut(share.data, s)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(part)), nil
}

// cut returns the part of data that s covers.
func cut(data []byte, s storage.Span) ([]byte, error) {
	if s.Offset < 0 || s.Size < 0 {
		return nil, fmt.Errorf("span of %d bytes at %d: %w", s.Size, s.Offset, storage.ErrRange)
	}
	start := min(s.Offset, int64(len(data)))
	return data[start : start+min(s.Size, int64(len(data))-start)], nil
}

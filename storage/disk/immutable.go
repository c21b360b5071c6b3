package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"tahoe/internal/durable"
	"tahoe/storage"
	"tahoe/storage/share"
)

// Allocate makes room for immutable shares, and renews the leases of those that are held.
func (s *Server) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	return s.allocate(ctx, i, a, s.own())
}

func (s *Server) allocate(ctx context.Context, i storage.Index, a storage.Allocation, g Grant) (storage.Allocated, error) {
	if a.Size < 0 || a.Size > maxImmutable {
		return storage.Allocated{}, fmt.Errorf("allocation of %d bytes: %w", a.Size, storage.ErrMalformed)
	}
	for _, n := range a.Shares {
		if !n.Valid() {
			return storage.Allocated{}, fmt.Errorf("share number %d: %w", n, storage.ErrMalformed)
		}
	}
	unlock, err := s.locks.lock(ctx, i)
	if err != nil {
		return storage.Allocated{}, err
	}
	defer unlock()
	out := storage.Allocated{Writers: map[storage.ShareNum]storage.Writer{}}
	taken, err := s.renewHeld(i, a.Lease, &out)
	if err != nil {
		return storage.Allocated{}, err
	}
	free := s.Free()
	for _, n := range a.Shares {
		if slices.Contains(taken, n) {
			continue
		}
		w, err := s.newWriter(key{i, n}, a, g, free)
		if err != nil {
			s.abortAll(ctx, out.Writers)
			return storage.Allocated{}, fmt.Errorf("allocate share %d of %s: %w", n, i.Abbrev(), err)
		}
		if w != nil {
			out.Writers[n] = w
		}
	}
	return out, nil
}

// maxImmutable keeps offsets within a share file far from the end of their type.
const maxImmutable = 1 << 62

// renewHeld notes the immutable shares of i in out, renews their leases, and returns the numbers that are taken by
// shares of any kind. A lease for which there is no room is left out: the share is held all the same.
func (s *Server) renewHeld(i storage.Index, l storage.LeaseSecrets, out *storage.Allocated) (taken []storage.ShareNum, err error) {
	handles, err := s.openAll(i, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	defer closeAll(handles)
	for _, h := range handles {
		taken = append(taken, h.key.share)
		if h.kind != storage.KindImmutable {
			continue
		}
		out.Have = append(out.Have, h.key.share)
		if err := full(s.lease(h, l, ownerUploader)); err != nil && !errors.Is(err, storage.ErrNoSpace) {
			return nil, err
		}
	}
	return taken, nil
}

func (s *Server) abortAll(ctx context.Context, writers map[storage.ShareNum]storage.Writer) {
	for _, w := range writers {
		w.(*writer).abort(ctx, false)
	}
}

// newWriter opens a share for writing. It returns nil when there is no room, or another upload is writing it. The
// caller holds the lock of the index.
func (s *Server) newWriter(k key, a storage.Allocation, g Grant, free uint64) (*writer, error) {
	c := share.NewImmutable(a.Size)
	w := &writer{
		s: s, key: k, size: a.Size, grant: g,
		incoming: s.incomingPath(k),
		lease:    c.Encode(share.NewLease(c.Version, ownerUploader, a.Lease, s.cfg.Now().Add(share.LeaseDuration), [20]byte{})),
		busy:     make(chan struct{}, 1),
	}
	w.touch()
	if !s.reserve(w, free) {
		return nil, nil
	}
	if err := w.create(c); err != nil {
		w.abort(context.Background(), false)
		if err = full(err); errors.Is(err, storage.ErrNoSpace) {
			return nil, nil
		}
		return nil, err
	}
	return w, nil
}

// incomingPath is where a share is while it is being written.
func (s *Server) incomingPath(k key) string {
	text := k.index.String()
	return filepath.Join(s.incoming, text[:2], text, strconv.Itoa(int(k.share)))
}

// Buckets returns readers of the immutable shares of i.
func (s *Server) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	numbers, err := s.held(i, storage.KindImmutable)
	if err != nil {
		return nil, err
	}
	out := make(map[storage.ShareNum]storage.Reader, len(numbers))
	for _, n := range numbers {
		out[n] = reader{s, key{i, n}}
	}
	return out, nil
}

// reader reads one immutable share.
type reader struct {
	s   *Server
	key key
}

func (r reader) Read(ctx context.Context, span storage.Span) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if span.Offset < 0 || span.Size < 0 {
		return nil, fmt.Errorf("span of %d bytes at %d: %w", span.Size, span.Offset, storage.ErrRange)
	}
	h, err := r.s.openShare(r.key, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	if h.kind != storage.KindImmutable {
		h.close()
		return nil, fmt.Errorf("immutable share %s: %w", r.key, storage.ErrNotFound)
	}
	size := h.immutable.Size
	start := min(span.Offset, size)
	at := share.ImmutableHeaderSize + start
	return &stream{s: r.s, ctx: ctx, file: h.file, at: at, end: at + min(span.Size, size-start)}, nil
}

// stream is the data of one Read, which owns the file. It ends with the context of that Read.
type stream struct {
	s       *Server
	ctx     context.Context
	file    *durable.File
	at, end int64 // in the file
}

func (s *stream) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.at >= s.end {
		return 0, io.EOF
	}
	n, err := s.file.ReadAt(b[:min(int64(len(b)), s.end-s.at)], s.at)
	s.at += int64(n)
	if n > 0 {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the file had these bytes when it was opened
	}
	return 0, err
}

// WriteTo writes the rest of the stream in large pieces.
func (s *stream) WriteTo(w io.Writer) (done int64, err error) {
	buf, release := s.s.buffer(s.end - s.at)
	defer release()
	for {
		n, err := s.Read(buf)
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		written, err := w.Write(buf[:n])
		done += int64(written)
		if err != nil {
			return done, err
		}
	}
}

func (s *stream) Close() error { return s.file.Close() }

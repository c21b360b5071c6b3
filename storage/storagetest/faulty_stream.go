package storagetest

import (
	"context"
	"io"
	"sync"

	"tahoe/storage"
)

type faultyReader struct {
	f     *Faulty
	next  storage.Reader
	index storage.Index
	share storage.ShareNum
}

func (r *faultyReader) Read(ctx context.Context, s storage.Span) (io.ReadCloser, error) {
	var stream io.ReadCloser
	c := Call{Op: OpRead, Index: r.index, Share: r.share, Span: s}
	shape, down, err := r.f.do(ctx, c, func() (err error) {
		stream, err = r.next.Read(ctx, s)
		return err
	})
	if err != nil {
		if stream != nil {
			_ = stream.Close()
		}
		return nil, err
	}
	return &faultyStream{
		f: r.f, next: stream, ctx: ctx, down: down, closed: make(chan struct{}),
		offset: s.Offset, shape: shape,
	}, nil
}

// faultyStream is the stream of one Read. Its context is that of the Read: it ends when the Read's does.
type faultyStream struct {
	f      *Faulty
	next   io.ReadCloser
	ctx    context.Context
	down   <-chan struct{}
	closed chan struct{}
	once   sync.Once

	offset int64 // of the stream in the share
	done   int64 // bytes delivered
	shape  []Effect
}

func (s *faultyStream) Read(b []byte) (int, error) {
	select {
	case <-s.down:
		return 0, s.f.vanished()
	default:
	}
	for _, e := range s.shape {
		if e.kind == kindFlip {
			continue
		}
		if s.done >= e.at {
			return 0, s.end(e)
		}
		b = b[:min(int64(len(b)), e.at-s.done)]
	}
	n, err := s.next.Read(b)
	for _, e := range s.shape {
		if e.kind == kindFlip {
			flip(b[:n], s.offset+s.done, e)
		}
	}
	s.done += int64(n)
	return n, err
}

// end is what the stream does where e strikes.
func (s *faultyStream) end(e Effect) error {
	switch e.kind {
	case kindBreak:
		return e.err
	case kindVanish:
		s.f.Stop()
		return s.f.vanished()
	case kindStall:
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-s.closed:
			return io.ErrClosedPipe
		case <-s.down:
			return s.f.vanished()
		}
	default:
		return io.EOF
	}
}

func (s *faultyStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.next.Close()
}

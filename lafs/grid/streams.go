package grid

import (
	"context"
	"io"
	"sync/atomic"

	"tahoe/lafs/trace"
	"tahoe/storage"
)

// writer guards one share that is being written.
type writer struct {
	g   *guard
	num storage.ShareNum
	w   storage.Writer
}

func (w *writer) Write(ctx context.Context, s storage.Span, r io.Reader) (missing []storage.Span, err error) {
	answered := w.g.told(ctx, trace.Write, []storage.ShareNum{w.num}, s)
	err = w.g.during(ctx, string(trace.Write), func() error {
		missing, err = w.w.Write(ctx, s, paceOf(ctx).sent(ctx, s, source(r)))
		return err
	})
	a := trace.Answer{Err: err}
	if err == nil {
		a.Bytes = s.Size
	}
	answered(a)
	return missing, err
}

func (w *writer) Close(ctx context.Context) error {
	return w.g.during(ctx, "close share", func() error { return w.w.Close(ctx) })
}

func (w *writer) Abort(ctx context.Context) error {
	return w.g.during(ctx, "abort share", func() error { return w.w.Abort(ctx) })
}

// A sourceError is an error of what a caller gave to read from: not the server's.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// source marks the errors of r as the caller's own. What can seek is memory or a file; it is passed on as it is, since
// a connection may want to read it again.
func source(r io.Reader) io.Reader {
	if _, ok := r.(io.Seeker); ok {
		return r
	}
	return sourceReader{r}
}

type sourceReader struct{ r io.Reader }

func (s sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

// reader guards one share that is being read.
type reader struct {
	g   *guard
	num storage.ShareNum
	r   storage.Reader
}

func (r *reader) Read(ctx context.Context, s storage.Span) (out io.ReadCloser, err error) {
	answered := r.g.told(ctx, trace.Read, []storage.ShareNum{r.num}, s)
	var body io.ReadCloser
	err = r.g.during(ctx, string(trace.Read), func() error {
		body, err = r.r.Read(ctx, s)
		return err
	})
	if err != nil {
		answered(trace.Answer{Err: err})
		return nil, err
	}
	p := paceOf(ctx)
	p.note(0, 0)
	return p.received(ctx, &stream{ctx: ctx, g: r.g, body: body, answered: answered}), nil
}

// stream guards the bytes of a share under way. Its ctx is that of the Read that opened it, as with any iterator.
type stream struct {
	ctx  context.Context
	g    *guard
	body io.ReadCloser

	answered func(trace.Answer)
	bytes    atomic.Int64
	over     atomic.Bool // it was told
}

func (s *stream) Read(p []byte) (n int, err error) {
	err = s.g.during(s.ctx, string(trace.Read), func() error {
		n, err = s.body.Read(p)
		return err
	})
	s.bytes.Add(int64(n))
	if err != nil {
		s.end(err)
	}
	return n, err
}

// Close may come while a Read is under way, to cut it short.
func (s *stream) Close() error {
	s.end(nil)
	return s.body.Close()
}

// end tells whoever looks on how the stream ended, the first time.
func (s *stream) end(err error) {
	if s.over.Swap(true) {
		return
	}
	if err == io.EOF {
		err = nil
	}
	s.answered(trace.Answer{Bytes: s.bytes.Load(), Err: err})
}

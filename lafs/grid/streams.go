package grid

import (
	"context"
	"io"

	"tahoe/storage"
)

// writer guards one share that is being written.
type writer struct {
	g *guard
	w storage.Writer
}

func (w *writer) Write(ctx context.Context, s storage.Span, r io.Reader) (missing []storage.Span, err error) {
	err = w.g.during(ctx, "write share", func() error {
		missing, err = w.w.Write(ctx, s, paceOf(ctx).sent(ctx, s, source(r)))
		return err
	})
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
	g *guard
	r storage.Reader
}

func (r *reader) Read(ctx context.Context, s storage.Span) (out io.ReadCloser, err error) {
	var body io.ReadCloser
	err = r.g.during(ctx, "read share", func() error {
		body, err = r.r.Read(ctx, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	p := paceOf(ctx)
	p.note(0, 0)
	return p.received(ctx, &stream{ctx: ctx, g: r.g, body: body}), nil
}

// stream guards the bytes of a share under way. Its ctx is that of the Read that opened it, as with any iterator.
type stream struct {
	ctx  context.Context
	g    *guard
	body io.ReadCloser
}

func (s *stream) Read(p []byte) (n int, err error) {
	err = s.g.during(s.ctx, "read share", func() error {
		n, err = s.body.Read(p)
		return err
	})
	return n, err
}

func (s *stream) Close() error { return s.body.Close() }

package ristorage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"tahoe/internal/foolscap"
	"tahoe/internal/spans"
	"tahoe/storage"
)

// A shareWriter uploads one share. It keeps account of what the server has taken, which the server does not tell.
type shareWriter struct {
	c      *Client
	remote *foolscap.Remote
	index  storage.Index
	share  storage.ShareNum
	size   int64

	mu     sync.Mutex
	taken  spans.Set
	state  writerState
	cancel context.CancelFunc // ends the Write under way
}

type writerState int

const (
	writing writerState = iota
	closed
	aborted
)

func newShareWriter(c *Client, remote *foolscap.Remote, i storage.Index, n storage.ShareNum, size int64) *shareWriter {
	return &shareWriter{c: c, remote: remote, index: i, share: n, size: size}
}

func (w *shareWriter) op(what string) string {
	return fmt.Sprintf("%s share %d of %s", what, w.share, w.index.Abbrev())
}

// Write sends a span in pieces of which several are under way at once.
func (w *shareWriter) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	op := w.op("writing")
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if s.Offset < 0 || s.Size < 0 || s.Offset > w.size || s.Size > w.size-s.Offset {
		return nil, fmt.Errorf("%s: %d bytes at %d of a share of %d: %w", op, s.Size, s.Offset, w.size, storage.ErrRange)
	}
	ctx, done := w.c.until(ctx)
	defer done()
	if err := w.begin(done); err != nil {
		return nil, err
	}
	err := w.push(ctx, op, s, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if gone := w.gone(); gone != nil {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	return w.missing(), nil
}

// begin lets Abort end what its caller is about to do.
func (w *shareWriter) begin(cancel context.CancelFunc) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel = cancel
	return w.gone()
}

// gone is the error of a writer that was aborted. Its caller holds w.mu.
func (w *shareWriter) gone() error {
	if w.state == aborted {
		return fmt.Errorf("%s, which was aborted: %w", w.op("writing"), storage.ErrNotFound)
	}
	return nil
}

// missing is what the server has not taken. Its caller holds w.mu.
func (w *shareWriter) missing() []storage.Span {
	var out []storage.Span
	for _, s := range w.taken.Missing(0, w.size) {
		out = append(out, storage.Span{Offset: s.Start, Size: s.End - s.Start})
	}
	return out
}

// push reads pieces and sends them. A buffer is used again when the server has taken what was in it.
func (w *shareWriter) push(ctx context.Context, op string, s storage.Span, r io.Reader) error {
	free := make(chan []byte, window)
	for range window {
		free <- nil
	}
	var broken error
	g, ctx := errgroup.WithContext(ctx)
	for at := s.Offset; at < s.End() && broken == nil; {
		part := storage.Span{Offset: at, Size: min(piece, s.End()-at)}
		var buf []byte
		select {
		case buf = <-free:
		case <-ctx.Done():
		}
		if buf == nil {
			buf = make([]byte, min(piece, s.Size))
		}
		if ctx.Err() == nil {
			_, broken = io.ReadFull(r, buf[:part.Size])
		}
		if broken != nil || ctx.Err() != nil {
			break
		}
		at = part.End()
		g.Go(func() error {
			_, err := w.c.callOn(ctx, w.remote, op, methodWrite, part.Offset, buf[:part.Size])
			if err == nil {
				w.took(part)
				free <- buf
			}
			return err
		})
	}
	ended := context.Cause(ctx)
	if err := g.Wait(); err != nil {
		return err
	}
	if broken != nil {
		return fmt.Errorf("%s: reading its data: %w", op, unexpected(broken))
	}
	if ended != nil {
		return w.c.wrap(ctx, op, ended)
	}
	return nil
}

func (w *shareWriter) took(s storage.Span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken.Add(s.Offset, s.End())
}

// Close makes a complete share visible.
func (w *shareWriter) Close(ctx context.Context) error {
	op := w.op("closing")
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	w.mu.Lock()
	state, gone, missing := w.state, w.gone(), w.missing()
	w.mu.Unlock()
	switch {
	case gone != nil || state == closed:
		return gone
	case len(missing) > 0:
		return fmt.Errorf("%s, of which %d spans are missing: %w", op, len(missing), storage.ErrIncomplete)
	}
	ctx, done := w.c.until(ctx)
	defer done()
	if _, err := w.c.callOn(ctx, w.remote, op, methodClose); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == writing {
		w.state = closed
		w.remote.Release()
	}
	return w.gone()
}

// Abort forgets the share, also while it is being written. If the connection has ended, the server has forgotten it already.
func (w *shareWriter) Abort(ctx context.Context) error {
	w.mu.Lock()
	state, cancel := w.state, w.cancel
	if state == writing {
		w.state = aborted
	}
	w.mu.Unlock()
	if state != writing {
		return nil
	}
	if cancel != nil {
		cancel()
	}
	ctx, done := w.c.until(ctx)
	defer done()
	_, err := w.c.callOn(ctx, w.remote, w.op("aborting"), methodAbort)
	if errors.Is(err, foolscap.ErrDisconnected) {
		return nil
	}
	w.remote.Release()
	return err
}

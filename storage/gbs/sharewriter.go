package gbs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"tahoe/storage"
)

// A shareWriter uploads one share. The server makes the share visible with the write that completes it, so there is
// nothing left to do for Close.
type shareWriter struct {
	c      *Client
	index  storage.Index
	share  storage.ShareNum
	size   int64
	secret uploadSecret

	mu      sync.Mutex
	missing []storage.Span
	state   writerState
	cancel  context.CancelFunc // ends the request under way
}

type writerState int

const (
	writing writerState = iota
	complete
	aborted
)

func newShareWriter(c *Client, i storage.Index, n storage.ShareNum, size int64, secret uploadSecret) *shareWriter {
	return &shareWriter{c: c, index: i, share: n, size: size, secret: secret, missing: []storage.Span{{Size: size}}}
}

func (w *shareWriter) op(what string) string {
	return fmt.Sprintf("%s share %d of %s", what, w.share, w.index.Abbrev())
}

// maxPatch is how much goes into one request. The original holds a whole body back before it looks at it, and drops an
// upload that had no write for half an hour.
const maxPatch = 64 << 20

// Write sends a span in as few requests as its size needs.
func (w *shareWriter) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	op := w.op("writing")
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if s.Offset < 0 || s.Size < 0 || s.Offset > w.size || s.Size > w.size-s.Offset {
		return nil, fmt.Errorf("%s: %d bytes at %d of a share of %d: %w", op, s.Size, s.Offset, w.size, storage.ErrRange)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := w.begin(cancel); err != nil {
		return nil, err
	}
	for at := s.Offset; at < s.End(); {
		part := storage.Span{Offset: at, Size: min(maxPatch, s.End()-at)}
		var err error
		if w.is(complete) {
			err = w.compare(ctx, part, r)
		} else {
			err = w.patch(ctx, op, part, r)
		}
		if err != nil {
			return nil, err
		}
		at = part.End()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.missing), nil
}

func (w *shareWriter) is(state writerState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state == state
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

// patch sends one part.
func (w *shareWriter) patch(ctx context.Context, op string, part storage.Span, r io.Reader) error {
	body, err := newPatchBody(r, part.Size)
	if err != nil {
		return fmt.Errorf("%s: reading its data: %w", op, err)
	}
	if w.is(aborted) {
		return fmt.Errorf("%s, which was aborted: %w", op, storage.ErrNotFound)
	}
	contentRange := emptyRange
	if part.Size > 0 {
		contentRange = formatContentRange(part)
	}
	return w.send(ctx, op, contentRange, body)
}

func (w *shareWriter) send(ctx context.Context, op, contentRange string, body *patchBody) error {
	k := newCall(http.MethodPatch, sharePath(pathImmutable, w.index, w.share, ""), op, http.StatusOK, http.StatusCreated)
	setSecret(k.header, kindUpload, w.secret.bytes())
	k.header.Set("Content-Range", contentRange)
	k.header.Set("Content-Type", mimeOctets)
	k.size, k.body, k.getBody = body.size, body.open(), body.again
	answer, status, err := w.c.exchange(ctx, k, maxWriteAnswer)
	if broken := body.detach(); err != nil && broken != nil {
		return fmt.Errorf("%s: reading its data: %w", op, broken)
	}
	if err != nil {
		return err
	}
	missing, err := parseMissing(answer, w.size)
	if err != nil {
		return w.c.badAnswer(op, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.missing = missing; status == http.StatusCreated && w.state == writing {
		w.state, w.missing = complete, nil
	}
	return w.gone()
}

// compare stands in for a write to a share that is complete, which the server would not take any more: it reads what is
// there and compares.
func (w *shareWriter) compare(ctx context.Context, part storage.Span, r io.Reader) error {
	held, err := shareReader{w.c, pathImmutable, w.index, w.share}.Read(ctx, part)
	if err != nil {
		return err
	}
	defer held.Close()
	a, b := getChunk(), getChunk()
	defer putChunk(a)
	defer putChunk(b)
	for left := part.Size; left > 0; {
		n := min(left, int64(len(*a)), int64(len(*b)))
		if _, err := io.ReadFull(r, (*a)[:n]); err != nil {
			return fmt.Errorf("%s: reading its data: %w", w.op("writing"), unexpected(err))
		}
		if _, err := io.ReadFull(held, (*b)[:n]); err != nil {
			return unexpected(err)
		}
		if !bytes.Equal((*a)[:n], (*b)[:n]) {
			return fmt.Errorf("%s, which is complete: %w", w.op("writing"), storage.ErrConflict)
		}
		left -= n
	}
	return nil
}

// unexpected turns the end of a stream that should go on into an error that cannot be taken for success.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Close wants the share to be complete.
func (w *shareWriter) Close(ctx context.Context) error {
	op := w.op("closing")
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if w.size == 0 && w.is(writing) { // no write has completed it
		if err := w.patch(ctx, op, storage.Span{}, strings.NewReader("")); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == writing {
		return fmt.Errorf("%s, of which %d spans are missing: %w", op, len(w.missing), storage.ErrIncomplete)
	}
	return w.gone()
}

// Abort forgets the share, also while it is being written.
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
	op := w.op("aborting")
	k := newCall(http.MethodPut, sharePath(pathImmutable, w.index, w.share, "/abort"), op,
		http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed)
	setSecret(k.header, kindUpload, w.secret.bytes())
	k.header["Idempotency-Key"] = nil
	return w.c.discard(ctx, k)
}

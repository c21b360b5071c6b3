package gbs

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"tahoe/storage"
)

// Version asks the server what it is.
func (c *Client) Version(ctx context.Context) (storage.Version, error) {
	k := newCall(http.MethodGet, pathVersion, "asking for the version", http.StatusOK)
	b, _, err := c.exchange(ctx, k, maxSmallAnswer)
	if err != nil {
		return storage.Version{}, err
	}
	v, err := parseVersion(b)
	if err != nil {
		return storage.Version{}, c.badAnswer(k.op, err)
	}
	return v, nil
}

// AddLease adds a lease to every share of i, or renews it.
func (c *Client) AddLease(ctx context.Context, i storage.Index, l storage.LeaseSecrets) error {
	k := newCall(http.MethodPut, indexPath(pathLease, i), "adding a lease to "+i.Abbrev(), http.StatusNoContent)
	setLease(k.header, l)
	k.header["Idempotency-Key"] = nil // net/http may send it again; the header itself is not sent
	return c.discard(ctx, k)
}

// AdviseCorrupt tells the server about a corrupt share.
func (c *Client) AdviseCorrupt(ctx context.Context, a storage.Corruption) error {
	op := fmt.Sprintf("advising that share %d of %s is corrupt", a.Share, a.Index.Abbrev())
	if len(a.Reason) > storage.MaxReason {
		return fmt.Errorf("%s: reason of %d bytes, more than %d: %w", op, len(a.Reason), storage.MaxReason, storage.ErrTooLarge)
	}
	prefix := pathImmutable
	if a.Kind == storage.KindMutable {
		prefix = pathMutable
	}
	k := newCall(http.MethodPost, sharePath(prefix, a.Index, a.Share, "/corrupt"), op, http.StatusOK)
	return c.discard(ctx, k.message(encodeReason(a.Reason)))
}

// Allocate makes room for shares. All its writers share a secret that this call makes up.
func (c *Client) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	k := newCall(http.MethodPost, indexPath(pathImmutable, i), "allocating shares of "+i.Abbrev(), http.StatusOK)
	if a.Size < 0 || slices.ContainsFunc(a.Shares, func(n storage.ShareNum) bool { return !n.Valid() }) {
		return storage.Allocated{}, fmt.Errorf("%s: size %d, shares %v: %w", k.op, a.Size, a.Shares, storage.ErrMalformed)
	}
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	secret := newUploadSecret(b[:])
	setLease(k.header, a.Lease)
	setSecret(k.header, kindUpload, b[:])
	shares := slices.Compact(slices.Sorted(slices.Values(a.Shares)))
	m := allocateRequest{shares: shares, size: a.Size}
	answer, _, err := c.exchange(ctx, k.message(m.encode()), maxSmallAnswer)
	if err != nil {
		return storage.Allocated{}, err
	}
	got, err := parseAllocateAnswer(answer)
	if err != nil {
		return storage.Allocated{}, c.badAnswer(k.op, err)
	}
	out := storage.Allocated{Have: slices.Sorted(slices.Values(got.have)), Writers: map[storage.ShareNum]storage.Writer{}}
	for _, n := range got.allocated {
		if !slices.Contains(shares, n) {
			return storage.Allocated{}, c.badAnswer(k.op, fmt.Errorf("room for share %d, which was not asked for", n))
		}
		out.Writers[n] = newShareWriter(c, i, n, a.Size, secret)
	}
	return out, nil
}

// Buckets asks which shares there are.
func (c *Client) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	shares, err := c.list(ctx, pathImmutable, i)
	if err != nil {
		return nil, err
	}
	out := make(map[storage.ShareNum]storage.Reader, len(shares))
	for _, n := range shares {
		out[n] = shareReader{c: c, prefix: pathImmutable, index: i, share: n}
	}
	return out, nil
}

func (c *Client) list(ctx context.Context, prefix string, i storage.Index) ([]storage.ShareNum, error) {
	k := newCall(http.MethodGet, indexPath(prefix, i, "/shares"), "listing shares of "+i.Abbrev(), http.StatusOK)
	b, _, err := c.exchange(ctx, k, maxSmallAnswer)
	if err != nil {
		return nil, err
	}
	shares, err := parseShareSet(b)
	if err != nil {
		return nil, c.badAnswer(k.op, err)
	}
	slices.Sort(shares)
	return shares, nil
}

// A shareReader reads a share, immutable or mutable.
type shareReader struct {
	c      *Client
	prefix string
	index  storage.Index
	share  storage.ShareNum
}

// Read streams a span of the share. The stream breaks when the server sends nothing for the client's Silence, and ends
// with io.EOF only after as many bytes as the server said there would be.
func (r shareReader) Read(ctx context.Context, s storage.Span) (io.ReadCloser, error) {
	op := fmt.Sprintf("reading share %d of %s", r.share, r.index.Abbrev())
	if err := checkSpan(s); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if err := ctx.Err(); err != nil || s.Size == 0 || s.Offset == math.MaxInt64 {
		return io.NopCloser(strings.NewReader("")), err
	}
	sub, watch := r.c.watch(ctx)
	k := newCall(http.MethodGet, sharePath(r.prefix, r.index, r.share, ""), op, http.StatusPartialContent, http.StatusNoContent)
	k.header.Set("Range", formatRange(s))
	resp, err := r.c.do(sub, k)
	if err != nil {
		watch.stop()
		return nil, err
	}
	stream := &answerStream{ctx: ctx, c: r.c, op: op, body: resp.Body, watch: watch}
	if resp.StatusCode == http.StatusNoContent {
		return stream, nil
	}
	if stream.left, err = answered(resp, s); err != nil {
		_ = stream.Close()
		return nil, r.c.badAnswer(op, err)
	}
	return stream, nil
}

// answered is how many bytes of s an answer has.
func answered(resp *http.Response, s storage.Span) (int64, error) {
	got, _, err := parseContentRange(resp.Header.Get("Content-Range"))
	switch {
	case err != nil:
		return 0, err
	case got.Offset != s.Offset || got.Size > s.Size:
		return 0, fmt.Errorf("%d bytes at %d, asked for %d at %d", got.Size, got.Offset, s.Size, s.Offset)
	case resp.ContentLength >= 0 && resp.ContentLength != got.Size:
		return 0, fmt.Errorf("Content-Range is about %d bytes, Content-Length says %d", got.Size, resp.ContentLength)
	}
	return got.Size, nil
}

// An answerStream is the part of a share in an answer. It carries the context of the Read that it belongs to.
type answerStream struct {
	ctx   context.Context
	c     *Client
	op    string
	body  io.ReadCloser
	left  int64
	watch *watch
}

func (s *answerStream) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := watched{s.body, s.watch}.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	if err == nil || s.left == 0 {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, s.c.wrap(s.ctx, s.op, s.watch.explain(err))
}

// Close ends the stream. One that was read to its end leaves its connection to the next request.
func (s *answerStream) Close() error {
	if s.left == 0 {
		_, _ = io.CopyN(io.Discard, s.body, 1)
	}
	err := s.body.Close()
	s.watch.stop()
	return err
}

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
	answer, status, err := w.c.exchange(ctx, k, maxAnswer)
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
		n := min(left, chunk)
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

package gbs

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

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
	if err := storage.CheckSpans(s); err != nil {
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

// farewell is how long the end of an answer may take behind its last byte. Where an answer comes in pieces, as the
// original sends it, the end is a piece of its own. To wait for it saves a connection, and is worth no more.
const farewell = time.Second

// Close ends the stream. One that was read to its end leaves its connection to the next request.
func (s *answerStream) Close() error {
	if s.left == 0 {
		late := time.AfterFunc(farewell, func() { s.watch.cancel(errSilent) })
		_, _ = io.CopyN(io.Discard, s.body, 1)
		late.Stop()
	}
	err := s.body.Close()
	s.watch.stop()
	return err
}

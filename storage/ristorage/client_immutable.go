package ristorage

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

// canary is an object of ours that a server watches: while it is reachable, so is the uploader.
type canary struct{ _ byte }

func (*canary) Call(context.Context, string, foolscap.Args) (foolscap.Value, error) {
	return nil, noMethod("a canary")
}

// Allocate makes room for shares.
func (c *Client) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	op := "allocating shares of " + i.Abbrev()
	if a.Size < 0 || slices.ContainsFunc(a.Shares, func(n storage.ShareNum) bool { return !n.Valid() }) {
		return storage.Allocated{}, fmt.Errorf("%s: size %d, shares %v: %w", op, a.Size, a.Shares, storage.ErrMalformed)
	}
	shares := slices.Compact(slices.Sorted(slices.Values(a.Shares)))
	v, err := c.call(ctx, op, methodAllocate, i[:], secretValue(a.Lease.Renew), secretValue(a.Lease.Cancel),
		foolscap.Set(shareValues(shares)), a.Size, c.canary)
	if err != nil {
		return storage.Allocated{}, err
	}
	r := &reading{}
	t := r.tuple(v, "the answer", 2)
	out := storage.Allocated{Have: r.shareSet(t[0], "the set of shares held"), Writers: map[storage.ShareNum]storage.Writer{}}
	r.dict(t[1], "the writers", func(n storage.ShareNum, v foolscap.Value) {
		if remote := r.remote(v, "a writer"); r.err == nil {
			if !slices.Contains(shares, n) {
				r.failf("room for share %d, which was not asked for", n)
			}
			out.Writers[n] = newShareWriter(c, remote, i, n, a.Size)
		}
	})
	if r.err != nil {
		return storage.Allocated{}, c.badAnswer(op, r.err)
	}
	return out, nil
}

// Buckets asks which shares there are.
func (c *Client) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	op := "listing shares of " + i.Abbrev()
	v, err := c.call(ctx, op, methodBuckets, i[:])
	if isRemote(err, notImmutable) {
		return map[storage.ShareNum]storage.Reader{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := &reading{}
	out := map[storage.ShareNum]storage.Reader{}
	r.dict(v, "the readers", func(n storage.ShareNum, v foolscap.Value) {
		out[n] = &shareReader{c: c, remote: r.remote(v, "a reader"), index: i, share: n}
	})
	if r.err != nil {
		return nil, c.badAnswer(op, r.err)
	}
	return out, nil
}

// A shareReader reads an immutable share, for as long as the connection lasts that it came over.
type shareReader struct {
	c      *Client
	remote *foolscap.Remote
	index  storage.Index
	share  storage.ShareNum
}

// Read streams a span of the share, in pieces of which several are under way at once. It waits for the first one.
func (r *shareReader) Read(ctx context.Context, s storage.Span) (io.ReadCloser, error) {
	op := fmt.Sprintf("reading share %d of %s", r.share, r.index.Abbrev())
	if err := storage.CheckSpans(s); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if err := ctx.Err(); err != nil || s.Size == 0 || s.Offset == math.MaxInt64 {
		return io.NopCloser(strings.NewReader("")), err
	}
	stream := newPieceStream(ctx, r, op, s)
	if err := stream.await(); err != nil {
		_ = stream.Close()
		return nil, err
	}
	return stream, nil
}

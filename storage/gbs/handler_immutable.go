package gbs

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"tahoe/storage"
)

// allocate makes room for shares. Shares that the same upload has room for already are among the answer's, so that a client
// that did not get the answer can ask again. Those that another upload has room for and seems to have given up are taken
// from it.
func (h *Handler) allocate(ctx context.Context, r *request) error {
	if err := r.checkAccept(); err != nil {
		return err
	}
	body, err := h.readBody(r, maxAllocateBody)
	if err != nil {
		return err
	}
	m, err := parseAllocateRequest(body)
	if err != nil {
		return err
	}
	for _, u := range append(h.uploads.expire(), h.uploads.abandoned(r.index, m.shares, r.upload)...) {
		_ = u.writer.Abort(ctx) // nothing to do about a writer that does not even want to end
	}
	own := h.uploads.own(r.index, m.shares, r.upload, m.size)
	got, err := h.storage.Allocate(ctx, r.index, storage.Allocation{Shares: m.shares, Size: m.size, Lease: r.lease})
	if err != nil {
		return err
	}
	a := allocateAnswer{have: got.Have}
	for n, w := range got.Writers {
		if h.uploads.add(uploadKey{r.index, n}, r.upload, m.size, w) {
			a.allocated = append(a.allocated, n)
		} else {
			_ = w.Abort(ctx)
		}
	}
	for _, n := range own {
		if _, fresh := got.Writers[n]; !fresh && !slices.Contains(got.Have, n) {
			a.allocated = append(a.allocated, n)
		}
	}
	slices.Sort(a.allocated)
	return r.answer(http.StatusOK, a.encode())
}

// writeShare stores a part of a share straight from the request's body. The write that completes the share makes it
// visible and durable before it is answered.
func (h *Handler) writeShare(ctx context.Context, r *request) error {
	if err := r.checkAccept(); err != nil {
		return err
	}
	span, u, err := h.checkWrite(r)
	if err != nil {
		return err
	}
	if err := u.begin(ctx); err != nil {
		return err
	}
	defer h.uploads.end(u)
	missing, err := u.write(ctx, span, h.newBody(r))
	if err != nil {
		if isGone(err) {
			h.uploads.remove(u)
		}
		return err
	}
	if len(missing) > 0 {
		return r.answer(http.StatusOK, encodeMissing(missing))
	}
	h.uploads.remove(u)
	return r.answer(http.StatusCreated, encodeMissing(nil))
}

// write stores a span, and closes the share when it is complete.
func (u *upload) write(ctx context.Context, s storage.Span, body *requestBody) ([]storage.Span, error) {
	missing, err := u.writer.Write(ctx, s, body)
	if err != nil {
		if body.err != nil {
			return nil, bodyError(body.err)
		}
		return nil, err
	}
	if len(missing) > 0 {
		return missing, nil
	}
	return nil, u.writer.Close(ctx)
}

// checkWrite checks everything about a write that can be known before its body is read.
func (h *Handler) checkWrite(r *request) (storage.Span, *upload, error) {
	span, total, err := parseContentRange(r.Header.Get("Content-Range"))
	if err != nil {
		return span, nil, err
	}
	u, err := h.uploads.find(uploadKey{r.index, r.share}, r.upload)
	if err != nil {
		return span, nil, err
	}
	switch {
	case span.End() > u.size:
		return span, nil, fmt.Errorf("Content-Range ends at byte %d of a share of %d bytes: %w", span.End(), u.size, storage.ErrRange)
	case total >= 0 && total != u.size:
		return span, nil, fmt.Errorf("Content-Range says that the share has %d bytes, it was allocated with %d: %w", total, u.size, storage.ErrRange)
	case r.ContentLength < 0:
		return span, nil, fmt.Errorf("a write needs a Content-Length: %w", errLengthRequired)
	case r.ContentLength != span.Size:
		return span, nil, fmt.Errorf("Content-Range is about %d bytes, Content-Length says %d: %w", span.Size, r.ContentLength, storage.ErrMalformed)
	}
	return span, u, nil
}

// abortShare forgets a share that is being uploaded.
func (h *Handler) abortShare(ctx context.Context, r *request) error {
	u, err := h.uploads.find(uploadKey{r.index, r.share}, r.upload)
	if err != nil {
		if isGone(err) && h.complete(ctx, r) {
			return fmt.Errorf("aborting share %d of %s: %w", r.share, r.index.Abbrev(), errComplete)
		}
		return err
	}
	if err := u.writer.Abort(ctx); err != nil {
		return err
	}
	h.uploads.remove(u)
	r.w.WriteHeader(http.StatusOK)
	return nil
}

func (h *Handler) complete(ctx context.Context, r *request) bool {
	shares, err := h.storage.Buckets(ctx, r.index)
	return err == nil && shares[r.share] != nil
}

func (h *Handler) listBucket(ctx context.Context, r *request) error {
	if err := r.checkAccept(); err != nil {
		return err
	}
	shares, err := h.storage.Buckets(ctx, r.index)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, appendShareSet(nil, slices.Sorted(maps.Keys(shares))))
}

func (h *Handler) readImmutable(ctx context.Context, r *request) error {
	r.w.Header().Set("Content-Type", mimeOctets)
	shares, err := h.storage.Buckets(ctx, r.index)
	if err != nil {
		return err
	}
	share := shares[r.share]
	if share == nil {
		return fmt.Errorf("share %d of %s: %w", r.share, r.index.Abbrev(), storage.ErrNotFound)
	}
	return h.send(ctx, r, share)
}

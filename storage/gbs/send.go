package gbs

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"

	"tahoe/storage"
)

func isGone(err error) bool { return errors.Is(err, storage.ErrNotFound) }

// send answers with a share, or with the one range of it that the request asks for: 206 with as much of the range as
// there is, 204 when that is nothing, 416 for a Range header that is not one range with two ends.
func (h *Handler) send(ctx context.Context, r *request, share storage.Reader) error {
	values := r.Header.Values("Range")
	span := storage.Span{Size: math.MaxInt64}
	if len(values) > 0 {
		var err error
		if span, err = parseRange(values[0]); err != nil {
			return err
		}
	}
	stream, err := share.Read(ctx, span)
	if err != nil {
		return err
	}
	defer stream.Close()
	buf := getChunk()
	defer putChunk(buf)
	n, err := fill(stream, *buf)
	size := int64(n)
	if err == nil {
		size, err = sizeWithin(ctx, share, span, size)
	}
	if err != nil && err != io.EOF {
		return err
	}
	return h.sendSized(r, stream, *buf, n, storage.Span{Offset: span.Offset, Size: size}, len(values) > 0)
}

// sendSized sends the n bytes in buf and what follows in stream, size bytes altogether.
func (h *Handler) sendSized(r *request, stream io.Reader, buf []byte, n int, span storage.Span, partial bool) error {
	if partial && span.Size == 0 {
		r.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	r.w.Header().Set("Content-Length", strconv.FormatInt(span.Size, 10))
	if partial {
		r.w.Header().Set("Content-Range", formatContentRange(span))
		r.w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	for left := span.Size; left > 0; {
		n = int(min(int64(n), left))
		if _, err := r.w.Write(buf[:n]); err != nil {
			return nil // the client is gone, nobody is left to tell
		}
		if left -= int64(n); left == 0 {
			break
		}
		var err error
		if n, err = fill(stream, buf[:min(int64(len(buf)), left)]); n == 0 {
			h.cfg.Log.Error("storage request", "path", r.URL.Path, "err", err)
			panic(http.ErrAbortHandler) // the only way to say that an answer under way will not be complete
		}
	}
	return nil
}

// fill reads until b is full. Unlike io.ReadFull it says io.EOF when the stream ends in good order, however far it came,
// so that a stream that broke is not taken for a short one.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	if n == len(b) {
		err = nil
	}
	return n, err
}

// sizeWithin says how many bytes of span the share has, when it has the first have of them: most often all, which one look
// at the last byte tells; otherwise the end is searched for.
func sizeWithin(ctx context.Context, share storage.Reader, span storage.Span, have int64) (int64, error) {
	end := min(span.Size, math.MaxInt64-span.Offset)
	for step := end - have; have < end; {
		ok, err := hasByte(ctx, share, span.Offset+have+step-1)
		if err != nil {
			return 0, err
		}
		if ok {
			have += step
		} else {
			end = have + step - 1
		}
		step = (end - have + 1) / 2
	}
	return have, nil
}

func hasByte(ctx context.Context, share storage.Reader, at int64) (bool, error) {
	stream, err := share.Read(ctx, storage.Span{Offset: at, Size: 1})
	if err != nil {
		return false, err
	}
	defer stream.Close()
	var b [1]byte
	_, err = io.ReadFull(stream, b[:])
	if err == io.EOF {
		return false, nil
	}
	return err == nil, err
}

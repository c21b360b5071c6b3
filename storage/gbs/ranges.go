package gbs

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"tahoe/storage"
)

// formatRange is the Range header for a span of one byte or more. A span that ends behind the last offset there can be ends
// at it.
func formatRange(s storage.Span) string {
	return "bytes=" + firstLast(s)
}

func formatContentRange(s storage.Span) string {
	return "bytes " + firstLast(s) + "/*"
}

func firstLast(s storage.Span) string {
	last := int64(math.MaxInt64 - 1)
	if s.Size-1 <= last-s.Offset {
		last = s.Offset + s.Size - 1
	}
	return strconv.FormatInt(s.Offset, 10) + "-" + strconv.FormatInt(last, 10)
}

// parseRange reads a Range header: one range with both its ends.
func parseRange(h string) (storage.Span, error) {
	set, ok := strings.CutPrefix(h, "bytes=")
	if !ok {
		return storage.Span{}, fmt.Errorf("Range header is not in bytes: %w", storage.ErrRange)
	}
	if strings.Contains(set, ",") {
		return storage.Span{}, fmt.Errorf("Range header asks for several ranges, send one request for each: %w", storage.ErrRange)
	}
	s, err := parseFirstLast(set)
	if err != nil {
		return storage.Span{}, fmt.Errorf("Range header: %w", err)
	}
	return s, nil
}

// emptyRange is the Content-Range of all bytes of a share that has none.
const emptyRange = "bytes */0"

// parseContentRange reads a Content-Range header: bytes FIRST-LAST/SIZE, where SIZE may be *. The total is -1 then.
func parseContentRange(h string) (s storage.Span, total int64, err error) {
	if h == "" {
		return storage.Span{}, 0, fmt.Errorf("no Content-Range header: %w", storage.ErrRange)
	}
	if h == emptyRange {
		return storage.Span{}, 0, nil
	}
	value, ok := strings.CutPrefix(h, "bytes ")
	if !ok {
		return storage.Span{}, 0, fmt.Errorf("Content-Range header is not in bytes: %w", storage.ErrRange)
	}
	ends, size, ok := strings.Cut(value, "/")
	if !ok {
		return storage.Span{}, 0, fmt.Errorf("Content-Range header has no size or * behind a slash: %w", storage.ErrRange)
	}
	if s, err = parseFirstLast(ends); err != nil {
		return storage.Span{}, 0, fmt.Errorf("Content-Range header: %w", err)
	}
	if size == "*" {
		return s, -1, nil
	}
	if total, ok = parseOffset(size); !ok || total < s.End() {
		return storage.Span{}, 0, fmt.Errorf("Content-Range header: the range does not lie within the size: %w", storage.ErrRange)
	}
	return s, total, nil
}

func parseFirstLast(s string) (storage.Span, error) {
	a, b, ok := strings.Cut(s, "-")
	first, ok1 := parseOffset(a)
	last, ok2 := parseOffset(b)
	if !ok || !ok1 || !ok2 {
		return storage.Span{}, fmt.Errorf("both ends of the range must be given in bytes: %w", storage.ErrRange)
	}
	if last < first {
		return storage.Span{}, fmt.Errorf("the range ends at %d, before it begins at %d: %w", last, first, storage.ErrRange)
	}
	return storage.Span{Offset: first, Size: last - first + 1}, nil
}

// parseOffset reads an offset that still has a successor.
func parseOffset(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil && n < math.MaxInt64
}

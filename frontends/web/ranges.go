package web

import (
	"math"
	"net/http"
	"strconv"
	"strings"
)

// A span is bytes of a file.
type span struct {
	off, size int64
}

// rangeOf reads the Range header for a file of size bytes. Of several ranges the first counts; an answer of several parts
// is never sent. A header that is not of the form bytes=… asks for nothing: ok is false. A range that begins behind the
// end is an error. An empty file has no byte to begin at, so that "from 0 on" means all of it, as some clients always ask.
func rangeOf(header string, size int64) (s span, ok bool, err error) {
	specs, isBytes := strings.CutPrefix(header, "bytes=")
	if !isBytes {
		return span{}, false, nil
	}
	for i, spec := range strings.Split(specs, ",") {
		one, valid := parseSpec(strings.TrimSpace(spec), size)
		if !valid {
			return span{}, false, nil
		}
		if i == 0 {
			s = one
		}
	}
	if s.off >= size {
		if size == 0 && s.size == math.MaxInt64 {
			return span{}, false, nil
		}
		return span{}, false, problem{status: http.StatusRequestedRangeNotSatisfiable, text: "First beyond end of file", size: &size}
	}
	s.size = min(s.size, size-s.off)
	return s, true, nil
}

// parseSpec reads one range; one without an end has the largest size there is.
func parseSpec(spec string, size int64) (span, bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return span{}, false
	}
	first, last = strings.TrimSpace(first), strings.TrimSpace(last)
	if first == "" {
		n, ok := parseOffset(last)
		return span{off: max(0, size-n), size: n}, ok && n > 0
	}
	off, ok := parseOffset(first)
	if !ok {
		return span{}, false
	}
	if last == "" {
		return span{off: off, size: math.MaxInt64}, true
	}
	end, ok := parseOffset(last)
	return span{off: off, size: end - off + 1}, ok && end >= off
}

// parseOffset reads decimal digits; what is too large to be an offset is the largest that can be added to.
func parseOffset(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n == math.MaxInt64 {
		return math.MaxInt64 - 1, true
	}
	return n, true
}

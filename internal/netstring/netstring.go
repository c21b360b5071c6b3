// Package netstring frames byte strings as "length:bytes,", as hash tags, URI extension blocks and directories do. It is
// for their codecs.
//
// The invariant: every value has exactly one frame. What Next accepts, Append writes again unchanged.
package netstring

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrMalformed is the error of bytes that do not begin with what Append writes.
var ErrMalformed = errors.New("malformed netstring")

// maxDigits is the most digits that a length may have; 10^18 is far beyond every limit of ours and fits an int64.
const maxDigits = 18

// Append appends the frame of s to dst.
func Append(dst, s []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, ':')
	dst = append(dst, s...)
	return append(dst, ',')
}

// Len is the size of the frame of n bytes.
func Len(n int) int { return len(strconv.Itoa(n)) + n + 2 }

// Next splits the first frame off b. Both results share b's memory; nothing is copied, so a length that b cannot hold
// costs nothing. The error never quotes b.
func Next(b []byte) (value, rest []byte, err error) {
	n, digits, err := length(b)
	if err != nil {
		return nil, nil, err
	}
	b = b[digits+1:]
	if n >= int64(len(b)) {
		return nil, nil, fmt.Errorf("a length of %d bytes, but only %d bytes follow: %w", n, len(b), ErrMalformed)
	}
	if b[n] != ',' {
		return nil, nil, fmt.Errorf("no comma after %d bytes: %w", n, ErrMalformed)
	}
	return b[:n:n], b[n+1:], nil
}

// length reads the length in front of the colon, and says how many digits it has.
func length(b []byte) (n int64, digits int, err error) {
	for digits < len(b) && '0' <= b[digits] && b[digits] <= '9' {
		if digits == maxDigits {
			return 0, 0, fmt.Errorf("a length of more than %d digits: %w", maxDigits, ErrMalformed)
		}
		n = 10*n + int64(b[digits]-'0')
		digits++
	}
	switch {
	case digits == 0 || digits == len(b) || b[digits] != ':':
		return 0, 0, fmt.Errorf("no length and colon at the start: %w", ErrMalformed)
	case digits > 1 && b[0] == '0':
		return 0, 0, fmt.Errorf("a length with leading zeros: %w", ErrMalformed)
	}
	return n, digits, nil
}

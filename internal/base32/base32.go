// Package base32 is the one spelling of bytes in capabilities, indices and file names: RFC 4648's alphabet in lower
// case, without padding. It is for whoever reads or writes such names.
//
// The invariant: every value has exactly one spelling. What Decode accepts, Encode gives back unchanged.
package base32

import (
	"encoding/base32"
	"errors"
	"fmt"
)

const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

var encoding = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// ErrMalformed is the error of text that Encode does not write.
var ErrMalformed = errors.New("malformed base32")

// Encode spells b.
func Encode(b []byte) string { return encoding.EncodeToString(b) }

// Len is the number of characters that spell n bytes.
func Len(n int) int { return encoding.EncodedLen(n) }

// Decode reads what Encode wrote, and nothing else: ErrMalformed. The error names what is wrong and where, but never
// quotes s, which may be a secret.
func Decode(s string) ([]byte, error) {
	for i := range len(s) {
		if !inAlphabet(s[i]) {
			return nil, fmt.Errorf("character %d is not one of a-z and 2-7: %w", i+1, ErrMalformed)
		}
	}
	b := make([]byte, encoding.DecodedLen(len(s)))
	n, err := encoding.Decode(b, []byte(s))
	if err != nil || Len(n) != len(s) {
		return nil, fmt.Errorf("%d is no possible number of characters: %w", len(s), ErrMalformed)
	}
	if unusedBits(b[:n], s) {
		return nil, fmt.Errorf("the last character carries bits that spell nothing: %w", ErrMalformed)
	}
	return b[:n], nil
}

func inAlphabet(c byte) bool { return 'a' <= c && c <= 'z' || '2' <= c && c <= '7' }

// unusedBits says whether s, which decodes to b, ends otherwise than b's own spelling.
func unusedBits(b []byte, s string) bool {
	whole := len(b) / 5 * 5
	return Encode(b[whole:]) != s[len(s)-Len(len(b)-whole):]
}

package storage

import (
	"encoding/base32"
	"fmt"
)

// IndexSize is the size of an index in bytes.
const IndexSize = 16

// An Index names all shares of one file or directory: the storage index of its verify capability.
type Index [IndexSize]byte

var indexText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String is the index in base32, 26 characters, as in paths and URLs.
func (i Index) String() string { return indexText.EncodeToString(i[:]) }

// Abbrev is the first five characters of the index, enough to tell files apart in a log.
func (i Index) Abbrev() string { return i.String()[:5] }

// ParseIndex reads what String wrote, and nothing else: ErrMalformed.
func ParseIndex(s string) (Index, error) {
	var i Index
	if len(s) == indexText.EncodedLen(IndexSize) {
		if n, err := indexText.Decode(i[:], []byte(s)); err == nil && n == IndexSize && i.String() == s {
			return i, nil
		}
	}
	return Index{}, fmt.Errorf("storage index of %d characters is not 26 characters of lower-case base32: %w", len(s), ErrMalformed)
}

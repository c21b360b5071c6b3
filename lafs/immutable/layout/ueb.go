package layout

import (
	"bytes"
	"fmt"
	"strconv"

	"tahoe/internal/netstring"
)

// MaxUEBSize is the size that a UEB may have. They have about 320 bytes.
const MaxUEBSize = 1999

// CodecName is the only erasure code that there is.
const CodecName = "crs"

// A UEB is the URI extension block of a file: what every share of the file says about it, and the roots of its trees.
// The hash of its encoding is in the capability. A field that is zero was absent.
type UEB struct {
	CodecName       string
	CodecParams     string
	TailCodecParams string
	Size            int64
	SegmentSize     int64
	Segments        int64
	Needed, Total   int64
	CiphertextHash  [HashSize]byte // of the whole ciphertext
	CiphertextRoot  [HashSize]byte // of the ciphertext hash tree
	ShareRoot       [HashSize]byte // of the share hash tree
}

// NewUEB is the UEB of files of geometry g, without the three hashes.
func NewUEB(g Geometry) UEB {
	return UEB{
		CodecName:       CodecName,
		CodecParams:     codecParams(g.SegmentSize, g),
		TailCodecParams: codecParams(g.TailSegmentSize, g),
		Size:            g.Size,
		SegmentSize:     g.SegmentSize,
		Segments:        int64(g.Segments),
		Needed:          int64(g.Needed),
		Total:           int64(g.Total),
	}
}

func codecParams(size int64, g Geometry) string {
	return fmt.Sprintf("%d-%d-%d", size, g.Needed, g.Total)
}

// UEBSize is the size of the UEB of files of geometry g: hashes have a fixed size, so it is known before they are.
func UEBSize(g Geometry) int {
	u := NewUEB(g)
	u.CiphertextHash[0], u.CiphertextRoot[0], u.ShareRoot[0] = 1, 1, 1
	return len(u.Encode())
}

// Geometry is the geometry that u describes, for a file that is encoded k-of-n and has size bytes according to its
// capability. Everything that u states must agree with that.
func (u UEB) Geometry(k, n int, size int64) (Geometry, error) {
	if k < 1 || n < k || n > MaxShares || size < 1 {
		return Geometry{}, fmt.Errorf("a file of %d bytes encoded %d-of-%d has no shares", size, k, n)
	}
	if u.SegmentSize < 1 || u.SegmentSize > MaxSegmentSize || u.SegmentSize%int64(k) != 0 {
		return Geometry{}, fmt.Errorf("UEB states a segment size of %d, which is not a multiple of k = %d up to %d",
			u.SegmentSize, k, MaxSegmentSize)
	}
	g, err := newGeometry(k, n, size, u.SegmentSize)
	if err != nil {
		return Geometry{}, err
	}
	return g, u.agrees(NewUEB(g))
}

// agrees compares all that u states with want.
func (u UEB) agrees(want UEB) error {
	texts := want.texts()
	for i, f := range u.texts() {
		if *f.value != "" && *f.value != *texts[i].value {
			return fmt.Errorf("UEB states %s %q, but the capability makes it %q", f.key, *f.value, *texts[i].value)
		}
	}
	numbers := want.numbers()
	for i, f := range u.numbers() {
		if *f.value != 0 && *f.value != *numbers[i].value {
			return fmt.Errorf("UEB states %s %d, but the capability makes it %d", f.key, *f.value, *numbers[i].value)
		}
	}
	return nil
}

// A field is a key of the UEB and where its value is kept.
type field[T any] struct {
	key   string
	value *T
}

func (u *UEB) texts() []field[string] {
	return []field[string]{
		{"codec_name", &u.CodecName},
		{"codec_params", &u.CodecParams},
		{"tail_codec_params", &u.TailCodecParams},
	}
}

func (u *UEB) numbers() []field[int64] {
	return []field[int64]{
		{"size", &u.Size},
		{"segment_size", &u.SegmentSize},
		{"num_segments", &u.Segments},
		{"needed_shares", &u.Needed},
		{"total_shares", &u.Total},
	}
}

func (u *UEB) hashes() []field[[HashSize]byte] {
	return []field[[HashSize]byte]{
		{"crypttext_hash", &u.CiphertextHash},
		{"crypttext_root_hash", &u.CiphertextRoot},
		{"share_root_hash", &u.ShareRoot},
	}
}

// Encode is the UEB in bytes. Fields that are zero are left out.
func (u UEB) Encode() []byte {
	values := make(map[string][]byte, 11)
	for _, f := range u.texts() {
		values[f.key] = []byte(*f.value)
	}
	for _, f := range u.numbers() {
		if *f.value != 0 {
			values[f.key] = strconv.AppendInt(nil, *f.value, 10)
		}
	}
	for _, f := range u.hashes() {
		if *f.value != [HashSize]byte{} {
			values[f.key] = f.value[:]
		}
	}
	return encodeFields(values)
}

// ParseUEB reads a UEB. The caller has checked its hash against the capability, or trusts nothing in the result.
func ParseUEB(b []byte) (UEB, error) {
	if len(b) > MaxUEBSize {
		return UEB{}, fmt.Errorf("UEB of %d bytes is over the limit of %d", len(b), MaxUEBSize)
	}
	var u UEB
	texts, numbers, hashes := u.texts(), u.numbers(), u.hashes()
	last := ""
	for len(b) > 0 {
		key, value, rest, err := nextField(b)
		if err != nil {
			return UEB{}, err
		}
		if key <= last {
			return UEB{}, fmt.Errorf("UEB has the key %q behind %q", key, last)
		}
		if err := set(key, value, texts, numbers, hashes); err != nil {
			return UEB{}, err
		}
		last, b = key, rest
	}
	if u.SegmentSize == 0 || u.CiphertextRoot == [HashSize]byte{} || u.ShareRoot == [HashSize]byte{} {
		return UEB{}, fmt.Errorf("UEB lacks one of segment_size, crypttext_root_hash, share_root_hash")
	}
	return u, nil
}

// nextField cuts the first field off b.
func nextField(b []byte) (key string, value, rest []byte, err error) {
	k, rest, ok := bytes.Cut(b, []byte{':'})
	if !ok || !isKey(k) {
		return "", nil, nil, fmt.Errorf("UEB has %.20q where a key should be", k)
	}
	value, rest, err = netstring.Next(rest)
	if err != nil {
		return "", nil, nil, fmt.Errorf("UEB key %q: %w", k, err)
	}
	return string(k), value, rest, nil
}

func isKey(k []byte) bool {
	for _, c := range k {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return len(k) > 0
}

// set stores the value of a known key, and ignores others.
func set(key string, value []byte, texts []field[string], numbers []field[int64], hashes []field[[HashSize]byte]) error {
	for _, f := range texts {
		if f.key == key {
			if len(value) == 0 {
				return fmt.Errorf("UEB has an empty %s", key)
			}
			*f.value = string(value)
		}
	}
	for _, f := range numbers {
		if f.key == key {
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil || n < 1 || strconv.FormatInt(n, 10) != string(value) {
				return fmt.Errorf("UEB states %s %.20q, which is not a positive number", key, value)
			}
			*f.value = n
		}
	}
	for _, f := range hashes {
		if f.key == key {
			if len(value) != HashSize {
				return fmt.Errorf("UEB has a %s of %d bytes, not %d", key, len(value), HashSize)
			}
			*f.value = [HashSize]byte(value)
		}
	}
	return nil
}

package gbs

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"tahoe/storage"
)

// Major types of CBOR items.
const (
	majorUint  = 0
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorTag   = 6
	majorPlain = 7 // false, true, null and floats
)

const (
	tagSet    = 258
	tagBignum = 2

	plainFalse = 20
	plainTrue  = 21
	plainNull  = 22
)

var majorNames = [8]string{"an integer", "a negative integer", "a byte string", "a text", "an array", "a map", "a tag", "a simple value"}

// A decoder walks through one CBOR message, asking for the items that the schema wants next. The first item that is
// something else stops it: every later call gives zero values, and err says what was wrong where. It never recurses over
// what it reads, and never takes memory for a length that the message itself is too short for.
type decoder struct {
	src  io.ReaderAt
	size int64
	pos  int64
	in   *bufio.Reader
	err  error
}

func newDecoder(src io.ReaderAt, size int64) *decoder {
	d := &decoder{src: src, size: size}
	d.in = bufio.NewReader(io.NewSectionReader(src, 0, size))
	return d
}

func (d *decoder) failf(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%s, at byte %d of the message: %w", fmt.Sprintf(format, args...), d.pos, storage.ErrMalformed)
	}
}

// take reads len(b) bytes.
func (d *decoder) take(b []byte, what string) bool {
	if d.err != nil {
		return false
	}
	if int64(len(b)) > d.size-d.pos {
		d.failf("the message ends within %s", what)
		return false
	}
	if _, err := io.ReadFull(d.in, b); err != nil {
		d.err = fmt.Errorf("reading the message: %w", err)
		return false
	}
	d.pos += int64(len(b))
	return true
}

// head reads the head of an item: its major type, and its number, length or tag.
func (d *decoder) head(what string) (major byte, arg uint64) {
	var b [8]byte
	if !d.take(b[:1], what) {
		return majorPlain, 0
	}
	major, info := b[0]>>5, b[0]&31
	switch {
	case info < 24:
		return major, uint64(info)
	case info == 31:
		d.failf("%s has no definite length, which is not accepted", what)
	case info > 27:
		d.failf("%s is not CBOR", what)
	default:
		size := 1 << (info - 24)
		if d.take(b[8-size:], what) {
			if size < 8 {
				clear(b[:8-size])
			}
			return major, binary.BigEndian.Uint64(b[:])
		}
	}
	return majorPlain, 0
}

// want reads the head of an item of the given major type.
func (d *decoder) want(major byte, what string) uint64 {
	got, arg := d.head(what)
	if d.err == nil && got != major {
		d.failf("%s is %s, not %s", what, majorNames[got], majorNames[major])
	}
	if d.err != nil {
		return 0
	}
	return arg
}

// number reads an unsigned integer of at most limit.
func (d *decoder) number(what string, limit uint64) int64 {
	n := d.want(majorUint, what)
	return d.atMost(n, limit, what)
}

func (d *decoder) atMost(n, limit uint64, what string) int64 {
	if n > limit {
		d.failf("%s is %d, more than %d", what, n, limit)
		return 0
	}
	return int64(n)
}

// length reads the head of a string, array or map, with at most limit bytes, items or pairs. Each takes at least a byte
// of the message.
func (d *decoder) length(major byte, what string, limit uint64) int64 {
	n := d.want(major, what)
	if n > limit {
		d.failf("%s has the length %d, more than %d", what, n, limit)
	}
	if d.err == nil && n > uint64(d.size-d.pos) {
		d.failf("%s has the length %d, more than what is left of the message", what, n)
	}
	if d.err != nil {
		return 0
	}
	return int64(n)
}

// str reads a byte string or a text.
func (d *decoder) str(major byte, what string, limit uint64) []byte {
	b := make([]byte, d.length(major, what, limit))
	if !d.take(b, what) {
		return nil
	}
	if major == majorText && !utf8.Valid(b) {
		d.failf("%s is not UTF-8", what)
		return nil
	}
	return b
}

// section reads a byte string of any length by leaving it where it is.
func (d *decoder) section(what string) *io.SectionReader {
	n := d.length(majorBytes, what, maxSlotBody)
	s := io.NewSectionReader(d.src, d.pos, n)
	if d.err != nil {
		return s
	}
	d.pos += n
	if n <= int64(d.in.Buffered()) {
		_, _ = d.in.Discard(int(n))
	} else {
		d.in.Reset(io.NewSectionReader(d.src, d.pos, d.size-d.pos))
	}
	return s
}

// boolean reads true or false.
func (d *decoder) boolean(what string) bool {
	n := d.want(majorPlain, what)
	if n != plainFalse && n != plainTrue {
		d.failf("%s is neither true nor false", what)
	}
	return n == plainTrue
}

// list reads an array of at most limit items, each with item.
func (d *decoder) list(what string, limit uint64, item func()) {
	for range d.length(majorArray, what, limit) {
		if d.err != nil {
			return
		}
		item()
	}
}

// shareSet reads a set of share numbers.
func (d *decoder) shareSet(what string) []storage.ShareNum {
	if tag := d.want(majorTag, what); d.err == nil && tag != tagSet {
		d.failf("%s has the tag %d, not that of a set", what, tag)
	}
	var out []storage.ShareNum
	var seen [storage.MaxShares]bool
	d.list(what, maxShares, func() {
		n := d.shareNum(what)
		if seen[n] {
			d.failf("%s holds %d twice", what, n)
		}
		seen[n] = true
		out = append(out, n)
	})
	return out
}

func (d *decoder) shareNum(what string) storage.ShareNum {
	return storage.ShareNum(d.number("a share number of "+what, storage.MaxShares-1))
}

// fields reads a map that has the given keys, all of them, once, in any order, and no others; field reads a key's value.
func (d *decoder) fields(major byte, what string, keys []string, field func(key string)) {
	n := d.length(majorMap, what, uint64(len(keys)))
	seen := make([]bool, len(keys))
	for range n {
		key := string(d.str(major, "a key of "+what, 64))
		if d.err != nil {
			return
		}
		k := slices.Index(keys, key)
		if k < 0 || seen[k] {
			d.failf("%s has the key %q, which it should not have", what, key)
			return
		}
		seen[k] = true
		field(key)
	}
	for k, ok := range seen {
		if !ok {
			d.failf("%s has no %q", what, keys[k])
		}
	}
}

// end wants the message to have ended, and returns the error of the whole walk.
func (d *decoder) end() error {
	if d.err == nil && d.pos != d.size {
		d.failf("%d bytes follow the message", d.size-d.pos)
	}
	return d.err
}

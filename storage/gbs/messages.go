package gbs

import (
	"bytes"
	"math"
	"strings"
	"unicode/utf8"

	"tahoe/storage"
)

// An allocateRequest is the body of a request for room.
type allocateRequest struct {
	shares []storage.ShareNum
	size   int64
}

func (m allocateRequest) encode() []byte {
	b := appendHead(nil, majorMap, 2)
	b = appendShareSet(appendText(b, "share-numbers"), m.shares)
	return appendField(b, "allocated-size", m.size)
}

func parseAllocateRequest(b []byte) (m allocateRequest, err error) {
	d := newDecoder(bytes.NewReader(b), int64(len(b)))
	d.fields(majorText, "the request", []string{"share-numbers", "allocated-size"}, func(key string) {
		if key == "share-numbers" {
			m.shares = d.shareSet(key)
		} else {
			m.size = d.number(key, math.MaxInt64)
		}
	})
	return m, d.end()
}

// An allocateAnswer says which shares the server has, and which it made room for.
type allocateAnswer struct {
	have, allocated []storage.ShareNum
}

func (m allocateAnswer) encode() []byte {
	b := appendHead(nil, majorMap, 2)
	b = appendShareSet(appendText(b, "already-have"), m.have)
	return appendShareSet(appendText(b, "allocated"), m.allocated)
}

func parseAllocateAnswer(b []byte) (m allocateAnswer, err error) {
	d := newDecoder(bytes.NewReader(b), int64(len(b)))
	d.fields(majorText, "the answer", []string{"already-have", "allocated"}, func(key string) {
		if key == "allocated" {
			m.allocated = d.shareSet(key)
		} else {
			m.have = d.shareSet(key)
		}
	})
	return m, d.end()
}

func parseShareSet(b []byte) ([]storage.ShareNum, error) {
	d := newDecoder(bytes.NewReader(b), int64(len(b)))
	shares := d.shareSet("the answer")
	return shares, d.end()
}

// encodeMissing is the answer to a write.
func encodeMissing(missing []storage.Span) []byte {
	b := appendHead(nil, majorMap, 1)
	b = appendHead(appendText(b, "required"), majorArray, uint64(len(missing)))
	for _, s := range missing {
		b = appendHead(b, majorMap, 2)
		b = appendField(b, "begin", s.Offset)
		b = appendField(b, "end", s.End())
	}
	return b
}

// parseMissing reads the answer to a write to a share of the given size.
func parseMissing(b []byte, size int64) (missing []storage.Span, err error) {
	d := newDecoder(bytes.NewReader(b), int64(len(b)))
	d.fields(majorText, "the answer", []string{"required"}, func(string) {
		d.list("required", math.MaxInt32, func() {
			var begin, end int64
			d.fields(majorText, "a required range", []string{"begin", "end"}, func(key string) {
				if n := d.number(key, uint64(size)); key == "begin" {
					begin = n
				} else {
					end = n
				}
			})
			if begin > end {
				d.failf("a required range begins at %d and ends at %d", begin, end)
			}
			missing = append(missing, storage.Span{Offset: begin, Size: end - begin})
		})
	})
	return missing, d.end()
}

// encodeReason is the body of a corruption advice. The original takes 32768 bytes of body and 1 to 32765 of reason, so a
// reason that is too long for the body loses its end, and one that is empty gets a word.
func encodeReason(reason string) []byte {
	b := appendText(appendHead(nil, majorMap, 1), "reason")
	reason = strings.ToValidUTF8(reason, "\ufffd")
	if limit := maxCorruptBody - len(b) - 3; len(reason) > limit {
		for !utf8.RuneStart(reason[limit]) {
			limit--
		}
		reason = reason[:limit]
	}
	if reason == "" {
		reason = "unspecified"
	}
	return appendText(b, reason)
}

func parseReason(b []byte) (reason string, err error) {
	d := newDecoder(bytes.NewReader(b), int64(len(b)))
	d.fields(majorText, "the request", []string{"reason"}, func(key string) {
		if reason = string(d.str(majorText, key, storage.MaxReason)); reason == "" {
			d.failf("the reason is empty")
		}
	})
	return reason, d.end()
}

const (
	keyMaxImmutable = "maximum-immutable-share-size"
	keyMaxMutable   = "maximum-mutable-share-size"
	keyAvailable    = "available-space"
	keyApplication  = "application-version"
)

// encodeVersion is the answer to the request for a version. Unlike all others, its keys are byte strings.
func encodeVersion(v storage.Version) []byte {
	b := appendBytes(appendHead(nil, majorMap, 2), versionKey)
	b = appendHead(b, majorMap, 3)
	b = appendHead(appendBytes(b, keyMaxImmutable), majorUint, v.MaxImmutableShare)
	b = appendHead(appendBytes(b, keyMaxMutable), majorUint, v.MaxMutableShare)
	b = appendHead(appendBytes(b, keyAvailable), majorUint, v.Available)
	return appendBytes(appendBytes(b, keyApplication), v.Application)
}

func parseVersion(b []byte) (v storage.Version, err error) {
	d := newDecoder(bytes.NewReader(b), int64(len(b)))
	d.fields(majorBytes, "the answer", []string{versionKey, keyApplication}, func(key string) {
		if key == keyApplication {
			v.Application = strings.ToValidUTF8(string(d.str(majorBytes, key, 1024)), "\ufffd")
			return
		}
		d.fields(majorBytes, "the version", []string{keyMaxImmutable, keyMaxMutable, keyAvailable}, func(key string) {
			n := d.space(key)
			switch key {
			case keyMaxImmutable:
				v.MaxImmutableShare = n
			case keyMaxMutable:
				v.MaxMutableShare = n
			default:
				v.Available = n
			}
		})
	})
	return v, d.end()
}

// space reads a number of bytes. The original says 2^64 when it does not know its space, which in CBOR is a tagged byte
// string; that is taken as the largest number there is.
func (d *decoder) space(what string) uint64 {
	major, n := d.head(what)
	switch {
	case d.err != nil:
		return 0
	case major == majorUint:
		return n
	case major == majorTag && n == tagBignum:
		if b := bytes.TrimLeft(d.str(majorBytes, what, 64), "\x00"); len(b) > 8 {
			return math.MaxUint64
		}
	}
	d.failf("%s is %s, not an integer", what, majorNames[major])
	return 0
}

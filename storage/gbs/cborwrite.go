package gbs

import (
	"encoding/binary"

	"tahoe/storage"
)

// appendHead appends the head of a CBOR item, as short as it can be.
func appendHead(dst []byte, major byte, n uint64) []byte {
	m := major << 5
	switch {
	case n < 24:
		return append(dst, m|byte(n))
	case n < 1<<8:
		return append(dst, m|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, m|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, m|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, m|27), n)
	}
}

func appendText(dst []byte, s string) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

func appendBytes[B []byte | string](dst []byte, b B) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(b))), b...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, majorPlain<<5|plainTrue)
	}
	return append(dst, majorPlain<<5|plainFalse)
}

// appendField appends a text key and the unsigned integer that it has.
func appendField(dst []byte, key string, n int64) []byte {
	return appendHead(appendText(dst, key), majorUint, uint64(n))
}

func appendShareSet(dst []byte, shares []storage.ShareNum) []byte {
	dst = appendHead(dst, majorTag, tagSet)
	dst = appendHead(dst, majorArray, uint64(len(shares)))
	for _, n := range shares {
		dst = appendHead(dst, majorUint, uint64(n))
	}
	return dst
}

// Package pyjson writes JSON as Python's json.dumps does, to the byte: order of members, blanks, escapes and numbers. It is
// for files that the original reads and writes too, and that should not change when one program takes over from the other.
//
// The invariant: what Append has written, json.loads of Python reads as the same value.
package pyjson

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"
)

// An Object is a JSON object whose members have an order.
type Object []Member

// A Member of an Object.
type Member struct {
	Key   string
	Value any
}

// Append appends a value: nil, bool, int, *big.Int, float64, string, []any or Object, and what these hold. With an
// indent, each member stands on a line of its own, else all are on one. Anything else is an error.
func Append(dst []byte, value any, indent string) ([]byte, error) {
	return printer{indent}.value(dst, value, 1)
}

type printer struct{ indent string }

func (p printer) value(dst []byte, value any, depth int) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case *big.Int:
		return v.Append(dst, 10), nil
	case float64:
		return append(dst, Float(v)...), nil
	case string:
		return quote(dst, v), nil
	case []any:
		return p.list(dst, len(v), '[', ']', depth, func(dst []byte, i int) ([]byte, error) { return p.value(dst, v[i], depth+1) })
	case Object:
		return p.list(dst, len(v), '{', '}', depth, func(dst []byte, i int) ([]byte, error) {
			return p.value(append(quote(dst, v[i].Key), ": "...), v[i].Value, depth+1)
		})
	}
	return nil, fmt.Errorf("write JSON: %T has no form in it", value)
}

// list writes n items between brackets.
func (p printer) list(dst []byte, n int, open, end byte, depth int, item func([]byte, int) ([]byte, error)) (_ []byte, err error) {
	dst = append(dst, open)
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if p.indent != "" {
			dst = p.line(dst, depth)
		} else if i > 0 {
			dst = append(dst, ' ')
		}
		if dst, err = item(dst, i); err != nil {
			return nil, err
		}
	}
	if n > 0 && p.indent != "" {
		dst = p.line(dst, depth-1)
	}
	return append(dst, end), nil
}

func (p printer) line(dst []byte, depth int) []byte {
	dst = append(dst, '\n')
	for range depth {
		dst = append(dst, p.indent...)
	}
	return dst
}

// Float is a number as Python's repr writes it.
func Float(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if size := math.Abs(f); f != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	for _, c := range s {
		if c == '.' {
			return s
		}
	}
	return s + ".0"
}

// short are the escapes of one letter.
var short = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`}

// quote writes a text in ASCII. Bytes that are no UTF-8 become the replacement character.
func quote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch e, ok := short[c]; {
		case ok:
			dst = append(dst, e...)
		case ' ' <= c && c <= '~':
			dst = utf8.AppendRune(dst, c)
		case c > 0xffff:
			c -= 0x10000
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
	}
	return append(dst, '"')
}

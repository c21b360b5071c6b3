package dirnode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// An object is a JSON object: its members in their order, their values as JSON in the form that the original writes, which is
// ", " and ": " between them, and escapes for all that is not printable ASCII. What is in that form stays as it is.
type object []member

type member struct{ key, value string } // the key as JSON, too

// maxMetadata bounds one entry's metadata, in bytes.
const maxMetadata = 1 << 20

// parseObject reads one. Of members with the same key the last one counts, in the place of the first.
func parseObject(b []byte) (object, error) {
	if len(b) > maxMetadata {
		return nil, fmt.Errorf("%w: its %d bytes are too many", ErrBadMetadata, len(b))
	}
	p := parser{in: b}
	p.space()
	if !json.Valid(b) || p.peek() != '{' {
		return nil, ErrBadMetadata
	}
	return p.members(), nil
}

// get is the value of a key, or "".
func (o object) get(key string) string {
	if i := o.index(quote(key)); i >= 0 {
		return o[i].value
	}
	return ""
}

func (o object) index(quoted string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.key == quoted })
}

// set changes a value in its place, or adds it at the end.
func (o *object) set(key, value string) {
	if i := o.index(quote(key)); i >= 0 {
		(*o)[i].value = value
		return
	}
	*o = append(*o, member{quote(key), value})
}

func (o *object) remove(key string) {
	quoted := quote(key)
	*o = slices.DeleteFunc(*o, func(m member) bool { return m.key == quoted })
}

func (o object) metadata() Metadata { return Metadata{o.string()} }

func (o object) string() string {
	var s strings.Builder
	s.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(m.key)
		s.WriteString(": ")
		s.WriteString(m.value)
	}
	s.WriteByte('}')
	return s.String()
}

// quote writes a key of printable ASCII as JSON.
func quote(key string) string { return `"` + key + `"` }

// A parser goes through JSON that is known to be valid, and writes it in the original's form.
type parser struct{ in []byte }

func (p *parser) space() { p.in = bytes.TrimLeft(p.in, " \t\r\n") }

func (p *parser) peek() byte {
	if len(p.in) == 0 {
		return 0
	}
	return p.in[0]
}

// next skips one byte, and the white space behind it.
func (p *parser) next() {
	p.in = p.in[1:]
	p.space()
}

func (p *parser) members() (o object) {
	at := map[string]int{}
	p.next() // the brace
	for p.peek() != '}' {
		key := p.text()
		p.next() // the colon
		if i, ok := at[key]; ok {
			o[i].value = p.value()
		} else {
			at[key] = len(o)
			o = append(o, member{key, p.value()})
		}
		if p.peek() == ',' {
			p.next()
		}
	}
	p.next()
	return o
}

func (p *parser) value() string {
	switch p.peek() {
	case '{':
		return p.members().string()
	case '[':
		return p.array()
	case '"':
		return p.text()
	}
	n := 0
	for n < len(p.in) && !strings.ContainsRune(",]} \t\r\n", rune(p.in[n])) {
		n++
	}
	literal := string(p.in[:n])
	p.in = p.in[n:]
	p.space()
	return literal
}

func (p *parser) array() string {
	p.next() // the bracket
	var values []string
	for p.peek() != ']' {
		values = append(values, p.value())
		if p.peek() == ',' {
			p.next()
		}
	}
	p.next()
	return "[" + strings.Join(values, ", ") + "]"
}

// text reads a string, and gives it as JSON again.
func (p *parser) text() string {
	out := []byte{'"'}
	p.in = p.in[1:]
	for p.in[0] != '"' {
		out = p.character(out)
	}
	p.next()
	return string(append(out, '"'))
}

// character copies one character of a string, or one half of a pair of escapes.
func (p *parser) character(out []byte) []byte {
	if p.in[0] != '\\' {
		r, n := utf8.DecodeRune(p.in)
		p.in = p.in[n:]
		return appendRune(out, r)
	}
	escape := p.in[1]
	if escape == 'u' {
		var unit uint16
		_, _ = fmt.Sscanf(string(p.in[2:6]), "%x", &unit)
		p.in = p.in[6:]
		return appendUnit(out, unit)
	}
	p.in = p.in[2:]
	if escape == '/' {
		return append(out, '/')
	}
	return append(out, '\\', escape)
}

func appendRune(out []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return appendUnit(appendUnit(out, uint16(high)), uint16(low))
	}
	return appendUnit(out, uint16(r))
}

// appendUnit writes one unit of UTF-16: as itself when it is printable ASCII, else as the shortest escape.
func appendUnit(out []byte, unit uint16) []byte {
	const short = "\b\f\n\r\t\"\\"
	if i := strings.IndexRune(short, rune(unit)); i >= 0 {
		return append(out, '\\', `bfnrt"\`[i])
	}
	if ' ' <= unit && unit <= '~' {
		return append(out, byte(unit))
	}
	return fmt.Appendf(out, `\u%04x`, unit)
}

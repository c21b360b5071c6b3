package web

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A printer writes JSON as the original lays it out: a line for each member, one blank further in for each level, and in
// ASCII. What is in b can be sent and taken away at any time.
type printer struct {
	b     []byte
	depth int
	begun bool // the innermost object or list has a member already
	flat  bool // all on one line
}

// open begins an object or a list.
func (p *printer) open(bracket byte) {
	p.b = append(p.b, bracket)
	p.depth++
	p.begun = false
}

func (p *printer) close(bracket byte) {
	p.depth--
	if p.begun {
		p.line()
	}
	p.b = append(p.b, bracket)
	p.begun = true
}

// next begins a member of a list.
func (p *printer) next() {
	if p.begun {
		p.b = append(p.b, ',')
		if p.flat {
			p.b = append(p.b, ' ')
		}
	}
	p.begun = true
	p.line()
}

// key begins a member of an object.
func (p *printer) key(name string) {
	p.next()
	p.text(name)
	p.b = append(p.b, ':', ' ')
}

func (p *printer) line() {
	if p.flat {
		return
	}
	p.b = append(p.b, '\n')
	for range p.depth {
		p.b = append(p.b, ' ')
	}
}

func (p *printer) word(s string)    { p.b = append(p.b, s...) }
func (p *printer) number(n int64)   { p.b = strconv.AppendInt(p.b, n, 10) }
func (p *printer) boolean(yes bool) { p.b = strconv.AppendBool(p.b, yes) }

// text writes a string.
func (p *printer) text(s string) {
	p.b = append(p.b, '"')
	p.b = appendText(p.b, s)
	p.b = append(p.b, '"')
}

// appendText escapes what stands in a string.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			b = appendASCII(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b = appendRune(b, r)
		i += n
	}
	return b
}

func appendASCII(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case ' ' <= c && c <= '~':
		return append(b, c)
	}
	switch c {
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	case '\f':
		return append(b, `\f`...)
	case '\b':
		return append(b, `\b`...)
	}
	return appendUnit(b, uint16(c))
}

func appendRune(b []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return appendUnit(appendUnit(b, uint16(high)), uint16(low))
	}
	return appendUnit(b, uint16(r))
}

func appendUnit(b []byte, u uint16) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[u>>12], digits[u>>8&15], digits[u>>4&15], digits[u&15])
}

// raw writes a value that is JSON already, in the layout of the rest.
func (p *printer) raw(json []byte) {
	fresh := false // a member begins here
	for i := 0; i < len(json); {
		c := json[i]
		if fresh && !isBlank(c) && c != ']' && c != '}' {
			p.next()
			fresh = false
		}
		switch c {
		case '{', '[':
			p.open(c)
			fresh = true
		case '}', ']':
			p.close(c)
			fresh = false
		case ',':
			fresh = true
		case ':':
			p.word(": ")
		default:
			i += p.scalar(json[i:])
			continue
		}
		i++
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// scalar writes the string, number or word that json begins with, or nothing for a blank, and returns its length.
func (p *printer) scalar(json []byte) int {
	if isBlank(json[0]) {
		return 1
	}
	n := scalarLen(json)
	for i := 0; i < n; {
		if json[i] < utf8.RuneSelf {
			p.b = append(p.b, json[i])
			i++
			continue
		}
		r, size := utf8.DecodeRune(json[i:])
		p.b = appendRune(p.b, r)
		i += size
	}
	return n
}

func scalarLen(json []byte) int {
	if json[0] != '"' {
		for i, c := range json {
			if isBlank(c) || c == ',' || c == ']' || c == '}' || c == ':' {
				return max(i, 1)
			}
		}
		return len(json)
	}
	for i := 1; i < len(json); i++ {
		switch json[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(json)
}

package pickle

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// step does the next operation. It says whether that was the end.
func (m *machine) step() (done bool, err error) {
	op, err := m.take(1)
	if err != nil {
		return false, err
	}
	switch op[0] {
	case '.':
		return true, nil
	case 0x80: // the protocol
		_, err = m.take(1)
	case 0x95: // a frame
		_, err = m.take(8)
	case '(':
		m.marks = append(m.marks, len(m.stack))
	case 'N':
		m.push(nil)
	case 0x88:
		m.push(true)
	case 0x89:
		m.push(false)
	case ']', '}', ')', 'l', 'd', 't', 0x85, 0x86, 0x87:
		err = m.container(op[0])
	case 'a', 'e', 's', 'u':
		err = m.fill(op[0])
	case 'p', 'q', 'r', 0x94, 'g', 'h', 'j':
		err = m.memory(op[0])
	default:
		var v any
		if v, err = m.scalar(op[0]); err == nil {
			m.push(v)
		}
	}
	return false, err
}

// container makes a list, dictionary or tuple.
func (m *machine) container(op byte) (err error) {
	var items []any
	switch op {
	case 'l', 'd', 't':
		items, err = m.popMark()
	case 0x85, 0x86, 0x87:
		items, err = m.pop(int(op - 0x84))
	}
	if err != nil {
		return err
	}
	switch op {
	case ']', 'l':
		m.push(&List{items})
	case '}', 'd':
		d := &Dict{}
		err = d.setAll(items)
		m.push(d)
	default:
		m.push(Tuple(items))
	}
	return err
}

// fill puts values into the list or dictionary below them.
func (m *machine) fill(op byte) error {
	var items []any
	var err error
	switch op {
	case 'a':
		items, err = m.pop(1)
	case 's':
		items, err = m.pop(2)
	default:
		items, err = m.popMark()
	}
	switch {
	case err != nil:
		return err
	case op == 'a' || op == 'e':
		return m.extend(items)
	}
	return m.update(items)
}

// memory remembers a value by a number, or recalls it.
func (m *machine) memory(op byte) (err error) {
	var key uint64
	switch op {
	case 'p', 'g':
		var text string
		if text, err = m.line(); err == nil {
			if key, err = strconv.ParseUint(text, 10, 32); err != nil {
				err = wrong("it remembers by %.20q", text)
			}
		}
	case 'q', 'h':
		key, err = m.number(1)
	case 'r', 'j':
		key, err = m.number(4)
	case 0x94:
		key = uint64(len(m.memo))
	}
	switch {
	case err != nil:
		return err
	case op == 'g' || op == 'h' || op == 'j':
		return m.recall(key)
	}
	return m.remember(key)
}

// scalar reads a number or text.
func (m *machine) scalar(op byte) (any, error) {
	switch op {
	case 'I', 'L', 'F', 'S', 'V':
		text, err := m.line()
		if err != nil {
			return nil, err
		}
		return textual(op, text)
	case 'J':
		n, err := m.number(4)
		return big.NewInt(int64(int32(n))), err
	case 'K', 'M':
		n, err := m.number(uint64(op-'K')/2 + 1)
		return big.NewInt(int64(n)), err
	case 'G':
		b, err := m.take(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case 0x8a, 0x8b:
		b, err := m.counted(uint64(op-0x8a)*3 + 1)
		if err != nil {
			return nil, err
		}
		return long(b)
	}
	width, ok := textWidth(op)
	if !ok {
		return nil, wrong("the operation %q builds more than plain values, and is not run", op)
	}
	b, err := m.counted(width)
	return string(b), err
}

// textWidth is the size of the number in front of a text or bytes.
func textWidth(op byte) (uint64, bool) {
	switch op {
	case 'U', 'C', 0x8c:
		return 1, true
	case 'T', 'B', 'X':
		return 4, true
	case 0x8d, 0x8e:
		return 8, true
	}
	return 0, false
}

// textual reads a value of protocol 0.
func textual(op byte, text string) (any, error) {
	switch op {
	case 'I', 'L':
		return parseInt(text, op == 'L')
	case 'F':
		return parseFloat(text)
	case 'V':
		return rawUnescape(text)
	}
	if len(text) < 2 || text[0] != text[len(text)-1] || text[0] != '\'' && text[0] != '"' {
		return nil, wrong("a text without quotes")
	}
	return unescape(text[1 : len(text)-1])
}

// unescape undoes the escapes of Python that texts of state files can have.
func unescape(s string) (any, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for s != "" {
		if strings.HasPrefix(s, `\'`) || strings.HasPrefix(s, `\"`) {
			b.WriteByte(s[1])
			s = s[2:]
			continue
		}
		r, isRune, rest, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			return nil, wrong("a text has an escape that is not known")
		}
		if isRune {
			b.WriteRune(r)
		} else {
			b.WriteByte(byte(r))
		}
		s = rest
	}
	return b.String(), nil
}

// rawUnescape reads a text of protocol 0 that is not ASCII: bytes of Latin 1, and escapes \uXXXX and \UXXXXXXXX.
func rawUnescape(s string) (any, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		digits := 0
		switch {
		case strings.HasPrefix(s[i:], `\u`):
			digits = 4
		case strings.HasPrefix(s[i:], `\U`):
			digits = 8
		default:
			b.WriteRune(rune(s[i]))
			continue
		}
		n, err := strconv.ParseUint(s[min(i+2, len(s)):min(i+2+digits, len(s))], 16, 32)
		if err != nil || i+2+digits > len(s) {
			return nil, wrong("a text has an escape that is cut short")
		}
		b.WriteRune(rune(n))
		i += 1 + digits
	}
	return b.String(), nil
}

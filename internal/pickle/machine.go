package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// A machine builds values on a stack.
type machine struct {
	in    []byte
	at    int
	stack []any
	marks []int // heights of the stack
	memo  map[uint64]any
}

func wrong(format string, a ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, a...), ErrMalformed)
}

// take takes the next n bytes.
func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.in)-m.at) {
		return nil, wrong("it ends too early")
	}
	b := m.in[m.at : m.at+int(n)]
	m.at += int(n)
	return b, nil
}

// number takes a little-endian number of n bytes.
func (m *machine) number(n uint64) (uint64, error) {
	b, err := m.take(n)
	if err != nil {
		return 0, err
	}
	var whole [8]byte
	copy(whole[:], b)
	return binary.LittleEndian.Uint64(whole[:]), nil
}

// counted takes as many bytes as a number of n bytes says.
func (m *machine) counted(n uint64) ([]byte, error) {
	size, err := m.number(n)
	if err != nil {
		return nil, err
	}
	return m.take(size)
}

// line takes what stands before the next newline, which it drops.
func (m *machine) line() (string, error) {
	i := bytes.IndexByte(m.in[m.at:], '\n')
	if i < 0 {
		return "", wrong("it ends too early")
	}
	b, err := m.take(uint64(i) + 1)
	return strings.TrimSuffix(string(b[:i]), "\r"), err
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// floor is the height below which the values belong to an earlier mark.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

// pop takes the n topmost values, in the order in which they came.
func (m *machine) pop(n int) ([]any, error) {
	if len(m.stack)-m.floor() < n {
		return nil, wrong("it takes values that are not there")
	}
	top := slices.Clone(m.stack[len(m.stack)-n:])
	m.stack = m.stack[:len(m.stack)-n]
	return top, nil
}

// popMark takes all values above the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, wrong("it takes values from a mark that is not there")
	}
	top, err := m.pop(len(m.stack) - m.floor())
	m.marks = m.marks[:len(m.marks)-1]
	return top, err
}

// top is the topmost value.
func (m *machine) top() (any, error) {
	if len(m.stack) == m.floor() {
		return nil, wrong("it takes a value that is not there")
	}
	return m.stack[len(m.stack)-1], nil
}

func (m *machine) extend(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	list, ok := v.(*List)
	if !ok {
		return wrong("it appends to what is no list")
	}
	list.Items = append(list.Items, items...)
	return nil
}

func (m *machine) update(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	dict, ok := v.(*Dict)
	if !ok {
		return wrong("it sets items of what is no dictionary")
	}
	return dict.setAll(items)
}

// setAll sets keys and values that take turns.
func (d *Dict) setAll(items []any) error {
	if len(items)%2 != 0 {
		return wrong("it has a key without a value")
	}
	for i := 0; i < len(items); i += 2 {
		if err := d.set(items[i], items[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) remember(key uint64) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	if m.memo == nil {
		m.memo = map[uint64]any{}
	}
	m.memo[key] = v
	return nil
}

func (m *machine) recall(key uint64) error {
	v, ok := m.memo[key]
	if !ok {
		return wrong("it recalls what it did not remember")
	}
	m.push(v)
	return nil
}

// maxDigits bounds numbers, whose conversion from digits takes more time than there are digits.
const maxDigits = 1000

// parseInt reads a decimal number; of protocol 0 also 00 and 01, which are booleans.
func parseInt(text string, long bool) (any, error) {
	switch {
	case !long && text == "00":
		return false, nil
	case !long && text == "01":
		return true, nil
	case long:
		text = strings.TrimSuffix(text, "L")
	}
	n, ok := new(big.Int).SetString(text, 10)
	if len(text) > maxDigits || !ok {
		return nil, wrong("%.20q is no number, or a very large one", text)
	}
	return n, nil
}

// long reads a little-endian number in two's complement.
func long(b []byte) (any, error) {
	if len(b) > maxDigits {
		return nil, wrong("a number of %d bytes", len(b))
	}
	big0 := slices.Clone(b)
	slices.Reverse(big0)
	n := new(big.Int).SetBytes(big0)
	if len(b) > 0 && b[len(b)-1] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return n, nil
}

func parseFloat(text string) (any, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil, wrong("%.20q is no number", text)
	}
	return f, nil
}

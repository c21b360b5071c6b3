// Package pickle reads data that Python's pickle module wrote, without being a machine that runs them: only what builds
// plain values is understood (numbers, texts, lists, tuples, dictionaries), and whatever would name a class or call a
// function is refused. It is for old state files of storage servers, in protocols 0 to 5.
//
// The invariant: whatever the bytes say, Load takes time and memory in proportion to their number, and does nothing but
// build the value.
package pickle

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// ErrMalformed is in the error of bytes that are no pickle, or one that this package refuses.
var ErrMalformed = errors.New("not a pickle of plain values")

// MaxSize is how many bytes Load reads at most.
const MaxSize = 16 << 20

// The values are nil, bool, *big.Int, float64, string (of Python's str and bytes) and the types below. One value may be part
// of several others, or of itself.
type (
	// A List is a Python list.
	List struct{ Items []any }
	// A Tuple is a Python tuple.
	Tuple []any
	// A Dict is a Python dict, in its order. A key that is set again keeps its place.
	Dict struct {
		Keys, Values []any
		at           map[string]int // of the keys that can be told apart by their text
	}
)

// set sets a key.
func (d *Dict) set(key, value any) error {
	text, err := keyText(key)
	if err != nil {
		return err
	}
	if i, ok := d.at[text]; ok {
		d.Values[i] = value
		return nil
	}
	if d.at == nil {
		d.at = map[string]int{}
	}
	d.at[text] = len(d.Keys)
	d.Keys, d.Values = append(d.Keys, key), append(d.Values, value)
	return nil
}

// The limits of keys: of tuples of tuples, and of texts.
const (
	maxKeyDepth = 3
	maxKeyText  = 1000
)

// keyText is a text that tells keys apart.
func keyText(key any) (string, error) { return keyTextAt(key, maxKeyDepth) }

func keyTextAt(key any, depth int) (string, error) {
	switch k := key.(type) {
	case nil, bool, float64:
		return fmt.Sprintf("%T %v", k, k), nil
	case *big.Int:
		return "int " + k.String(), nil
	case string:
		if len(k) > maxKeyText {
			return "", fmt.Errorf("a key is a text of %d bytes: %w", len(k), ErrMalformed)
		}
		return "str " + k, nil
	case Tuple:
		var items []string
		for _, item := range k {
			if depth == 0 || len(k) > maxKeyDepth {
				return "", fmt.Errorf("a key is a large tuple: %w", ErrMalformed)
			}
			t, err := keyTextAt(item, depth-1)
			if err != nil {
				return "", err
			}
			items = append(items, fmt.Sprintf("%d:%s", len(t), t))
		}
		return "(" + strings.Join(items, ",") + ")", nil
	}
	return "", fmt.Errorf("a key is a list or dictionary: %w", ErrMalformed)
}

// Load reads one pickle, of which nothing may follow.
func Load(b []byte) (any, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%d bytes, and at most %d are read: %w", len(b), MaxSize, ErrMalformed)
	}
	m := machine{in: b}
	for {
		at := m.at
		done, err := m.step()
		if err != nil {
			return nil, fmt.Errorf("byte %d: %w", at, err)
		}
		if done {
			break
		}
	}
	if len(m.stack) != 1 || len(m.marks) != 0 || m.at != len(b) {
		return nil, fmt.Errorf("it does not end with its one value: %w", ErrMalformed)
	}
	return m.stack[0], nil
}

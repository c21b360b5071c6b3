package foolscap

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
)

const maxDepthOut = 100

// An exporter gives numbers to the objects of a message that is about to be sent, and counts OPEN tokens.
type exporter interface {
	opened() int64
	// export returns the number of an object of ours, and whether the other end hears of it for the first time.
	export(o Object) (clid int64, first bool)
}

// A checker finds out whether values can be sent over a connection, and how many bytes that takes at most.
type checker struct {
	link    *link
	bytes   int64
	objects int // of ours
}

func (c *checker) add(n int) { c.bytes += int64(n) + 12 }

func (c *checker) value(v Value, depth int) error {
	if depth > maxDepthOut {
		return fmt.Errorf("%w: more than %d containers in each other", ErrUnsendable, maxDepthOut)
	}
	c.add(24)
	switch v := v.(type) {
	case *Remote: // which is an Object as well
		if v.link != c.link {
			return fmt.Errorf("%w: an object of another connection", ErrUnsendable)
		}
	case nil, bool, int, int64, float64:
	case Object:
		c.objects++
		c.add(maxClass)
	case *big.Int:
		c.add(len(v.Bits()) * 8)
	case []byte:
		c.add(len(v))
	case string:
		c.add(len(v))
	case []Value:
		return c.values(v, depth)
	case Tuple:
		return c.values(v, depth)
	case Set:
		return c.values(v, depth)
	case FrozenSet:
		return c.values(v, depth)
	case Dict:
		for _, p := range v {
			if err := c.values([]Value{p.Key, p.Value}, depth); err != nil {
				return err
			}
		}
	case Copyable:
		c.add(len(v.Class))
		for _, a := range v.State {
			c.add(len(a.Name))
			if err := c.value(a.Value, depth+1); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%w: a %T", ErrUnsendable, v)
	}
	return nil
}

func (c *checker) values(vs []Value, depth int) error {
	for _, v := range vs {
		if err := c.value(v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) args(a Args) error {
	if err := c.values(a.Positional, 0); err != nil {
		return err
	}
	for name, v := range a.Named {
		c.add(len(name))
		if err := c.value(v, 1); err != nil {
			return err
		}
	}
	return nil
}

// An encoder writes what a checker found good.
type encoder struct {
	b   []byte
	out exporter
}

// sequence writes a sequence of this type.
func (e *encoder) sequence(word string, body func()) {
	n := e.out.opened()
	e.b = appendToken(e.b, tokOpen, n)
	e.word(word)
	body()
	e.b = appendToken(e.b, tokClose, n)
}

// word writes a string, as its place in the vocabulary if it has one.
func (e *encoder) word(s string) {
	if len(s) <= len("their-reference") {
		if i := slices.Index(vocabulary[:], s); i >= 0 {
			e.b = appendToken(e.b, tokVocab, int64(i))
			return
		}
	}
	e.b = append(appendToken(e.b, tokString, int64(len(s))), s...)
}

func (e *encoder) bytes(s []byte) {
	if len(s) <= len("their-reference") {
		e.word(string(s))
		return
	}
	e.b = append(appendToken(e.b, tokString, int64(len(s))), s...)
}

func (e *encoder) int(n int64) {
	switch {
	case n > maxInt || n < -maxInt-1:
		e.bigInt(big.NewInt(n))
	case n >= 0:
		e.b = appendToken(e.b, tokInt, n)
	default:
		e.b = appendToken(e.b, tokNeg, -n)
	}
}

func (e *encoder) bigInt(n *big.Int) {
	if n.IsInt64() && n.Int64() <= maxInt && n.Int64() >= -maxInt-1 {
		e.int(n.Int64())
		return
	}
	kind, b := byte(tokLongInt), n.Bytes()
	if n.Sign() < 0 {
		kind = tokLongNeg
	}
	e.b = append(appendToken(e.b, kind, int64(len(b))), b...)
}

func (e *encoder) value(v Value) {
	switch v := v.(type) {
	case nil:
		e.sequence("none", func() {})
	case bool:
		e.sequence("boolean", func() { e.int(map[bool]int64{true: 1}[v]) })
	case int:
		e.int(int64(v))
	case int64:
		e.int(v)
	case *big.Int:
		e.bigInt(v)
	case float64:
		e.b = binary.BigEndian.AppendUint64(append(e.b, tokFloat), math.Float64bits(v))
	case []byte:
		e.bytes(v)
	case string:
		e.sequence("unicode", func() { e.word(strings.ToValidUTF8(v, "\uFFFD")) })
	default:
		e.container(v)
	}
}

func (e *encoder) container(v Value) {
	switch v := v.(type) {
	case []Value:
		e.sequence("list", func() { e.values(v) })
	case Tuple:
		e.sequence("tuple", func() { e.values(v) })
	case Set:
		e.sequence("set", func() { e.values(v) })
	case FrozenSet:
		e.sequence("immutable-set", func() { e.values(v) })
	case Dict:
		e.sequence("dict", func() {
			for _, p := range v {
				e.value(p.Key)
				e.value(p.Value)
			}
		})
	case Copyable:
		e.sequence("copyable", func() {
			e.word(v.Class)
			for _, a := range v.State {
				e.word(a.Name)
				e.value(a.Value)
			}
		})
	case *Remote:
		e.sequence("your-reference", func() { e.int(v.clid) })
	case Object:
		e.object(v)
	}
}

func (e *encoder) values(vs []Value) {
	for _, v := range vs {
		e.value(v)
	}
}

func (e *encoder) object(o Object) {
	clid, first := e.out.export(o)
	e.sequence("my-reference", func() {
		e.int(clid)
		if !first {
			return
		}
		name := ""
		if i, ok := o.(Interface); ok {
			name = i.RemoteInterface()
		}
		e.word(name)
	})
}

func (e *encoder) call(request, target int64, method string, a Args) {
	e.sequence("call", func() {
		e.int(request)
		e.int(target)
		e.word(method)
		e.sequence("arguments", func() {
			e.int(int64(len(a.Positional)))
			e.values(a.Positional)
			for _, name := range slices.Sorted(maps.Keys(a.Named)) {
				e.word(name)
				e.value(a.Named[name])
			}
		})
	})
}

func (e *encoder) answer(request int64, v Value) {
	e.sequence("answer", func() {
		e.int(request)
		e.value(v)
	})
}

// failure writes an error, within the lengths that the original accepts.
func (e *encoder) failure(request int64, err *CallError) {
	parents := []Value{}
	for _, p := range append(append([]string{err.Type}, err.Parents...), typeException, typeBase, typeObject) {
		if b := []byte(cut(p, 200)); len(parents) < 30 && !slices.ContainsFunc(parents, func(v Value) bool { return string(v.([]byte)) == string(b) }) {
			parents = append(parents, b)
		}
	}
	e.sequence("error", func() {
		e.int(request)
		e.value(Copyable{Class: failureClass, State: []Attribute{
			{"value", []byte(cut(err.Message, 1000))},
			{"type", []byte(cut(err.Type, 200))},
			{"traceback", []byte("Traceback unavailable\n")},
			{"parents", parents},
		}})
	})
}

// cut shortens text without cutting a character in two.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

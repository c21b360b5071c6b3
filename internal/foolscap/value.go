package foolscap

import (
	"context"
	"fmt"
	"slices"
)

// A Value is what calls and answers carry. It is one of
//
//	nil, bool, int64, *big.Int, float64,
//	[]byte (bytes), string (unicode text),
//	[]Value (a list), Tuple, Dict, Set, FrozenSet,
//	*Remote (an object of the other end), Object (one of ours), Copyable.
//
// int is accepted as an int64 on the way out. Whole numbers beyond an int64 arrive as *big.Int. An object of ours that comes
// back to us arrives as that Object.
type Value = any

// A Tuple is a list that its maker meant to be of fixed length.
type Tuple []Value

// A Pair is an entry of a Dict.
type Pair struct{ Key, Value Value }

// A Dict is a dictionary, in the order of the wire. Keys of what arrives are of a simple type, or tuples, and not there twice.
type Dict []Pair

// Get returns the value of a key that is this text, as unicode or as bytes.
func (d Dict) Get(key string) (Value, bool) {
	for _, p := range d {
		switch k := p.Key.(type) {
		case string:
			if k == key {
				return p.Value, true
			}
		case []byte:
			if string(k) == key {
				return p.Value, true
			}
		}
	}
	return nil, false
}

// A Set is a set that its maker may change.
type Set []Value

// A FrozenSet is a set that nobody changes.
type FrozenSet []Value

// A Copyable is an object that is passed by value: the name of its class and its attributes.
type Copyable struct {
	Class string
	State []Attribute
}

// An Attribute is one of a Copyable.
type Attribute struct {
	Name  string
	Value Value
}

// A Later is what an Object's Call may return in place of a value: the answer is what the function returns. It runs beside
// the calls that follow, whereas a Call that has not returned holds them up.
type Later func(ctx context.Context) (Value, error)

// An Object answers calls. The calls of one connection reach it in the order in which they were made, the next when the
// previous one has returned: a Call that waits long, or for the other end, returns a Later. Its ctx ends with the connection.
//
// A *CallError becomes a failure of its type at the other end; so does any other error, as a plain exception whose text says
// no more than that the call did not work.
type Object interface {
	Call(ctx context.Context, method string, args Args) (Value, error)
}

// An Interface is an Object that says which remote interface it has, by the name that the original's schemas go by, such as
// RIStorageServer.tahoe.allmydata.com.
type Interface interface {
	Object
	RemoteInterface() string
}

// Args are the arguments of a call.
type Args struct {
	Positional []Value
	Named      map[string]Value
}

// Named are arguments that all have names.
func Named(named map[string]Value) Args { return Args{Named: named} }

// Positional are arguments without names.
func Positional(values ...Value) Args { return Args{Positional: values} }

// Bind returns the arguments in the order of these names, however the caller has given them. The optional ones, which come
// behind the others, are nil when they are missing. The error is one for the caller.
func (a Args) Bind(required []string, optional ...string) ([]Value, error) {
	names := slices.Concat(required, optional)
	if len(a.Positional) > len(names) {
		return nil, badArguments("%d arguments without a name, and at most %d are known", len(a.Positional), len(names))
	}
	values := make([]Value, len(names))
	copy(values, a.Positional)
	given := len(a.Positional)
	for i, name := range names {
		v, ok := a.Named[name]
		switch {
		case ok && i < len(a.Positional):
			return nil, badArguments("the argument %s is there twice", name)
		case ok:
			values[i] = v
			given++
		case i >= len(a.Positional) && i < len(required):
			return nil, badArguments("the argument %s is missing", name)
		}
	}
	if given != len(a.Positional)+len(a.Named) {
		return nil, badArguments("there are arguments of unknown names")
	}
	return values, nil
}

func badArguments(format string, args ...any) error {
	return &CallError{Type: typeViolation, Message: fmt.Sprintf(format, args...)}
}

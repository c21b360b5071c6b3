package foolscap

import (
	"math/big"
	"unicode/utf8"
)

const (
	maxWord  = 64  // bytes of the word that says the type of a sequence
	maxClass = 256 // bytes of the name of a class, an attribute, an interface, a method or an argument
	maxURL   = 4096
)

// container reads the rest of a sequence that is a value.
func (d *decoder) container(depth int) (Value, error) {
	number, before := d.count-1, d.left
	if err := d.take(containerCost); err != nil {
		return nil, err
	}
	if depth >= d.limits.Depth {
		return nil, violates("more than %d containers in each other", d.limits.Depth)
	}
	word, err := d.text("the type of a sequence", maxWord)
	if err != nil {
		return nil, err
	}
	v, err := d.containerOf(word, depth+1)
	if err != nil {
		return nil, err
	}
	if refersBack(word) {
		d.seen[number] = built{v, before - d.left}
	}
	return v, nil
}

// refersBack says whether a sequence of this type may be met again as a reference to it.
func refersBack(word string) bool {
	switch word {
	case "list", "tuple", "dict", "set", "immutable-set", "copyable":
		return true
	}
	return false
}

func (d *decoder) containerOf(word string, depth int) (Value, error) {
	switch word {
	case "none":
		return nil, d.end("none")
	case "boolean":
		n, err := d.number("a boolean")
		if err != nil {
			return nil, err
		}
		return n != 0, d.end("a boolean")
	case "unicode":
		return d.unicode()
	case "list":
		return d.items(depth)
	case "tuple":
		items, err := d.items(depth)
		return Tuple(items), err
	case "set":
		items, err := d.items(depth)
		return Set(items), err
	case "immutable-set":
		items, err := d.items(depth)
		return FrozenSet(items), err
	case "dict":
		return d.dict(depth)
	case "copyable":
		return d.copyable(depth)
	case "reference":
		return d.reference()
	case "my-reference":
		return d.myReference()
	case "your-reference":
		return d.yourReference()
	case "their-reference":
		return nil, violates("a reference to an object of a third party, which this end does not accept")
	}
	return nil, violates("a value of unknown type %q", word)
}

func (d *decoder) items(depth int) ([]Value, error) {
	items := []Value{}
	for {
		tok, more, err := d.item()
		if err != nil || !more {
			return items, err
		}
		v, err := d.value(tok, depth)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
}

func (d *decoder) dict(depth int) (Value, error) {
	items, err := d.items(depth)
	if err != nil {
		return nil, err
	}
	if len(items)%2 != 0 {
		return nil, broken("a dictionary ends with a key")
	}
	out := make(Dict, 0, len(items)/2)
	keys := make(map[any]bool, len(items)/2)
	for ; len(items) > 0; items = items[2:] {
		key, ok := comparable(items[0])
		if !ok {
			return nil, violates("a dictionary with a key that cannot be one")
		}
		if key != nil && keys[key] {
			return nil, violates("a dictionary with the same key twice")
		}
		keys[key] = true
		out = append(out, Pair{items[0], items[1]})
	}
	return out, nil
}

// comparable returns what keys of dictionaries are told apart by; nil for a key that is not compared.
func comparable(key Value) (any, bool) {
	switch k := key.(type) {
	case int64, bool, float64, string:
		return k, true
	case []byte:
		return [1]string{string(k)}, true
	case *big.Int:
		return [2]string{k.String()}, true
	case nil:
		return [3]string{}, true
	case Tuple, FrozenSet, *Remote:
		return nil, true
	}
	return nil, false
}

func (d *decoder) unicode() (Value, error) {
	tok, more, err := d.item()
	if err != nil {
		return nil, err
	}
	if !more || tok.kind != tokString && tok.kind != tokVocab {
		return nil, broken("text is not a string")
	}
	v, err := d.value(tok, 0)
	if err != nil {
		return nil, err
	}
	b := v.([]byte)
	if !utf8.Valid(b) {
		return nil, violates("text is not UTF-8")
	}
	return string(b), d.end("text")
}

func (d *decoder) copyable(depth int) (Value, error) {
	class, err := d.text("the class of an object", maxClass)
	if err != nil {
		return nil, err
	}
	out := Copyable{Class: class}
	for {
		tok, more, err := d.item()
		if err != nil || !more {
			return out, err
		}
		name, err := d.textOf(tok, "the name of an attribute", maxClass)
		if err != nil {
			return nil, err
		}
		v, err := d.required("an attribute", depth)
		if err != nil {
			return nil, err
		}
		if err := d.take(itemCost + len(name)); err != nil {
			return nil, err
		}
		out.State = append(out.State, Attribute{name, v})
	}
}

// required reads a value that must be there.
func (d *decoder) required(what string, depth int) (Value, error) {
	tok, more, err := d.item()
	if err != nil {
		return nil, err
	}
	if !more {
		return nil, broken("%s has no value", what)
	}
	return d.value(tok, depth)
}

// reference reads a reference to a container of the same message, which costs what the container does: a small message cannot
// hold a large structure.
func (d *decoder) reference() (Value, error) {
	n, err := d.number("a reference")
	if err != nil {
		return nil, err
	}
	was, ok := d.seen[n]
	if !ok {
		return nil, violates("a reference to nothing, or to what is not complete")
	}
	if err := d.take(was.cost); err != nil {
		return nil, err
	}
	return was.value, d.end("a reference")
}

// myReference reads a reference to an object of the other end: a number and, the first time, its interface and perhaps its FURL.
func (d *decoder) myReference() (Value, error) {
	tok, more, err := d.item()
	if err != nil {
		return nil, err
	}
	if !more || tok.kind != tokInt && tok.kind != tokNeg {
		return nil, broken("the number of an object is not a number")
	}
	clid := tok.n
	if tok.kind == tokNeg {
		clid = -clid
	}
	var more2 [2]string
	for i, most := range []int64{maxClass, maxURL} {
		tok, more, err := d.item()
		if err != nil {
			return nil, err
		}
		if !more {
			return d.remote(clid, more2[0])
		}
		if more2[i], err = d.textOf(tok, "the interface or address of an object", most); err != nil {
			return nil, err
		}
	}
	if err := d.end("a reference"); err != nil {
		return nil, err
	}
	return d.remote(clid, more2[0])
}

func (d *decoder) remote(clid int64, iface string) (Value, error) {
	if clid == 0 {
		return nil, violates("a reference to the connection itself")
	}
	r, err := d.book.theirs(clid, iface)
	if err != nil {
		return nil, err
	}
	d.remotes = append(d.remotes, r)
	return r, nil
}

// yourReference reads a reference to an object of ours.
func (d *decoder) yourReference() (Value, error) {
	clid, err := d.number("the number of an object")
	if err != nil {
		return nil, err
	}
	if err := d.end("a reference"); err != nil {
		return nil, err
	}
	o, ok := d.book.ours(clid)
	if !ok {
		return nil, violates("object %d is not known here", clid)
	}
	return o, nil
}

package foolscap

import (
	"errors"
	"slices"
)

type messageKind int

const (
	msgNothing messageKind = iota // thrown away
	msgCall
	msgAnswer
	msgError
)

// A message is a call, or an answer of either kind.
type message struct {
	kind    messageKind
	request int64 // 0: no answer is wanted

	target int64  // of a call: the number of the object
	object Object // nil for 0, the connection itself
	method string
	args   Args

	value   Value        // of an answer
	failure *RemoteError // of an error

	refused error // a violation: the rest is empty
	cost    int   // of its quota
	remotes []*Remote
}

const (
	smallMessage = 64 * kib // of whoever holds none of our objects, and of an error
	maxFailure   = 16 * kib
)

// message reads a message. An error ends the connection.
func (d *decoder) message() (message, error) {
	tok, err := d.next()
	if err != nil {
		return message{}, err
	}
	if tok.kind != tokOpen {
		return message{}, broken("a message does not begin with an OPEN token")
	}
	d.seen, d.remotes = map[int64]built{}, nil
	m := message{}
	err = d.messageOf(&m)
	m.remotes = d.remotes
	d.seen, d.remotes = nil, nil // what is kept here would never be garbage
	if _, ok := errors.AsType[*violation](err); ok {
		m = d.violated(m, err)
		err = d.discard(0)
	}
	return m, err
}

// violated is what remains of a message that is not acceptable.
func (d *decoder) violated(m message, err error) message {
	for _, r := range m.remotes {
		r.Release()
	}
	if errors.Is(err, errAborted) && m.kind == msgCall {
		return message{} // the other end knows
	}
	return message{kind: m.kind, request: m.request, refused: err}
}

func (d *decoder) messageOf(m *message) error {
	word, err := d.text("the type of a message", maxWord)
	if err != nil {
		return err
	}
	switch word {
	case "call":
		return d.call(m)
	case "answer", "error":
		return d.answer(m, word == "error")
	}
	return violates("a message of unknown type %q", word)
}

func (d *decoder) call(m *message) error {
	var err error
	if m.request, err = d.number("the number of a call"); err != nil {
		return err
	}
	m.kind = msgCall
	d.left = d.book.quota()
	whole := d.left
	if err := d.callTarget(m); err != nil {
		return err
	}
	if m.method, err = d.text("the name of a method", maxClass); err != nil {
		return err
	}
	if err := d.arguments(m); err != nil {
		return err
	}
	m.cost = whole - d.left
	return d.end("a call")
}

func (d *decoder) callTarget(m *message) error {
	tok, more, err := d.item()
	if err != nil {
		return err
	}
	if !more || tok.kind != tokInt && tok.kind != tokNeg {
		return broken("the number of an object is not a number")
	}
	m.target = tok.n
	if tok.kind == tokNeg {
		m.target = -tok.n
	}
	if m.target == 0 {
		d.left = min(d.left, smallMessage)
		return nil
	}
	o, ok := d.book.ours(m.target)
	if !ok {
		return violates("object %d is not known here", m.target)
	}
	m.object = o
	return nil
}

func (d *decoder) arguments(m *message) error {
	tok, more, err := d.item()
	if err != nil {
		return err
	}
	if !more || tok.kind != tokOpen {
		return broken("a call without its arguments")
	}
	if word, err := d.text("the type of a sequence", maxWord); err != nil || word != "arguments" {
		return errors.Join(err, violates("a call with something else than arguments"))
	}
	count, err := d.number("the number of arguments")
	if err != nil {
		return err
	}
	for range count {
		v, err := d.required("an argument", 1)
		if err != nil {
			return err
		}
		m.args.Positional = append(m.args.Positional, v)
	}
	return d.namedArguments(m)
}

func (d *decoder) namedArguments(m *message) error {
	for {
		tok, more, err := d.item()
		if err != nil || !more {
			return err
		}
		name, err := d.textOf(tok, "the name of an argument", maxClass)
		if err != nil {
			return err
		}
		if err := d.take(containerCost + len(name)); err != nil {
			return err
		}
		v, err := d.required("an argument", 1)
		if err != nil {
			return err
		}
		if _, twice := m.args.Named[name]; twice {
			return violates("the argument %.50q is there twice", name)
		}
		if m.args.Named == nil {
			m.args.Named = map[string]Value{}
		}
		m.args.Named[name] = v
	}
}

func (d *decoder) answer(m *message, isError bool) error {
	request, err := d.number("the number of a call")
	if err != nil {
		return err
	}
	if !d.book.asked(request) {
		return violates("an answer to call %d, which was not made", request)
	}
	m.kind, m.request, d.left = msgAnswer, request, d.limits.Message
	if isError {
		m.kind, d.left = msgError, maxFailure*4
	}
	whole := d.left
	v, err := d.required("an answer", 0)
	if err != nil {
		return err
	}
	m.cost = whole - d.left
	if isError {
		if m.failure, err = failureOf(v); err != nil {
			return err
		}
	}
	m.value = v
	return d.end("an answer")
}

const failureClass = "twisted.python.failure.Failure"

// failureOf reads the object that a failure is sent as.
func failureOf(v Value) (*RemoteError, error) {
	c, ok := v.(Copyable)
	if !ok || c.Class != failureClass {
		return nil, violates("a failure is not of the class of failures")
	}
	e := &RemoteError{}
	for _, a := range c.State {
		switch a.Name {
		case "type":
			e.Type = textOf(a.Value)
		case "value":
			e.Message = textOf(a.Value)
		case "parents":
			parents, _ := a.Value.([]Value)
			for p := range slices.Values(parents) {
				e.Parents = append(e.Parents, textOf(p))
			}
		}
	}
	return e, nil
}

// textOf is a value that is text or bytes, or "".
func textOf(v Value) string {
	switch s := v.(type) {
	case string:
		return s
	case []byte:
		return string(s)
	}
	return ""
}

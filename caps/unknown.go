package caps

import (
	"fmt"
	"strings"
)

// A Constraint is what a place demands of the capability in it, or what the prefix of a capability says of it.
type Constraint uint8

// The constraints, each including those before it.
const (
	AnyPower      Constraint = iota
	ReadOnlyPower            // nothing can be changed with it; spelled "ro."
	DeepImmutable            // nothing that it reaches ever changes; spelled "imm."
)

const (
	readOnlyPrefix  = "ro."
	immutablePrefix = "imm."
)

func (c Constraint) prefix() string {
	switch c {
	case ReadOnlyPower:
		return readOnlyPrefix
	case DeepImmutable:
		return immutablePrefix
	}
	return ""
}

// cutConstraint cuts the prefix off.
func cutConstraint(s string) (Constraint, string) {
	if rest, ok := strings.CutPrefix(s, immutablePrefix); ok {
		return DeepImmutable, rest
	}
	if rest, ok := strings.CutPrefix(s, readOnlyPrefix); ok {
		return ReadOnlyPower, rest
	}
	return AnyPower, s
}

// Require says whether c fits where constraint holds: ErrNotImmutable or ErrTooPowerful when it does not. What only verifies fits
// everywhere. So does an Unknown, of which the contrary cannot be said; see its Constraint.
func Require(c Cap, constraint Constraint) error {
	s := secretOf(c)
	write, mutable := s.kind.writable(), s.kind.readable() && kinds[s.kind].mutable
	if s.kind == kindUnknown {
		write, mutable = futurePower(s.text)
	}
	switch {
	case constraint == DeepImmutable && mutable:
		return fmt.Errorf("%s: %w", s.abbrev(), ErrNotImmutable)
	case constraint == ReadOnlyPower && write:
		return fmt.Errorf("%s: %w", s.abbrev(), ErrTooPowerful)
	}
	return nil
}

// The two kinds of the future that everybody knows already, so that it can be tried how later ones will be treated.
const (
	futureWritable = "x-tahoe-future-test-writeable:"
	futureMutable  = "x-tahoe-future-test-mutable:"
)

func futurePower(text string) (write, mutable bool) {
	_, text = cutConstraint(text)
	write = strings.HasPrefix(text, futureWritable)
	return write, write || strings.HasPrefix(text, futureMutable)
}

// An Unknown is a capability of a kind that this version does not know. It can be kept and handed on, and nothing else.
type Unknown struct{ body }

// parseUnknown takes what some later version may have written.
func parseUnknown(s string) (Cap, error) {
	switch {
	case strings.HasPrefix(strings.ToLower(s), "uri%3a"):
		return nil, fmt.Errorf("%w: it is percent-encoded", ErrMalformed)
	case !strings.Contains(s, ":"):
		return nil, fmt.Errorf("%w: it does not begin with a kind and a colon, as URI:CHK: does", ErrMalformed)
	}
	u, err := newUnknown(s)
	if err != nil {
		return nil, err
	}
	return u, nil
}

// newUnknown refuses a text that is known to break what its prefix says.
func newUnknown(text string) (Unknown, error) {
	u := Unknown{seal(secret{kind: kindUnknown, text: text})}
	if err := Require(u, u.Constraint()); err != nil {
		return Unknown{}, err
	}
	return u, nil
}

// Constraint is what the prefix says of u. Whether it is true, nobody knows.
func (u Unknown) Constraint() Constraint {
	c, _ := cutConstraint(u.open().text)
	return c
}

// Constrained is u with a prefix that says at least constraint. A place that demands a constraint keeps unknown capabilities so,
// that a version which knows them can refuse them.
func (u Unknown) Constrained(constraint Constraint) (Unknown, error) {
	has, text := cutConstraint(u.open().text)
	if has >= constraint {
		return u, nil
	}
	return newUnknown(constraint.prefix() + text)
}

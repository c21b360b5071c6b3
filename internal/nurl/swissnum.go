package nurl

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strings"
	"unique"
)

const maxSwissnum = 256

// A Swissnum is the text that a server asks of its clients. It prints as "swissnum" however it is formatted; Reveal alone
// yields it. It lies behind a handle, so that a struct that holds one in an unexported field leaks nothing when printed.
type Swissnum struct {
	h unique.Handle[string]
}

// ParseSwissnum makes a swissnum of 1 to 256 characters that need no quoting in a URL: letters, digits, and - . _ ~
func ParseSwissnum(s string) (Swissnum, error) {
	if s == "" || len(s) > maxSwissnum {
		return Swissnum{}, fmt.Errorf("%w: swissnum of %d characters, not 1 to %d", ErrMalformed, len(s), maxSwissnum)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !hostRune(r) && r != '~' }) {
		return Swissnum{}, fmt.Errorf("%w: a swissnum has letters, digits, and - . _ ~ only", ErrMalformed)
	}
	return Swissnum{unique.Make(s)}, nil
}

// Reveal is the swissnum's text. The zero Swissnum has none.
func (s Swissnum) Reveal() string {
	if s == (Swissnum{}) {
		return ""
	}
	return s.h.Value()
}

// Equal compares two swissnums in a time that depends on their lengths alone.
func (s Swissnum) Equal(t Swissnum) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// Format writes "swissnum", whatever the verb.
func (s Swissnum) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("swissnum")) }

// LogValue is "swissnum".
func (s Swissnum) LogValue() slog.Value { return slog.StringValue("swissnum") }

// MarshalText gives "swissnum": no encoder that finds a Swissnum writes more.
func (s Swissnum) MarshalText() ([]byte, error) { return []byte("swissnum"), nil }

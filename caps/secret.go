package caps

import (
	"fmt"
	"log/slog"
	"unique"

	"tahoe/storage"
)

// A secret is all that a capability holds. Which fields mean something follows from the kind.
type secret struct {
	kind      kind
	directory bool
	key       [keySize]byte  // of a CHK to read, of a mutable file to write or to read; zero in what only verifies
	hash      [hashSize]byte // of the UEB, or the fingerprint of a mutable file's public key
	index     storage.Index  // follows from the key
	needed    int
	total     int
	size      int64
	text      string // a literal's data, or an unknown capability
}

const (
	keySize  = 16
	hashSize = 32
)

// A body is what all capabilities are made of. The secret lies behind a handle, so that whatever looks at a capability without
// asking its methods, as fmt does with an unexported field, finds an address. It is behind two of them because fmt follows
// one: it prints what a pointer points to when the verb is none for pointers, as %s is.
type body struct {
	h unique.Handle[cover]
}

// A cover is the outer of the two. It is wider than it need be: the collector keeps a list of all handles in a page, and
// goes through it for each new one.
type cover struct {
	h unique.Handle[secret]
	_ [31]uintptr
}

func seal(s secret) body { return body{unique.Make(cover{h: unique.Make(s)})} }

// open returns what b holds: nothing when it is the zero value.
func (b body) open() secret {
	if b == (body{}) {
		return secret{}
	}
	return b.h.Value().h.Value()
}

func (body) sealed() {}

// Encode is the secret text of the capability.
func (b body) Encode() string { return b.open().encode() }

// String is the same as Abbrev.
func (b body) String() string { return b.open().abbrev() }

// Format writes what String returns, whatever the verb.
func (b body) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(b.String())) }

// LogValue is what String returns.
func (b body) LogValue() slog.Value { return slog.StringValue(b.String()) }

// MarshalText gives what String returns: no encoder that finds a capability writes more.
func (b body) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// abbrev tells apart without giving away. Of a literal the data is the secret, of an unknown capability any part may be.
func (s secret) abbrev() string {
	name := s.name()
	switch s.kind {
	case kindNone:
		return name
	case kindLiteral, kindUnknown:
		return fmt.Sprintf("%s(%d bytes)", name, len(s.text))
	}
	return fmt.Sprintf("%s(%s)", name, s.index.Abbrev())
}

func (s secret) name() string {
	if s.directory {
		return kinds[s.kind].directory
	}
	return kinds[s.kind].file
}

// cap gives s the type that its kind has.
func (s secret) cap() Cap {
	b := seal(s)
	switch k := s.kind; {
	case k == kindUnknown:
		return Unknown{b}
	case s.directory && k.writable():
		return DirectoryWrite{b}
	case s.directory && k.readable():
		return DirectoryRead{b}
	case s.directory:
		return DirectoryVerify{b}
	case k == kindLiteral:
		return Literal{b}
	case k == kindCHK:
		return CHK{b}
	case k == kindCHKVerify:
		return CHKVerify{b}
	case k.writable():
		return MutableWrite{b}
	case k.readable():
		return MutableRead{b}
	default:
		return MutableVerify{b}
	}
}

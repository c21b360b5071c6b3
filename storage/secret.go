package storage

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"unique"
)

// SecretSize is the size of a lease secret and of a write enabler in bytes.
const SecretSize = 32

// A Secret is a lease secret or a write enabler. It prints as "secret" however it is formatted; Bytes alone yields it.
// Its bytes lie behind two handles, so that a struct that holds one in an unexported field leaks nothing when printed:
// fmt follows one pointer to an array when the verb does not fit.
type Secret struct {
	h unique.Handle[unique.Handle[[SecretSize]byte]]
}

// NewSecret makes a secret of its 32 bytes.
func NewSecret(b [SecretSize]byte) Secret { return Secret{unique.Make(unique.Make(b))} }

// ParseSecret makes a secret of b, which must have 32 bytes: ErrMalformed otherwise.
func ParseSecret(b []byte) (Secret, error) {
	if len(b) != SecretSize {
		return Secret{}, fmt.Errorf("secret of %d bytes, not %d: %w", len(b), SecretSize, ErrMalformed)
	}
	return NewSecret([SecretSize]byte(b)), nil
}

// Bytes returns the secret. The zero Secret is 32 zero bytes.
func (s Secret) Bytes() [SecretSize]byte {
	if s == (Secret{}) {
		return [SecretSize]byte{}
	}
	return s.h.Value().Value()
}

// Equal compares two secrets in constant time.
func (s Secret) Equal(t Secret) bool {
	a, b := s.Bytes(), t.Bytes()
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Format writes "secret", whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("secret")) }

// LogValue is "secret".
func (s Secret) LogValue() slog.Value { return slog.StringValue("secret") }

// MarshalText gives "secret": no encoder that finds a Secret writes more.
func (s Secret) MarshalText() ([]byte, error) { return []byte("secret"), nil }

package caps

import (
	"errors"
	"fmt"
	"log/slog"

	"tahoe/internal/taghash"
	"tahoe/storage"
)

// maxShares is the most shares that a file can have.
const maxShares = storage.MaxShares

// CHKParams are what a CHK is made of. They are secret and print as such, but only where their methods can be seen: do not
// keep them in an unexported field.
type CHKParams struct {
	Key           [16]byte
	UEBHash       [32]byte
	Needed, Total int
	Size          int64
}

// Format hides the key, whatever the verb.
func (p CHKParams) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(p.redacted())) }

// LogValue hides the key.
func (p CHKParams) LogValue() slog.Value { return slog.StringValue(p.redacted()) }

// MarshalText hides the key.
func (p CHKParams) MarshalText() ([]byte, error) { return []byte(p.redacted()), nil }

func (p CHKParams) redacted() string { return p.secret().abbrev() }

func (p CHKParams) secret() secret {
	s := secret{kind: kindCHK, key: p.Key, hash: p.UEBHash, needed: p.Needed, total: p.Total, size: p.Size}
	s.setIndex()
	return s
}

// A CHK allows to read an immutable file.
type CHK struct{ body }

// NewCHK makes the capability of an immutable file. Numbers that no file can have are ErrMalformed.
func NewCHK(p CHKParams) (CHK, error) {
	if err := checkCounts(p.Needed, p.Total); err != nil {
		return CHK{}, malformed(kinds[kindCHK].file, "%w", err)
	}
	if p.Size < 0 {
		return CHK{}, malformed(kinds[kindCHK].file, "the size is negative")
	}
	return CHK{seal(p.secret())}, nil
}

func checkCounts(needed, total int) error {
	switch {
	case needed < 1:
		return errors.New("no shares are needed")
	case total > maxShares:
		return fmt.Errorf("there are more than %d shares in total", maxShares)
	case needed > total:
		return errors.New("more shares are needed than there are in total")
	}
	return nil
}

// Key decrypts the file.
func (c CHK) Key() [16]byte { return c.open().key }

// UEBHash is the hash of the file's URI extension block, from which all else is verified.
func (c CHK) UEBHash() [32]byte { return c.open().hash }

// Needed is the number of shares that rebuild the file.
func (c CHK) Needed() int { return c.open().needed }

// Total is the number of shares that were made.
func (c CHK) Total() int { return c.open().total }

// Size is the size of the file in bytes.
func (c CHK) Size() int64 { return c.open().size }

// Index names the shares.
func (c CHK) Index() storage.Index { return c.open().index }

// Verify gives up reading.
func (c CHK) Verify() (Verify, bool) { return c.open().verifier() }

// A CHKVerify allows to verify an immutable file.
type CHKVerify struct{ body }

func (CHKVerify) verifies() {}

// UEBHash is the hash of the file's URI extension block, from which all else is verified.
func (c CHKVerify) UEBHash() [32]byte { return c.open().hash }

// Needed is the number of shares that rebuild the file.
func (c CHKVerify) Needed() int { return c.open().needed }

// Total is the number of shares that were made.
func (c CHKVerify) Total() int { return c.open().total }

// Size is the size of the file in bytes.
func (c CHKVerify) Size() int64 { return c.open().size }

// Index names the shares.
func (c CHKVerify) Index() storage.Index { return c.open().index }

// MaxLiteral is the size of the largest file that is kept in its capability, in bytes.
const MaxLiteral = 55

// A Literal is a whole small file. It allows to read it, as its data is in the capability.
type Literal struct{ body }

// NewLiteral makes the capability of a file with this data, at most MaxLiteral bytes: ErrMalformed otherwise.
func NewLiteral(data []byte) (Literal, error) {
	if len(data) > MaxLiteral {
		return Literal{}, malformed(kinds[kindLiteral].file, "more than the %d bytes that a literal may hold", MaxLiteral)
	}
	return Literal{seal(secret{kind: kindLiteral, text: string(data)})}, nil
}

// Data is the file. The caller owns it.
func (c Literal) Data() []byte { return []byte(c.open().text) }

// Size is the size of the file in bytes.
func (c Literal) Size() int64 { return int64(len(c.open().text)) }

// Verify is false: there is nothing to verify.
func (Literal) Verify() (Verify, bool) { return nil, false }

// verifier is s without the power to read.
func (s secret) verifier() (Verify, bool) {
	less, ok := s.verifying()
	if !ok {
		return nil, false
	}
	v, ok := less.cap().(Verify)
	return v, ok
}

// verifying is what is left of s without the power to read. It is false where there is nothing to verify.
func (s secret) verifying() (secret, bool) {
	k := kinds[s.kind].verify
	if k == kindNone {
		return secret{}, false
	}
	s.kind, s.key = k, [keySize]byte{}
	return s, true
}

// reader is s without the power to write.
func (s secret) reader() Read {
	if s.kind.writable() {
		s.kind, s.key = kinds[s.kind].read, taghash.ReadKey(s.key)
	}
	r, _ := s.cap().(Read)
	return r
}

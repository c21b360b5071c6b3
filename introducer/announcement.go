package introducer

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tahoe/internal/base32"
)

var (
	// ErrBadSignature is wrapped by the refusal of an announcement whose signature is not one of its key for its message.
	ErrBadSignature = errors.New("the signature of the announcement is not right")
	// ErrMalformed is wrapped by the refusal of what is no announcement.
	ErrMalformed = errors.New("malformed announcement")
	// ErrStale is the refusal of an announcement that is not newer than the one of the same service and key.
	ErrStale = errors.New("the announcement is older than the one that is known")
	// ErrFull is the refusal of an announcement for which there is no room.
	ErrFull = errors.New("too many announcements")
)

const (
	prefix       = "v0-"
	maxMessage   = 64 << 10 // bytes
	maxService   = 64       // bytes of a service's name
	signatureLen = 103      // base32 characters of 64 bytes
	keyLen       = 52       // base32 characters of 32 bytes
)

// A Signed is an announcement as it travels. Nothing is known of it: Verify finds out.
type Signed struct {
	Message   []byte // a JSON object
	Signature []byte // "v0-…"
	Key       []byte // "v0-…"
}

// A Verified is an announcement that its key has signed. Only Signed.Verify and Sign make one. It cannot be changed.
type Verified struct {
	signed   Signed
	service  string
	nickname string
	version  string
	seqnum   int64
	counted  bool // it has a seqnum
}

// Verify checks the announcement, and returns what can be relied on: that the holder of the key said so, once. The bytes
// are the Verified's from then on.
func (s Signed) Verify() (*Verified, error) {
	if len(s.Message) > maxMessage {
		return nil, fmt.Errorf("%w: its message has %d bytes, and at most %d are allowed", ErrMalformed, len(s.Message), maxMessage)
	}
	signature, err := versioned("signature", s.Signature, signatureLen)
	if err != nil {
		return nil, err
	}
	key, err := versioned("key", s.Key, keyLen)
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(key, s.Message, signature) {
		return nil, ErrBadSignature
	}
	return s.read()
}

// versioned is what stands in base32 behind "v0-".
func versioned(what string, text []byte, chars int) ([]byte, error) {
	if len(text) != len(prefix)+chars || string(text[:len(prefix)]) != prefix {
		return nil, fmt.Errorf("%w: its %s is not %s and %d characters of base32", ErrMalformed, what, prefix, chars)
	}
	b, err := base32.Decode(string(text[len(prefix):]))
	if err != nil {
		return nil, fmt.Errorf("%w: its %s: %w", ErrMalformed, what, err)
	}
	return b, nil
}

// read takes the message apart, whose signature is right.
func (s Signed) read() (*Verified, error) {
	if !utf8.Valid(s.Message) {
		return nil, fmt.Errorf("%w: its message is not UTF-8", ErrMalformed)
	}
	if err := checkShape(s.Message); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(s.Message, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("%w: its message is not a JSON object", ErrMalformed)
	}
	v := &Verified{signed: s, service: text(fields["service-name"])}
	if v.service == "" || len(v.service) > maxService || strings.ContainsFunc(v.service, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return nil, fmt.Errorf("%w: its service-name is missing or not a name of at most %d bytes", ErrMalformed, maxService)
	}
	v.nickname, v.version = text(fields["nickname"]), text(fields["my-version"])
	v.counted = json.Unmarshal(fields["seqnum"], &v.seqnum) == nil && string(fields["seqnum"]) != "null"
	return v, nil
}

// text is a JSON string, or "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// Sign makes an announcement of the table, which holds at least "service-name" and "seqnum". The key is "v0-…", and sign
// signs with its private half.
func Sign(table map[string]any, key string, sign func(message []byte) []byte) (*Verified, error) {
	message, err := json.Marshal(table)
	if err != nil {
		return nil, fmt.Errorf("make announcement: %w", err)
	}
	s := Signed{Message: message, Signature: []byte(prefix + base32.Encode(sign(message))), Key: []byte(key)}
	return s.Verify()
}

// Signed is the announcement as it travels. Its bytes are not to be changed.
func (v *Verified) Signed() Signed { return v.signed }

// Service is the name of what is announced.
func (v *Verified) Service() string { return v.service }

// Key is the public key of who announces it, "v0-…".
func (v *Verified) Key() string { return string(v.signed.Key) }

// Nickname is what it is called by itself; strangers choose it.
func (v *Verified) Nickname() string { return v.nickname }

// Version is the software that it names; strangers choose it.
func (v *Verified) Version() string { return v.version }

// Seqnum counts the announcer's changes; false when the announcement has none.
func (v *Verified) Seqnum() (int64, bool) { return v.seqnum, v.counted }

// size is about the memory that it takes.
func (v *Verified) size() int {
	const rest = 512
	return len(v.signed.Message) + len(v.nickname) + len(v.version) + rest
}

// supersedes says whether it may take the place of another one of the same service and key: whoever has counted once has
// to count on.
func (v *Verified) supersedes(old *Verified) bool {
	return !old.counted || v.counted && v.seqnum > old.seqnum
}

// Table is the whole announcement, made anew each time. Whole numbers are of type int64, others float64.
func (v *Verified) Table() map[string]any { return tableOf(v.signed.Message) }

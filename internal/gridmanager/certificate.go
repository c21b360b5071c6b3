// Package gridmanager holds the certificates by which a grid manager says which storage servers clients should upload to:
// keys, certificates and their verification, and the directory in which a manager is kept. It is for the command
// grid-manager, for clients, which place shares, and for storage nodes, which announce their certificates.
//
// A certificate is a JSON object of two texts. The one is signed, byte for byte, with the manager's Ed25519 key, and is
// itself JSON; the other is the signature in base32:
//
//	{"certificate": "{\"expires\":\"2027-01-02T03:04:05.678901+00:00\",\"public_key\":\"pub-v0-…\",\"version\":1}",
//	 "signature": "…"}
//
// public_key is that of the storage server, expires the moment from which the certificate says nothing any more.
//
// The invariant: only Signed.Verify makes a Certificate of bytes that others wrote, so that whoever holds one holds what a
// manager signed.
package gridmanager

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tahoe/internal/base32"
	"tahoe/internal/pyjson"
)

// MaxCertificate is the size of the largest certificate that is read. They have about 330 bytes.
const MaxCertificate = 16 << 10

// version is the only version of certificates that there is.
const version = 1

// The errors that callers branch on.
var (
	ErrMalformed = errors.New("not a grid manager's certificate")
	ErrSignature = errors.New("the certificate was not signed with this grid manager's key")
)

// A Signed is a certificate as it travels, of which nobody knows yet who signed it.
type Signed struct {
	text      string // what is signed
	signature string // the bytes
}

// ParseSigned reads a certificate: an object with the two members, and no others.
func ParseSigned(b []byte) (Signed, error) {
	if len(b) > MaxCertificate {
		return Signed{}, fmt.Errorf("it has %d bytes, and no certificate has more than %d: %w", len(b), MaxCertificate, ErrMalformed)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil || members == nil {
		return Signed{}, fmt.Errorf("it is not a JSON object: %w", ErrMalformed)
	}
	text, okText := stringOf(members["certificate"])
	digits, okDigits := stringOf(members["signature"])
	if len(members) != 2 || !okText || !okDigits {
		return Signed{}, fmt.Errorf("it must have two members, the texts certificate and signature: %w", ErrMalformed)
	}
	signature, err := base32.Decode(digits)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return Signed{}, fmt.Errorf("its signature is not %d bytes in base32: %w", ed25519.SignatureSize, ErrMalformed)
	}
	return Signed{text, string(signature)}, nil
}

// stringOf reads a JSON text.
func stringOf(raw json.RawMessage) (string, bool) {
	var s *string
	err := json.Unmarshal(raw, &s)
	if err != nil || s == nil {
		return "", false
	}
	return *s, true
}

// MarshalJSON is the certificate on one line, as ParseSigned reads it.
func (s Signed) MarshalJSON() ([]byte, error) { return s.append(""), nil }

// Indented is the certificate as the original's grid-manager prints it, without a newline at its end.
func (s Signed) Indented() []byte { return s.append("    ") }

func (s Signed) append(indent string) []byte {
	b, _ := pyjson.Append(nil, pyjson.Object{{Key: "certificate", Value: s.text}, {Key: "signature", Value: base32.Encode([]byte(s.signature))}}, indent) // texts can be written
	return b
}

// Verify returns what the manager with this key signed: ErrSignature when that was somebody else. It does not look at a
// clock.
func (s Signed) Verify(manager PublicKey) (Certificate, error) {
	if !ed25519.Verify(manager.key[:], []byte(s.text), []byte(s.signature)) {
		return Certificate{}, ErrSignature
	}
	return parseCertificate(s.text)
}

// A Certificate says that a server is one to upload to.
type Certificate struct {
	Server  PublicKey
	Expires time.Time
}

// Valid says whether the certificate holds for the server at a moment.
func (c Certificate) Valid(server PublicKey, now time.Time) bool {
	return c.Server == server && c.Expires.After(now)
}

// Sign signs a certificate. Its end is kept to the microsecond.
func (k PrivateKey) Sign(c Certificate) Signed {
	text := fmt.Sprintf(`{"expires":"%s","public_key":"%s","version":%d}`, c.Expires.UTC().Format(isoLayout(c.Expires)), c.Server, version)
	return Signed{text, string(ed25519.Sign(k.signer(), []byte(text)))}
}

// isoLayout is how Python's isoformat writes a time: with its microseconds, unless there are none.
func isoLayout(t time.Time) string {
	if t.Nanosecond() < int(time.Microsecond) {
		return "2006-01-02T15:04:05-07:00"
	}
	return "2006-01-02T15:04:05.000000-07:00"
}

// parseCertificate reads the text of a certificate whose signature is right.
func parseCertificate(text string) (Certificate, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return Certificate{}, fmt.Errorf("what is signed is not a JSON object: %w", ErrMalformed)
	}
	if !bytes.Equal(members["version"], fmt.Append(nil, version)) {
		return Certificate{}, fmt.Errorf("it is of another version than %d, the only one known: %w", version, ErrMalformed)
	}
	key, _ := stringOf(members["public_key"])
	server, err := ParsePublicKey(key)
	if err != nil {
		return Certificate{}, fmt.Errorf("its public_key: %w: %w", err, ErrMalformed)
	}
	moment, _ := stringOf(members["expires"])
	expires, err := parseTime(moment)
	if err != nil {
		return Certificate{}, fmt.Errorf("its expires is not a time with a zone, such as 2027-01-02T03:04:05+00:00: %w", ErrMalformed)
	}
	return Certificate{server, expires}, nil
}

// parseTime reads a time as Python writes one. A time without a zone is refused: nobody knows when it is.
func parseTime(s string) (t time.Time, err error) {
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00"} {
		if t, err = time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return t, err
}

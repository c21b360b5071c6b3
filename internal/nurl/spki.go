package nurl

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"fmt"
)

// An SPKI is the SHA-256 of a public key in the form in which certificates hold it (RFC 7469). Whoever proves to have
// that key is the server, whatever else its certificate says.
type SPKI [sha256.Size]byte

var spkiText = base64.RawURLEncoding.Strict()

// HashSPKI is the hash of the key that a certificate is about.
func HashSPKI(c *x509.Certificate) SPKI { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// ParseSPKI reads what String writes: 43 characters of base64 for URLs, without padding.
func ParseSPKI(s string) (SPKI, error) {
	if len(s) != spkiText.EncodedLen(sha256.Size) {
		return SPKI{}, fmt.Errorf("%w: hash of the server's key has %d characters, not 43", ErrMalformed, len(s))
	}
	b, err := spkiText.DecodeString(s)
	if err != nil || len(b) != sha256.Size {
		return SPKI{}, fmt.Errorf("%w: hash of the server's key is not base64 for URLs", ErrMalformed)
	}
	return SPKI(b), nil
}

// String is the hash as in NURLs.
func (h SPKI) String() string { return spkiText.EncodeToString(h[:]) }

// Equal compares two hashes in constant time.
func (h SPKI) Equal(t SPKI) bool { return subtle.ConstantTimeCompare(h[:], t[:]) == 1 }

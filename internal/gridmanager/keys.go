package gridmanager

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"unique"

	"tahoe/internal/base32"
)

const (
	publicPrefix  = "pub-v0-"
	privatePrefix = "priv-v0-"
)

// ErrKey is in the error of a text that is no key.
var ErrKey = errors.New("not a key")

// A PublicKey names a grid manager or a storage server. It can be compared.
type PublicKey struct{ key [ed25519.PublicKeySize]byte }

// ParsePublicKey reads what String writes: "pub-v0-" and 52 characters, as in node.pubkey. The shorter form "v0-…" of
// announcements will do too.
func ParsePublicKey(text string) (PublicKey, error) {
	digits, ok := strings.CutPrefix(strings.TrimPrefix(text, "pub-"), "v0-")
	b, err := base32.Decode(digits)
	if !ok || err != nil || len(b) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("a public key is %s and 52 letters and digits, as in the file node.pubkey: %w", publicPrefix, ErrKey)
	}
	return PublicKey{[ed25519.PublicKeySize]byte(b)}, nil
}

// String is the key as the original writes it.
func (k PublicKey) String() string { return publicPrefix + base32.Encode(k.key[:]) }

// A PrivateKey signs. It prints as its public key, whatever prints it; only Encode yields the secret.
type PrivateKey struct {
	seed unique.Handle[[ed25519.SeedSize]byte]
}

// NewPrivateKey makes a key by chance.
func NewPrivateKey() PrivateKey {
	var seed [ed25519.SeedSize]byte
	_, _ = rand.Read(seed[:]) // cannot fail
	return PrivateKey{unique.Make(seed)}
}

// ParsePrivateKey reads what Encode wrote. Its error quotes nothing.
func ParsePrivateKey(text string) (PrivateKey, error) {
	digits, ok := strings.CutPrefix(text, privatePrefix)
	b, err := base32.Decode(digits)
	if !ok || err != nil || len(b) != ed25519.SeedSize {
		return PrivateKey{}, fmt.Errorf("a private key is %s and 52 letters and digits: %w", privatePrefix, ErrKey)
	}
	return PrivateKey{unique.Make([ed25519.SeedSize]byte(b))}, nil
}

// Encode is the secret text of the key.
func (k PrivateKey) Encode() string {
	seed := k.seed.Value()
	return privatePrefix + base32.Encode(seed[:])
}

// Public is the key that others know.
func (k PrivateKey) Public() PublicKey {
	return PublicKey{[ed25519.PublicKeySize]byte(k.signer().Public().(ed25519.PublicKey))}
}

func (k PrivateKey) signer() ed25519.PrivateKey {
	seed := k.seed.Value()
	return ed25519.NewKeyFromSeed(seed[:])
}

// Format writes the public key, whatever the verb.
func (k PrivateKey) Format(f fmt.State, _ rune) {
	if k == (PrivateKey{}) {
		_, _ = io.WriteString(f, "no private key")
		return
	}
	_, _ = io.WriteString(f, "private key of "+k.Public().String())
}

// MarshalText gives what Format writes, so that no encoder writes more.
func (k PrivateKey) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

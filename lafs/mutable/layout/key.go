package layout

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"log/slog"

	"tahoe/caps"
	"tahoe/internal/taghash"
)

// KeyBits is the size of the keys that writers use.
const KeyBits = 2048

func pssOptions() *rsa.PSSOptions { return &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256} }

// A PublicKey is the public key of a mutable file.
type PublicKey struct {
	key *rsa.PublicKey
	der []byte
}

// ParsePublicKey reads a public key as shares hold it. It must be the one with this fingerprint.
func ParsePublicKey(der []byte, fingerprint taghash.Hash) (*PublicKey, error) {
	if taghash.Fingerprint(der) != fingerprint {
		return nil, corrupt(PartPublicKey, "it is not the key that the capability names")
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, corrupt(PartPublicKey, "%v", err)
	}
	key, ok := k.(*rsa.PublicKey)
	if !ok {
		return nil, corrupt(PartPublicKey, "it is a %T, not an RSA key", k)
	}
	return &PublicKey{key: key, der: der}, nil
}

// DER is the key as shares hold it.
func (k *PublicKey) DER() []byte { return k.der }

// Fingerprint is what capabilities know of the key.
func (k *PublicKey) Fingerprint() taghash.Hash { return taghash.Fingerprint(k.der) }

// Verify checks the signature of a prefix.
func (k *PublicKey) Verify(p Prefix, signature []byte) error {
	digest := sha256.Sum256(p.Encode())
	if err := rsa.VerifyPSS(k.key, crypto.SHA256, digest[:], signature, pssOptions()); err != nil {
		return corrupt(PartSignature, "it does not belong to this header")
	}
	return nil
}

// A PrivateKey is the private key of a mutable file, and all authority over it. It prints as "private key".
type PrivateKey struct {
	open   func() privateKey // behind a function, which fmt does not call
	public *PublicKey
}

type privateKey struct {
	key *rsa.PrivateKey
	der []byte
}

// NewPrivateKey takes a key of 2048 bits.
func NewPrivateKey(k *rsa.PrivateKey) (*PrivateKey, error) {
	if n := k.N.BitLen(); n != KeyBits {
		return nil, fmt.Errorf("RSA key has %d bits; keys of mutable files have %d", n, KeyBits)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("encoding private key: %w", err)
	}
	return newPrivateKey(k, der)
}

func newPrivateKey(k *rsa.PrivateKey, der []byte) (*PrivateKey, error) {
	public, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encoding public key: %w", err)
	}
	return &PrivateKey{
		open:   func() privateKey { return privateKey{key: k, der: der} },
		public: &PublicKey{key: &k.PublicKey, der: public},
	}, nil
}

// parsePKCS8 says nothing of what der holds.
func parsePKCS8(der []byte) (*rsa.PrivateKey, error) {
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("private key of %d bytes is not an RSA key in DER", len(der))
	}
	key, ok := k.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("private key is not an RSA key")
	}
	return key, nil
}

// DecryptPrivateKey reads a key as shares hold it. It must be the one with this write key.
func DecryptPrivateKey(writeKey [16]byte, encrypted []byte) (*PrivateKey, error) {
	der := make([]byte, len(encrypted))
	xorKeyStream(writeKey, der, encrypted)
	if is := taghash.WriteKey(der); subtle.ConstantTimeCompare(is[:], writeKey[:]) != 1 {
		return nil, corrupt(PartPrivateKey, "it is not the key that the capability names")
	}
	k, err := parsePKCS8(der)
	if err != nil {
		return nil, corrupt(PartPrivateKey, "%v", err)
	}
	return newPrivateKey(k, der)
}

// Encrypted is the key as shares hold it.
func (k *PrivateKey) Encrypted() []byte {
	der := k.open().der
	b := make([]byte, len(der))
	xorKeyStream(k.WriteKey(), b, der)
	return b
}

// WriteKey is the write key of the file with this key.
func (k *PrivateKey) WriteKey() [16]byte { return taghash.WriteKey(k.open().der) }

// Public is the other half of the key.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Cap is the capability of the file with this key.
func (k *PrivateKey) Cap(f caps.Format) caps.MutableWrite {
	return caps.NewMutableWrite(f, k.WriteKey(), k.public.Fingerprint())
}

// Sign signs a prefix.
func (k *PrivateKey) Sign(p Prefix) ([]byte, error) {
	digest := sha256.Sum256(p.Encode())
	signature, err := rsa.SignPSS(rand.Reader, k.open().key, crypto.SHA256, digest[:], pssOptions())
	if err != nil {
		return nil, fmt.Errorf("signing a version: %w", err)
	}
	return signature, nil
}

// Format writes "private key", whatever the verb.
func (k *PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("private key")) }

// LogValue is "private key".
func (k *PrivateKey) LogValue() slog.Value { return slog.StringValue("private key") }

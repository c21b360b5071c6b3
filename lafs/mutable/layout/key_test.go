package layout_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/mutable/layout"
)

const vectorsFile = "../../../../shared/vectors/capabilities.json"

// The capabilities of 240 mutable files, from their private keys, and back from the key as their shares hold it.
func TestCapabilitiesOfKeys(t *testing.T) {
	b, err := os.ReadFile(vectorsFile)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not there", vectorsFile)
	}
	var v struct {
		RSA   map[string][]byte // PKCS #1 in DER
		Cases []struct{ Kind, Format, RSA, Expected string }
	}
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, c := range v.Cases {
		if c.Kind != "ssk" {
			continue
		}
		tried++
		k, err := x509.ParsePKCS1PrivateKey(v.RSA[c.RSA])
		if err != nil {
			t.Fatalf("%s: %v", c.RSA, err)
		}
		key, err := layout.NewPrivateKey(k)
		if err != nil {
			t.Fatalf("%s: %v", c.RSA, err)
		}
		f := caps.SDMF
		if c.Format == "mdmf" {
			f = caps.MDMF
		}
		if got := key.Cap(f).Encode(); got != c.Expected {
			t.Errorf("%s, %v: got %s, want %s", c.RSA, f, got, c.Expected)
		}
		again, err := layout.DecryptPrivateKey(key.WriteKey(), key.Encrypted())
		if err != nil || again.Cap(f) != key.Cap(f) {
			t.Errorf("%s: the key that shares would hold: %v", c.RSA, err)
		}
	}
	if tried != 240 {
		t.Errorf("tried %d cases, want 240", tried)
	}
}

var testKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, layout.KeyBits) })

func newKey(t testing.TB) *layout.PrivateKey {
	t.Helper()
	k, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := layout.NewPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSignature(t *testing.T) {
	key := newKey(t)
	public, err := layout.ParsePublicKey(key.Public().DER(), key.Public().Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		p := geometry(t, f, 3, 10, 1000).Prefix(layout.Checkstring{Seqnum: 3, Root: taghash.Hash{1}})
		signature, err := key.Sign(p)
		if err != nil || len(signature) != layout.KeyBits/8 {
			t.Fatalf("signature of %d bytes, %v", len(signature), err)
		}
		if err := public.Verify(p, signature); err != nil {
			t.Errorf("%v: %v", f, err)
		}
		for name, change := range map[string]func(p *layout.Prefix){
			"seqnum": func(p *layout.Prefix) { p.Seqnum++ },
			"root":   func(p *layout.Prefix) { p.Root[31] ^= 1 },
			"N":      func(p *layout.Prefix) { p.Total++ },
			"size":   func(p *layout.Prefix) { p.Size++ },
		} {
			q := p
			change(&q)
			if err := public.Verify(q, signature); !isCorrupt(err) {
				t.Errorf("%v with another %s: %v", f, name, err)
			}
		}
	}
}

// Old writers made keys with the public exponent 17 and the smaller of the possible private exponents. Their encoding is kept
// as it is, since the capability is a hash of it.
func TestOldKeys(t *testing.T) {
	k, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	p1, q1 := new(big.Int).Sub(k.Primes[0], big.NewInt(1)), new(big.Int).Sub(k.Primes[1], big.NewInt(1))
	lcm := new(big.Int).Mul(p1, q1)
	lcm.Div(lcm, new(big.Int).GCD(nil, nil, p1, q1))
	old := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: k.N, E: 17}, Primes: k.Primes}
	if old.D = new(big.Int).ModInverse(big.NewInt(17), lcm); old.D == nil {
		t.Skip("17 is no exponent for this key") // one key in eight
	}
	old.Precompute()
	der, err := x509.MarshalPKCS8PrivateKey(old)
	if err != nil {
		t.Fatal(err)
	}
	key, err := layout.NewPrivateKey(old)
	if err != nil {
		t.Fatal(err)
	}
	if key.WriteKey() != taghash.WriteKey(der) {
		t.Error("the key got another encoding")
	}
	key, err = layout.DecryptPrivateKey(key.WriteKey(), key.Encrypted())
	if err != nil {
		t.Fatal(err)
	}
	p := geometry(t, caps.SDMF, 3, 10, 1).Prefix(layout.Checkstring{})
	signature, err := key.Sign(p)
	if err == nil {
		err = key.Public().Verify(p, signature)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestKeysRefused(t *testing.T) {
	key := newKey(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curveDER, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	curvePublic, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	junk := []byte("no key at all")
	encrypted := key.Encrypted()
	encrypted[100] ^= 1
	for _, tc := range []struct {
		name string
		try  func() error
		want string
	}{
		{"1024 bits", func() error { _, err := layout.NewPrivateKey(small); return err }, "1024 bits; keys of mutable files have 2048"},
		{"changed in the share", func() error { _, err := layout.DecryptPrivateKey(key.WriteKey(), encrypted); return err }, "not the key that the capability names"},
		{"no private key", func() error { _, err := layout.DecryptPrivateKey(key.WriteKey(), nil); return err }, "not the key that the capability names"},
		{"junk that has the write key", func() error { _, err := layout.DecryptPrivateKey(sealed(junk)); return err }, "not an RSA key in DER"},
		{"curve that has the write key", func() error { _, err := layout.DecryptPrivateKey(sealed(curveDER)); return err }, "not an RSA key"},
		{"other public key", func() error {
			_, err := layout.ParsePublicKey(key.Public().DER(), taghash.Hash{})
			return err
		}, "not the key that the capability names"},
		{"public curve", func() error {
			_, err := layout.ParsePublicKey(curvePublic, taghash.Fingerprint(curvePublic))
			return err
		}, "not an RSA key"},
		{"public junk", func() error { _, err := layout.ParsePublicKey(junk, taghash.Fingerprint(junk)); return err }, "public key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.try()
			if !strings.Contains(fmtErr(err), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "junk") {
				t.Errorf("%v quotes a key", err)
			}
		})
	}
}

// sealed is what a share would hold if der were a key.
func sealed(der []byte) (writeKey [16]byte, encrypted []byte) {
	writeKey = taghash.WriteKey(der)
	encrypted = make([]byte, len(der))
	layout.XORKeyStream(writeKey, encrypted, der)
	return writeKey, encrypted
}

func TestPrivateKeysAreNeverPrinted(t *testing.T) {
	key := newKey(t)
	k, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	type holder struct{ key *layout.PrivateKey }
	for _, v := range []any{key, *key, holder{key}, &holder{key}, []*layout.PrivateKey{key}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("", "v", v)
		for _, secret := range []string{k.D.String(), k.D.Text(16), k.Primes[0].String(), k.Primes[0].Text(16)} {
			if strings.Contains(strings.ToLower(out.String()), secret[:12]) {
				t.Errorf("%T prints the key", v)
			}
		}
	}
}

package caps_test

import (
	"bytes"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/internal/taghash"
)

// vectorsFile lies beside the repository, where there is one.
const vectorsFile = "../../shared/vectors/capabilities.json"

type vectors struct {
	RSA   map[string]string `json:"rsa"` // PKCS #1 in DER in base64
	Cases []struct {
		Kind, Format, RSA, Expected string
		Seed, Convergence           []byte
		K, N                        int
		Length                      int64
		SegmentSize                 int64 `json:"segment_size"`
	} `json:"cases"`
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(vectorsFile)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not there", vectorsFile)
	}
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mutableOf is the capability of the mutable file with this key.
func mutableOf(t *testing.T, pkcs1 string, f caps.Format) caps.MutableWrite {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(pkcs1)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return caps.NewMutableWrite(f, taghash.WriteKey(private), taghash.Fingerprint(public))
}

func TestVectors(t *testing.T) {
	v := readVectors(t)
	seen := map[string]int{}
	for _, c := range v.Cases {
		got := parse(t, c.Expected)
		if got.Encode() != c.Expected {
			t.Errorf("got %s back, want %s", got.Encode(), c.Expected)
		}
		switch got := got.(type) {
		case caps.CHK:
			seen["chk"]++
			if got.Needed() != c.K || got.Total() != c.N || got.Size() != c.Length {
				t.Errorf("%s: got %d of %d, %d bytes", c.Expected, got.Needed(), got.Total(), got.Size())
			}
		case caps.MutableWrite:
			seen[c.Format]++
			want := map[string]caps.Format{"sdmf": caps.SDMF, "mdmf": caps.MDMF}[c.Format]
			if made := mutableOf(t, v.RSA[c.RSA], want); made != got {
				t.Errorf("key %s gives %s, want %s", c.RSA, made.Encode(), c.Expected)
			}
		default:
			t.Errorf("%s: got a %T", c.Expected, got)
		}
		attenuates(t, got)
	}
	for _, kind := range []string{"chk", "sdmf", "mdmf"} {
		if seen[kind] != 120 {
			t.Errorf("got %d cases of %s, want 120", seen[kind], kind)
		}
	}
}

// The key of a CHK follows from its plaintext alone, so it can be compared without encoding anything.
func TestConvergentKeysOfVectors(t *testing.T) {
	for _, c := range readVectors(t).Cases {
		chk, ok := parse(t, c.Expected).(caps.CHK)
		if !ok || testing.Short() && c.Length > 1<<20 {
			continue
		}
		k := int64(c.K)
		segment := (min(c.SegmentSize, c.Length) + k - 1) / k * k
		h := taghash.NewConvergence(c.Convergence, c.K, c.N, segment)
		chunk := bytes.Repeat(c.Seed, 1+1<<16/len(c.Seed))
		for left := c.Length; left > 0; left -= int64(len(chunk)) {
			_, _ = h.Write(chunk[:min(left, int64(len(chunk)))])
		}
		if sum := h.Sum(); [16]byte(sum[:16]) != chk.Key() {
			t.Errorf("%d bytes, %d of %d: got another key than that of %s", c.Length, c.K, c.N, c.Expected)
		}
	}
}

// attenuates checks that what is left of c can be printed and parsed, belongs to the same shares, and gives no power back.
func attenuates(t *testing.T, c caps.Cap) {
	t.Helper()
	read, ok := caps.ReadOnly(c)
	verify, ok2 := caps.VerifyOnly(c)
	fromRead, ok3 := read.Verify()
	if !ok || !ok2 || !ok3 || fromRead != verify {
		t.Fatalf("%v: got %v to read and %v to verify with", c, read, verify)
	}
	if indexOf(c) != verify.Index().String() || indexOf(read) != verify.Index().String() {
		t.Errorf("%v: the shares of what is left are others", c)
	}
	for _, left := range []caps.Cap{read, verify} {
		if parse(t, left.Encode()) != left {
			t.Errorf("%v: %v is parsed as something else", c, left)
		}
		if _, isWrite := left.(caps.Write); isWrite {
			t.Errorf("%v: %v can write", c, left)
		}
	}
	if err := caps.Require(read, caps.ReadOnlyPower); err != nil {
		t.Errorf("%v: %v", c, err)
	}
}

//go:embed testdata/rsa.txt
var rsaText string

func TestMutableCapsFollowFromTheKey(t *testing.T) {
	for line := range strings.Lines(rsaText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if got := mutableOf(t, f[0], caps.SDMF).Encode(); got != f[1] {
			t.Errorf("got %s, want %s", got, f[1])
		}
		if got := mutableOf(t, f[0], caps.MDMF).Encode(); got != f[2] {
			t.Errorf("got %s, want %s", got, f[2])
		}
	}
}

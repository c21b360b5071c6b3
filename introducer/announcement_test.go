package introducer_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"tahoe/internal/base32"
	"tahoe/introducer"
)

// A signer is a node that announces.
type signer struct{ key ed25519.PrivateKey }

func newSigner(seed int) signer {
	b := make([]byte, ed25519.SeedSize)
	b[0], b[1] = byte(seed), byte(seed>>8)
	return signer{ed25519.NewKeyFromSeed(b)}
}

func (s signer) public() string {
	return "v0-" + base32.Encode(s.key.Public().(ed25519.PublicKey))
}

func (s signer) raw(message string) introducer.Signed {
	return introducer.Signed{
		Message:   []byte(message),
		Signature: []byte("v0-" + base32.Encode(ed25519.Sign(s.key, []byte(message)))),
		Key:       []byte(s.public()),
	}
}

func (s signer) announce(t testing.TB, seqnum int, extra map[string]any) *introducer.Verified {
	t.Helper()
	table := map[string]any{"service-name": "storage", "nickname": "n", "seqnum": seqnum, "nonce": fmt.Sprint(seqnum)}
	maps.Copy(table, extra)
	v, err := introducer.Sign(table, s.public(), func(m []byte) []byte { return ed25519.Sign(s.key, m) })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSignedTableComesBack(t *testing.T) {
	s := newSigner(1)
	table := map[string]any{
		"service-name": "storage", "nickname": "né<&>", "my-version": "x/1", "seqnum": int64(7), "version": int64(0), "half": 0.5,
		"app-versions": []any{}, "anonymous-storage-NURLs": []any{"pb://a", "pb://b"}, "nested": map[string]any{"a": []any{nil, true}},
	}
	v, err := introducer.Sign(table, s.public(), func(m []byte) []byte { return ed25519.Sign(s.key, m) })
	if err != nil {
		t.Fatal(err)
	}
	again, err := v.Signed().Verify()
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Table(); !reflect.DeepEqual(got, table) {
		t.Errorf("got %v, want %v", got, table)
	}
	n, counted := again.Seqnum()
	if again.Service() != "storage" || again.Key() != s.public() || again.Nickname() != "né<&>" || again.Version() != "x/1" || n != 7 || !counted {
		t.Errorf("got %v %v %v %v %v %v", again.Service(), again.Key(), again.Nickname(), again.Version(), n, counted)
	}
}

func TestSignRefusesWhatOthersWould(t *testing.T) {
	s, other := newSigner(1), newSigner(2)
	sign := func(m []byte) []byte { return ed25519.Sign(s.key, m) }
	for _, c := range []struct {
		name  string
		table map[string]any
		key   string
		want  error
	}{
		{name: "no service", table: map[string]any{"seqnum": 1}, key: s.public(), want: introducer.ErrMalformed},
		{name: "another's key", table: map[string]any{"service-name": "storage"}, key: other.public(), want: introducer.ErrBadSignature},
		{name: "too large", table: map[string]any{"service-name": "storage", "x": strings.Repeat("x", 1<<16)}, key: s.public(), want: introducer.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := introducer.Sign(c.table, c.key, sign); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	s := newSigner(1)
	good := `{"service-name": "storage", "seqnum": 1}`
	changed := func(f func(*introducer.Signed)) introducer.Signed {
		a := s.raw(good)
		f(&a)
		return a
	}
	for _, c := range []struct {
		name string
		a    introducer.Signed
		want error
	}{
		{"message changed", changed(func(a *introducer.Signed) { a.Message = []byte(good + " ") }), introducer.ErrBadSignature},
		{"another's key", changed(func(a *introducer.Signed) { a.Key = []byte(newSigner(2).public()) }), introducer.ErrBadSignature},
		{"another's signature", changed(func(a *introducer.Signed) { a.Signature = newSigner(2).raw(good).Signature }), introducer.ErrBadSignature},
		{"no signature", changed(func(a *introducer.Signed) { a.Signature = nil }), introducer.ErrMalformed},
		{"no key", changed(func(a *introducer.Signed) { a.Key = nil }), introducer.ErrMalformed},
		{"version of the key", changed(func(a *introducer.Signed) { a.Key = bytes.Replace(a.Key, []byte("v0"), []byte("v1"), 1) }), introducer.ErrMalformed},
		{"upper case", changed(func(a *introducer.Signed) { a.Key = append([]byte("v0-"), bytes.ToUpper(a.Key[3:])...) }), introducer.ErrMalformed},
		{"short signature", changed(func(a *introducer.Signed) { a.Signature = a.Signature[:40] }), introducer.ErrMalformed},
		{"not JSON", s.raw(`{"service-name": `), introducer.ErrMalformed},
		{"more behind it", s.raw(good + good), introducer.ErrMalformed},
		{"a list", s.raw(`[]`), introducer.ErrMalformed},
		{"null", s.raw(`null`), introducer.ErrMalformed},
		{"not UTF-8", s.raw("{\"service-name\": \"storage\", \"a\": \"\xff\"}"), introducer.ErrMalformed},
		{"no service", s.raw(`{"seqnum": 1}`), introducer.ErrMalformed},
		{"service in other letters", s.raw(`{"Service-Name": "storage"}`), introducer.ErrMalformed},
		{"service is a number", s.raw(`{"service-name": 1}`), introducer.ErrMalformed},
		{"service is long", s.raw(`{"service-name": "` + strings.Repeat("x", 65) + `"}`), introducer.ErrMalformed},
		{"service has a line", s.raw(`{"service-name": "a\nb"}`), introducer.ErrMalformed},
		{"deep", s.raw(`{"service-name": "storage", "a": ` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`), introducer.ErrMalformed},
		{"many values", s.raw(`{"service-name": "storage", "a": [` + strings.Repeat("1,", 4096) + `1]}`), introducer.ErrMalformed},
		{"large", s.raw(`{"service-name": "storage", "a": "` + strings.Repeat("a", 64<<10) + `"}`), introducer.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if v, err := c.a.Verify(); !errors.Is(err, c.want) || v != nil {
				t.Errorf("got %v, %v, want %v", v, err, c.want)
			}
		})
	}
}

func TestSeqnum(t *testing.T) {
	s := newSigner(1)
	for _, c := range []struct {
		text    string
		want    int64
		counted bool
	}{
		{"0", 0, true},
		{"-3", -3, true},
		{"9223372036854775807", 9223372036854775807, true},
		{"9223372036854775808", 0, false},
		{"1.0", 0, false},
		{`"1"`, 0, false},
		{"true", 0, false},
		{"null", 0, false},
	} {
		t.Run(c.text, func(t *testing.T) {
			v, err := s.raw(`{"service-name": "storage", "seqnum": ` + c.text + `}`).Verify()
			if err != nil {
				t.Fatal(err)
			}
			if n, counted := v.Seqnum(); counted != c.counted || counted && n != c.want {
				t.Errorf("got %v, %v, want %v, %v", n, counted, c.want, c.counted)
			}
		})
	}
}

// FuzzVerify signs whatever comes as a message, so that it gets past the signature; and takes signature and key as they come.
func FuzzVerify(f *testing.F) {
	s := newSigner(1)
	for _, m := range []string{`{"service-name": "storage", "seqnum": 1, "x": [1, {"y": 1e400}]}`, `{"service-name": "\ud800"}`, `[[[[`, `{"a":"\"[`, ``} {
		a := s.raw(m)
		f.Add(a.Message, a.Signature, a.Key)
	}
	f.Fuzz(func(t *testing.T, message, signature, key []byte) {
		for _, a := range []introducer.Signed{{Message: message, Signature: signature, Key: key}, s.raw(string(message))} {
			v, err := a.Verify()
			if err != nil {
				if !errors.Is(err, introducer.ErrMalformed) && !errors.Is(err, introducer.ErrBadSignature) {
					t.Fatalf("refusal of no known kind: %v", err)
				}
				continue
			}
			table := v.Table()
			if table["service-name"] != v.Service() || v.Service() == "" {
				t.Fatalf("service %q, and %q in the table", v.Service(), table["service-name"])
			}
			if _, err := v.Signed().Verify(); err != nil {
				t.Fatalf("verified once, and then: %v", err)
			}
			if !json.Valid(message) {
				t.Fatalf("accepted %q", message)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	a := newSigner(1).raw(`{"service-name": "storage", "seqnum": 1, "nickname": "` + strings.Repeat("n", 800) + `"}`)
	b.SetBytes(int64(len(a.Message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}

package storage_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tahoe/storage"
)

func TestIndexText(t *testing.T) {
	i := storage.Index{0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xfe}
	got, err := storage.ParseIndex(i.String())
	if err != nil || got != i {
		t.Errorf("ParseIndex(%q) = %v, %v, want %v", i.String(), got, err, i)
	}
	if len(i.String()) != 26 || i.Abbrev() != i.String()[:5] {
		t.Errorf("String() = %q, Abbrev() = %q", i.String(), i.Abbrev())
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaab") // bits behind the last byte
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		i, err := storage.ParseIndex(s)
		if err == nil && i.String() != s {
			t.Errorf("ParseIndex(%q) prints as %q: two spellings of one index", s, i.String())
		}
		if err != nil && !errors.Is(err, storage.ErrMalformed) {
			t.Errorf("ParseIndex(%q): %v, want ErrMalformed", s, err)
		}
	})
}

// A secret appears nowhere, however and inside of whatever it is printed.
func TestSecretsAreNeverPrinted(t *testing.T) {
	raw := [storage.SecretSize]byte([]byte("abcdefghijklmnopqrstuvwxyz012345"))
	s := storage.NewSecret(raw)
	type hidden struct{ s storage.Secret }
	type open struct{ S storage.Secret }
	values := []any{
		s, &s, hidden{s}, &hidden{s}, open{s}, []storage.Secret{s}, map[string]storage.Secret{"k": s}, map[storage.Secret]int{s: 1},
		storage.LeaseSecrets{Renew: s, Cancel: s}, struct{ w storage.SlotWrite }{storage.SlotWrite{WriteEnabler: s}},
		[]hidden{{s}}, fmt.Errorf("wrap %v", s),
	}
	leaks := func(out string) bool {
		compact := strings.NewReplacer(" ", "", ",", "", "0x", "", "[", "", "]", "").Replace(strings.ToLower(out))
		return strings.Contains(out, "abcdefgh") || strings.Contains(compact, hex.EncodeToString(raw[:6])) ||
			strings.Contains(out, "97 98 99 100") || strings.Contains(compact, "979899100")
	}
	for _, v := range values {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flags := range []string{"", "+", "#", " ", "0", "-9"} {
				if verb > 'Z' && verb < 'a' {
					continue
				}
				format := "%" + flags + string(verb)
				if out := fmt.Sprintf(format, v); leaks(out) {
					t.Errorf("Sprintf(%q, %T) leaks: %s", format, v, out)
				}
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			log.Write(b)
		}
		if leaks(log.String()) {
			t.Errorf("a log of %T leaks: %s", v, log.String())
		}
	}
	if !leaks(fmt.Sprint(raw)) || !leaks(fmt.Sprintf("%x", raw)) || !leaks(fmt.Sprintf("%s", raw)) {
		t.Error("this test would not notice a leak")
	}
}

func TestSecretEquality(t *testing.T) {
	a, b := storage.NewSecret([32]byte{1}), storage.NewSecret([32]byte{2})
	var zero storage.Secret
	for _, c := range []struct {
		name string
		x, y storage.Secret
		want bool
	}{
		{"same", a, storage.NewSecret([32]byte{1}), true},
		{"different", a, b, false},
		{"zero and zero bytes", zero, storage.NewSecret([32]byte{}), true},
		{"zero and other", zero, a, false},
	} {
		if got := c.x.Equal(c.y); got != c.want {
			t.Errorf("%s: Equal = %v, want %v", c.name, got, c.want)
		}
	}
	if _, err := storage.ParseSecret(make([]byte, 31)); !errors.Is(err, storage.ErrMalformed) {
		t.Errorf("ParseSecret of 31 bytes: %v, want ErrMalformed", err)
	}
}

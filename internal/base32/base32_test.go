package base32_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"tahoe/internal/base32"
)

func TestKnownSpellings(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes string
		text  string
	}{
		{name: "empty"},
		{name: "one byte", bytes: "f", text: "my"},
		{name: "two bytes", bytes: "fo", text: "mzxq"},
		{name: "three bytes", bytes: "foo", text: "mzxw6"},
		{name: "four bytes", bytes: "foob", text: "mzxw6yq"},
		{name: "five bytes", bytes: "fooba", text: "mzxw6ytb"},
		{name: "six bytes", bytes: "foobar", text: "mzxw6ytboi"},
		{name: "all bits", bytes: "\xff\xff\xff\xff\xff", text: "77777777"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := base32.Encode([]byte(c.bytes)); got != c.text {
				t.Errorf("Encode: got %q, want %q", got, c.text)
			}
			if got := base32.Len(len(c.bytes)); got != len(c.text) {
				t.Errorf("Len: got %d, want %d", got, len(c.text))
			}
			got, err := base32.Decode(c.text)
			if err != nil || string(got) != c.bytes {
				t.Errorf("Decode: got %q, %v, want %q", got, err, c.bytes)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{name: "upper case", text: "MY", want: "character 1"},
		{name: "padding", text: "my======", want: "character 3"},
		{name: "a digit outside the alphabet", text: "mzxw1", want: "character 5"},
		{name: "line end", text: "my\n", want: "character 3"},
		{name: "line end within", text: "mz\r\nxq", want: "character 3"},
		{name: "white space", text: " my", want: "character 1"},
		{name: "not ASCII", text: "mÿ", want: "character 2"},
		{name: "one character", text: "m", want: "1 is no possible number"},
		{name: "three characters", text: "mzx", want: "3 is no possible number"},
		{name: "six characters", text: "mzxw6y", want: "6 is no possible number"},
		{name: "bits after one byte", text: "mz", want: "last character"},
		{name: "bits after two bytes", text: "mzxr", want: "last character"},
		{name: "bits after three bytes", text: "mzxw7", want: "last character"},
		{name: "bits after four bytes", text: "mzxw6yr", want: "last character"},
		{name: "bits after six bytes", text: "mzxw6ytboj", want: "last character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := base32.Decode(c.text)
			if !errors.Is(err, base32.ErrMalformed) {
				t.Fatalf("got %q, %v, want %v", got, err, base32.ErrMalformed)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %q, want one that says %q", err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "my", "mzxw6ytboi", "mz", "M", "my======", "7777777"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := base32.Decode(s)
		if err == nil && base32.Encode(b) != s {
			t.Errorf("%q decodes to %x, which is spelled %q", s, b, base32.Encode(b))
		}
		back, err := base32.Decode(base32.Encode([]byte(s)))
		if err != nil || !bytes.Equal(back, []byte(s)) {
			t.Errorf("bytes %x come back as %x, %v", s, back, err)
		}
	})
}

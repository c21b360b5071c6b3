package netstring_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"tahoe/internal/netstring"
)

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name, value, frame string
	}{
		{name: "empty", frame: "0:,"},
		{name: "word", value: "hello", frame: "5:hello,"},
		{name: "a frame", value: "1:a,", frame: "4:1:a,,"},
		{name: "ten bytes", value: "0123456789", frame: "10:0123456789,"},
		{name: "zero byte", value: "\x00", frame: "1:\x00,"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := netstring.Append([]byte("before "), []byte(c.value))
			if want := "before " + c.frame; string(got) != want {
				t.Errorf("Append: got %q, want %q", got, want)
			}
			if got := netstring.Len(len(c.value)); got != len(c.frame) {
				t.Errorf("Len: got %d, want %d", got, len(c.frame))
			}
			value, rest, err := netstring.Next([]byte(c.frame + "after"))
			if err != nil || string(value) != c.value || string(rest) != "after" {
				t.Errorf("Next: got %q, %q, %v, want %q and the rest", value, rest, err, c.value)
			}
		})
	}
}

func TestNextRefuses(t *testing.T) {
	for _, c := range []struct {
		name, frame, want string
	}{
		{name: "nothing", frame: "", want: "no length"},
		{name: "no length", frame: ":a,", want: "no length"},
		{name: "no colon", frame: "1", want: "no length"},
		{name: "another sign", frame: "1;a,", want: "no length"},
		{name: "a sign", frame: "+1:a,", want: "no length"},
		{name: "negative", frame: "-1:a,", want: "no length"},
		{name: "white space", frame: " 1:a,", want: "no length"},
		{name: "leading zero", frame: "01:a,", want: "leading zeros"},
		{name: "two zeros", frame: "00:,", want: "leading zeros"},
		{name: "too short", frame: "2:a,x", want: "no comma after 2 bytes"},
		{name: "no comma", frame: "1:a", want: "only 1 bytes follow"},
		{name: "another end", frame: "1:a;", want: "no comma"},
		{name: "huge", frame: "999999999999999999:a,", want: "only 2 bytes follow"},
		{name: "beyond 64 bits", frame: "99999999999999999999999:a,", want: "digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			value, _, err := netstring.Next([]byte(c.frame))
			if !errors.Is(err, netstring.ErrMalformed) {
				t.Fatalf("got %q, %v, want %v", value, err, netstring.ErrMalformed)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %q, want one that says %q", err, c.want)
			}
		})
	}
}

// A value must not let its holder reach what follows it in the buffer.
func TestValueCannotGrowIntoTheRest(t *testing.T) {
	b := []byte("1:a,1:b,")
	value, _, err := netstring.Next(b)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(value, "XXXX"...)
	if string(b) != "1:a,1:b," {
		t.Errorf("appending to the value changed the buffer to %q", b)
	}
}

func FuzzNext(f *testing.F) {
	for _, s := range []string{"", "0:,", "5:hello,", "01:a,", "18446744073709551616:,", "1:a", "3:1:a,x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		value, rest, err := netstring.Next(b)
		if err == nil {
			if again := append(netstring.Append(nil, value), rest...); !bytes.Equal(again, b) {
				t.Errorf("%q is framed again as %q", b, again)
			}
		}
		value, rest, err = netstring.Next(netstring.Append(nil, b))
		if err != nil || !bytes.Equal(value, b) || len(rest) != 0 {
			t.Errorf("%q comes back as %q, %q, %v", b, value, rest, err)
		}
	})
}

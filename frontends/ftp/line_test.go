package ftp

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCommand says that what is read as a command is one, that it is the same when it is written and read again, and that reading
// ends.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{"NOOP\r\n", "stor a b \n", "\xff\xf4\xff\xf2ABOR\r\n", "\r\n", "RETR \xc3", strings.Repeat("x", 5000) + "\nQUIT\r\n", "USER a\x00b\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), maxLine)
		for {
			c, err := readCommand(r)
			if err != nil {
				return
			}
			if c.verb == "" {
				continue
			}
			if len(c.verb) > 4 || c.verb != strings.ToUpper(c.verb) || !utf8.ValidString(c.arg) || strings.ContainsAny(c.arg, "\r\n\x00") || len(c.arg) > maxLine {
				t.Errorf("got %q %q", c.verb, c.arg)
			}
			if again := parseCommand([]byte(c.verb + " " + c.arg + "\r\n")); again != c {
				t.Errorf("got %+v, then %+v", c, again)
			}
		}
	})
}

func TestFloodEnds(t *testing.T) {
	r := bufio.NewReaderSize(bytes.NewReader(bytes.Repeat([]byte("x"), 2<<20)), maxLine)
	if _, err := readCommand(r); err != errFlood {
		t.Errorf("got %v", err)
	}
}

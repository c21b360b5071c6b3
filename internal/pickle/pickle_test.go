package pickle_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"tahoe/internal/pickle"
)

// show is a value in a text like Python's.
func show(v any) string {
	switch v := v.(type) {
	case *pickle.List:
		return "[" + showAll(v.Items) + "]"
	case pickle.Tuple:
		return "(" + showAll(v) + ")"
	case *pickle.Dict:
		var items []string
		for i, k := range v.Keys {
			items = append(items, show(k)+":"+show(v.Values[i]))
		}
		return "{" + strings.Join(items, ",") + "}"
	case *big.Int:
		return v.String()
	}
	return fmt.Sprintf("%#v", v)
}

func showAll(items []any) string {
	var all []string
	for _, i := range items {
		all = append(all, show(i))
	}
	return strings.Join(all, ",")
}

func TestLoad(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "N.", "<nil>"},
		{"numbers of protocol 0", "(I12\nI00\nI01\nL-5L\nF1.5\nt.", "(12,false,true,-5,1.5)"},
		{"binary numbers", "\x80\x02(K\xffM\xff\xffJ\xff\xff\xff\xff\x8a\x02\x00\xffG?\xf8\x00\x00\x00\x00\x00\x00t.", "(255,65535,-1,-256,1.5)"},
		{"texts of protocol 0", "(S'it\\'s \\x41\\n'\nS\"q\"\nV\\u00e9\\u005c\nt.", `("it's A\n","q","é\\")`},
		{"binary texts", "(U\x01aX\x02\x00\x00\x00\xc3\xa9\x8c\x01bC\x01ct.", `("a","é","b","c")`},
		{"containers", "(]K\x01a}(K\x01Nu)\x88\x85\x88\x89\x86\x88\x89N\x87t.", "([1],{1:<nil>},(),(true),(true,false),(true,false,<nil>))"},
		{"a key again", "}(K\x01K\x02K\x03K\x04K\x01K\x05u.", "{1:5,3:4}"},
		{"memory", "(U\x01aq\x00h\x00p7\ng7\n\x94r\x00\x01\x00\x00j\x00\x01\x00\x00t.", `("a","a","a","a")`},
		{"a frame", "\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00N.", "<nil>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := pickle.Load([]byte(tt.in))
			if err != nil || show(v) != tt.want {
				t.Errorf("got %s, %v, want %s", show(v), err, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, in := range []string{
		"", "N", "NN.", ".", "N.N", "(N.", "t.", "a.", "Na.", "(NNu.", "]NNs.", "}(Nu.", "}]Ns.", "h\x00.", "g1\n.", "p1\nN.", "I\n.", "Ix\n.", "I" + strings.Repeat("9", 2000) + "\n.",
		"\x8b\xff\xff\xff\xff.", "X\xff\xff\xff\xffa.", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.", "S'a\n.", "Sa\n.", "S'\\q'\n.", "Fx\n.", "V\\uzzzz\n.", "K", "I1", "G\x00.",
		"cos\nsystem\n.", "N0.", "N2.", "R.", "b.", "o.", "\x81.", "\x92.", "\x93.", "P1\n.", "Q.", "\x82\x01.", "\x8f.", "\x96\x00\x00\x00\x00\x00\x00\x00\x00.", "}(((((NtttttNs.",
		"}X\xe9\x03\x00\x00" + strings.Repeat("a", 1001) + "Ns.", "(]\x86.",
	} {
		if v, err := pickle.Load([]byte(in)); !errors.Is(err, pickle.ErrMalformed) {
			t.Errorf("%.60q: got %s, %v", in, show(v), err)
		}
	}
	if _, err := pickle.Load(make([]byte, pickle.MaxSize+1)); !errors.Is(err, pickle.ErrMalformed) {
		t.Errorf("too large: got %v", err)
	}
}

package pyjson_test

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"tahoe/internal/pyjson"
)

// TestAppend: the wanted texts are what json.dumps of Python 3.11 prints.
func TestAppend(t *testing.T) {
	nested := pyjson.Object{{"b", []any{1, -2.0, "é\U0001F600\x7f"}}, {"a", pyjson.Object{}}, {"l", []any{}}, {"n", nil}, {"t", true}}
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	tests := []struct {
		name   string
		value  any
		indent string
		want   string
	}{
		{"nothing", nil, "", "null"},
		{"text", "a\"\\/\n\r\t\f\b\x00<>&", "", `"a\"\\/\n\r\t\f\b\u0000<>&"`},
		{"large number", huge, "", "123456789012345678901234567890"},
		{"nested", nested, "", `{"b": [1, -2.0, "\u00e9\ud83d\ude00\u007f"], "a": {}, "l": [], "n": null, "t": true}`},
		{"nested on lines", nested, "    ", "{\n    \"b\": [\n        1,\n        -2.0,\n        \"\\u00e9\\ud83d\\ude00\\u007f\"\n    ],\n" +
			"    \"a\": {},\n    \"l\": [],\n    \"n\": null,\n    \"t\": true\n}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := pyjson.Append([]byte("x"), tt.value, tt.indent)
			if err != nil || string(got) != "x"+tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
	if got, err := pyjson.Append(nil, []any{struct{}{}}, ""); err == nil {
		t.Errorf("a struct became %s", got)
	}
}

func TestFloat(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", math.Copysign(0, -1): "-0.0", 1: "1.0", 0.1: "0.1", 1e15: "1000000000000000.0", 1e16: "1e+16", 123456789012345680: "1.2345678901234568e+17",
		1e-4: "0.0001", 1e-5: "1e-05", 1.5e-7: "1.5e-07", 1e300: "1e+300", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity", math.NaN(): "NaN",
		1763706000.1234567: "1763706000.1234567",
	} {
		if got := pyjson.Float(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}

// FuzzText: what was written reads back as the same text.
func FuzzText(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\u2028\U0010ffff\"")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := pyjson.Append(nil, s, "")
		var got string
		if err != nil || json.Unmarshal(b, &got) != nil || got != string([]rune(s)) {
			t.Errorf("%q became %s, which reads as %q: %v", s, b, got, err)
		}
	})
}

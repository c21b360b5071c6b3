package web_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"tahoe/frontends/web"
)

func TestRelayed(t *testing.T) {
	for _, tt := range []struct{ json, laidOut, flat string }{
		{"3", "3", "3"},
		{"{}", "{}", "{}"},
		{"[ ]", "[]", "[]"},
		{`{"a":[1,2.50,{"b":[]}],"c":"x,y:{z}\"é"}`,
			"{\n \"a\": [\n  1,\n  2.50,\n  {\n   \"b\": []\n  }\n ],\n \"c\": \"x,y:{z}\\\"\\u00e9\"\n}",
			`{"a": [1, 2.50, {"b": []}], "c": "x,y:{z}\"\u00e9"}`},
	} {
		laidOut, flat := web.Relayed([]byte(tt.json))
		if string(laidOut) != tt.laidOut || string(flat) != tt.flat {
			t.Errorf("%s: got\n%s\nand %s", tt.json, laidOut, flat)
		}
	}
}

// However JSON is laid out, it is the same JSON, and ASCII.
func FuzzRelayed(f *testing.F) {
	f.Add([]byte(`{"a": [1, 2.5e-3, null, true, "\u2028\\\" é"], "b": {}}`))
	f.Add([]byte(`[[], [[ ]], {"": {"x" : -0}}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var want, got any
		if json.Unmarshal(b, &want) != nil {
			return
		}
		laidOut, flat := web.Relayed(b)
		for _, out := range [][]byte{laidOut, flat} {
			if err := json.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q: got %q, %v", b, out, err)
			}
			if bytes.ContainsFunc(out, func(r rune) bool { return r >= utf8.RuneSelf }) {
				t.Errorf("%q: got %q, which is not ASCII", b, out)
			}
		}
	})
}

// A text reads back as itself; what is no UTF-8 in it becomes the replacement character.
func FuzzQuoted(f *testing.F) {
	f.Add("a\"\\\n\x00\x7f é \U0001F600 \u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(web.Quoted(s), &got); err != nil || got != string([]rune(s)) {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
	})
}

// Whatever comes as children is read or refused, and what is read has a capability.
func FuzzDecodeChildren(f *testing.F) {
	f.Add([]byte(`{"a": ["filenode", {"ro_uri": "URI:LIT:me", "metadata": {"x": 1}}], "b": ["unknown", {"rw_uri": "x:1", "ro_uri": "ro.y:2"}]}`))
	f.Add([]byte(`{"a": ["dirnode", {"rw_uri": null}]}`))
	f.Add([]byte(`{"a": 1`))
	f.Fuzz(func(t *testing.T, b []byte) {
		children, err := web.DecodeChildren(b)
		for _, c := range children {
			if err != nil || c.Cap() == nil {
				t.Errorf("%q: got %v with %v", b, c, err)
			}
		}
	})
}

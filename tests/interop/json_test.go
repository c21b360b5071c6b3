package interop_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// decode reads JSON, numbers as they are written.
func decode(t testing.TB, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameJSON demands that two values are equal key by key, but for the keys of objects that skip names.
func sameJSON(t testing.TB, where string, want, got any, skip ...string) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, k := range keys(w, g) {
			a, inWant := w[k]
			b, inGot := g[k]
			switch {
			case slices.Contains(skip, k):
			case !inWant || !inGot:
				t.Errorf("%s: key %q: got %s, want %s", where, k, show(inGot, b), show(inWant, a))
			default:
				sameJSON(t, where+"."+k, a, b, skip...)
			}
		}
		return
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			sameJSON(t, where+"[]", w[i], g[i], skip...)
		}
		return
	case json.Number:
		if g, ok := got.(json.Number); ok && sameNumber(string(w), string(g)) {
			return
		}
	default:
		if want == got {
			return
		}
	}
	t.Errorf("%s: got %s, want %s", where, show(true, got), show(true, want))
}

func keys(of ...map[string]any) []string {
	all := map[string]bool{}
	for _, m := range of {
		for k := range m {
			all[k] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func sameNumber(a, b string) bool {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}

func show(there bool, v any) string {
	if !there {
		return "nothing"
	}
	var b strings.Builder
	_ = json.NewEncoder(&b).Encode(v)
	return strings.TrimSpace(b.String())
}

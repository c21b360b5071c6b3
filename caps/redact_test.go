package caps_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/internal/base32"
)

// A spill is a way in which secret bytes could show.
type spill struct {
	name, text string
}

// spills are the ways in which the first bytes of secret could show, in whatever a %-verb or an encoder makes of them.
func spills(secret []byte) []spill {
	head := secret[:5]
	list := func(f string) string { return strings.Trim(fmt.Sprintf(f, head), "[]") }
	var sharp []string
	for _, b := range head {
		sharp = append(sharp, fmt.Sprintf("%#x", b))
	}
	quoted := strconv.Quote(string(head))
	return []spill{
		{"base32", base32.Encode(head)},
		{"hex", fmt.Sprintf("%x", head)},
		{"upper-case hex", fmt.Sprintf("%X", head)},
		{"spaced hex", fmt.Sprintf("% x", head)},
		{"listed hex", strings.Join(sharp, ", ")},
		{"spaced, listed hex", strings.Join(sharp, " ")},
		{"decimal", list("%d")},
		{"decimal with commas", strings.ReplaceAll(list("%d"), " ", ",")},
		{"octal", list("%o")},
		{"binary", list("%b")},
		{"characters", list("%c")},
		{"Unicode", list("%U")},
		{"raw", string(head)},
		{"quoted", quoted[1 : len(quoted)-1]},
	}
}

// spilled names the ways in which text shows a secret.
func spilled(text string, ways []spill) (names []string) {
	for _, s := range ways {
		if strings.Contains(text, s.text) {
			names = append(names, s.name)
		}
	}
	return names
}

const marker = "\x9a\xbc\xde\xf1\x87\x65\x43\x21\xfe\xdc\xba\x98\x76\x54\x32\x10"

// secretCaps are one of each type that holds a secret, and the ways in which the secrets in them could show.
func secretCaps(t *testing.T) (list []caps.Cap, ways []spill) {
	t.Helper()
	k := [16]byte([]byte(marker))
	chk, err := caps.NewCHK(caps.CHKParams{Key: k, Needed: 3, Total: 10, Size: 56})
	if err != nil {
		t.Fatal(err)
	}
	literal, err := caps.NewLiteral([]byte(marker))
	if err != nil {
		t.Fatal(err)
	}
	sdmf, mdmf := caps.NewMutableWrite(caps.SDMF, k, [32]byte{}), caps.NewMutableWrite(caps.MDMF, k, [32]byte{})
	files := []caps.Read{chk, literal, sdmf, mdmf, sdmf.ReadOnly(), mdmf.ReadOnly()}
	for _, f := range files {
		d, err := caps.NewDirectory(f)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f, d)
	}
	list = append(list, parse(t, "x-new:k7w2q9z"), parse(t, "imm.x-new:k7w2q9z"))
	read, ok := sdmf.ReadOnly().(caps.MutableRead)
	if !ok {
		t.Fatal("no read capability")
	}
	readKey := read.Key()
	for _, secret := range [][]byte{[]byte(marker), readKey[:], []byte("k7w2q9z"), []byte(base32.Encode([]byte(marker)))} {
		ways = append(ways, spills(secret)...)
	}
	return list, ways
}

// verbs are all verbs that could be, with all flags.
func verbs() (list []string) {
	for _, flags := range []string{"", "+", "#", " ", "0", "-", "+#", "# ", "40", ".9"} {
		for v := 'A'; v <= 'z'; v++ {
			if v <= 'Z' || v >= 'a' {
				list = append(list, "%"+flags+string(v))
			}
		}
	}
	return list
}

// asks says whether verb has the value's methods asked. The others say of what type a value is, or where.
func asks(verb string) bool { return !strings.ContainsAny(verb, "Tpw") }

type hidden struct {
	c caps.Cap
	m map[string]caps.Cap
}

type shown struct {
	C caps.Cap
	M map[caps.Cap]caps.Cap
}

// nests are c within everything that may hold it.
func nests(c caps.Cap) map[string]any {
	return map[string]any{
		"bare":                     c,
		"behind a pointer":         &c,
		"slice":                    []caps.Cap{c, c},
		"array":                    [1]caps.Cap{c},
		"map":                      map[caps.Cap]caps.Cap{c: c},
		"exported field":           shown{C: c, M: map[caps.Cap]caps.Cap{c: c}},
		"unexported field":         hidden{c: c, m: map[string]caps.Cap{"": c}},
		"pointer to a hidden one":  &hidden{c: c},
		"slice of hidden ones":     []hidden{{c: c}},
		"hidden one in a hidden":   struct{ h hidden }{hidden{c: c}},
		"hidden one behind a map":  map[string]*hidden{"": {c: c}},
		"slice behind a pointer":   &[]any{c},
		"error that wraps a text":  fmt.Errorf("open %v: %w", c, errors.New("no")),
		"struct that is anonymous": struct{ caps.Cap }{c},
	}
}

func TestNoVerbShowsASecret(t *testing.T) {
	list, ways := secretCaps(t)
	for _, c := range list {
		for nest, v := range nests(c) {
			for _, verb := range verbs() {
				text := fmt.Sprintf(verb, v)
				if names := spilled(text, ways); names != nil {
					t.Fatalf("%T, %s, %s: shows the secret in %v", c, nest, verb, names)
				}
				if nest == "bare" && asks(verb) && text != caps.Abbrev(c) {
					t.Fatalf("%T, %s: got %q, want %q", c, verb, text, caps.Abbrev(c))
				}
			}
		}
	}
}

func TestNoEncoderShowsASecret(t *testing.T) {
	list, ways := secretCaps(t)
	for _, c := range list {
		for nest, v := range nests(c) {
			text, err := json.Marshal(v)
			if _, unsupported := errors.AsType[*json.UnsupportedTypeError](err); err != nil && !unsupported {
				t.Fatalf("%T, %s: %v", c, nest, err)
			}
			if names := spilled(string(text), ways); names != nil {
				t.Fatalf("%T, %s, JSON: shows the secret in %v", c, nest, names)
			}
			if want := strconv.Quote(caps.Abbrev(c)); nest == "bare" && string(text) != want {
				t.Fatalf("%T: got JSON %s, want %s", c, text, want)
			}
			text = logged(v)
			if names := spilled(string(text), ways); names != nil {
				t.Fatalf("%T, %s, log: shows the secret in %v", c, nest, names)
			}
			if nest == "bare" && strings.Count(string(text), caps.Abbrev(c)) != 4 {
				t.Fatalf("%T: got log %s, want %s in it", c, text, caps.Abbrev(c))
			}
		}
	}
}

// logged is what both handlers of slog make of v.
func logged(v any) []byte {
	var b bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).With("with", v).Info("message", slog.Group("group", "value", v))
	}
	return b.Bytes()
}

func TestParametersShowNoSecret(t *testing.T) {
	p := caps.CHKParams{Key: [16]byte([]byte(marker)), Needed: 3, Total: 10, Size: 56}
	ways := spills([]byte(marker))
	for _, v := range []any{p, &p, []caps.CHKParams{p}, struct{ P caps.CHKParams }{p}} {
		for _, verb := range verbs() {
			if !asks(verb) {
				continue // the key is in plain sight, as the type's comment says
			}
			if names := spilled(fmt.Sprintf(verb, v), ways); names != nil {
				t.Fatalf("%T, %s: shows the secret in %v", v, verb, names)
			}
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		if names := spilled(string(text)+string(logged(v)), ways); names != nil {
			t.Fatalf("%T, encoded: shows the secret in %v", v, names)
		}
	}
}

// The tests above are worth as much as spilled: it must find a secret that nobody hides.
func TestSpillsAreFound(t *testing.T) {
	ways := spills([]byte(marker))
	naked := struct{ key [16]byte }{[16]byte([]byte(marker))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x", "%X", "%o", "%b", "%U", "%s", "%q"} {
		if spilled(fmt.Sprintf(verb, naked), ways) == nil {
			t.Fatalf("%s: the secret was not found in %s", verb, fmt.Sprintf(verb, naked))
		}
	}
	if spilled(string(logged(naked.key)), ways) == nil {
		t.Error("the secret was not found in a log")
	}
}

package foolscap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"tahoe/internal/foolscap"
)

const (
	tubID = "u5vgfpug7qhkxdtj76tcfh6bmzyo6w5s"
	swiss = "cnvwfxuftnm5hhw5wnbpgzxcwlkzeuwq"
	plain = "pb://" + tubID + "@tcp:example.com:3457,[::1]:80/" + swiss
)

func TestParseFURL(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		hints    []string
		swissnum string
		encoded  string
	}{
		{name: "two places", in: plain, hints: []string{"tcp:example.com:3457", "[::1]:80"}, swissnum: swiss},
		{name: "no place", in: "pb://" + tubID + "@/introducer", swissnum: "introducer"},
		{name: "upper case", in: "pb://" + strings.ToUpper(tubID) + "@/x", swissnum: "x", encoded: "pb://" + tubID + "@/x"},
		{name: "more behind the id", in: "pb://" + tubID + "!new@/x", swissnum: "x", encoded: "pb://" + tubID + "@/x"},
		{name: "other kinds", in: "pb://" + tubID + "@tor:a.onion:80,i2p:b/x/y", hints: []string{"tor:a.onion:80", "i2p:b"}, swissnum: "x/y"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, err := foolscap.ParseFURL(tc.in)
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			want := tc.encoded
			if want == "" {
				want = tc.in
			}
			if f.Tub().String() != tubID || !reflect.DeepEqual(f.Hints(), tc.hints) || f.Swissnum() != tc.swissnum || f.Encode() != want {
				t.Errorf("got %v, %v, %v, %v; want %v, %v, %v, %v", f.Tub(), f.Hints(), f.Swissnum(), f.Encode(), tubID, tc.hints, tc.swissnum, want)
			}
		})
	}
}

func TestParseFURLRefuses(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", "begin with pb://"},
		{"other scheme", "http://" + tubID + "@h:1/" + swiss, "begin with pb://"},
		{"no Tub id", "pb://h:1/" + swiss, "no @"},
		{"short Tub id", "pb://" + tubID[1:] + "@h:1/" + swiss, "Tub id"},
		{"Tub id of other characters", "pb://" + tubID[1:] + "1@h:1/" + swiss, "Tub id"},
		{"no swissnum", "pb://" + tubID + "@h:1", "no / and swissnum"},
		{"empty swissnum", "pb://" + tubID + "@h:1/", "no / and swissnum"},
		{"empty hint", "pb://" + tubID + "@h:1,,i:2/" + swiss, "empty address"},
		{"many hints", "pb://" + tubID + "@h:1" + strings.Repeat(",h:1", 32) + "/" + swiss, "33 addresses"},
		{"line break", "pb://" + tubID + "@h:1/" + swiss + "\n", "printable"},
		{"long", "pb://" + strings.Repeat("x", 5000), "5005 characters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := foolscap.ParseFURL(tc.in)
			if !errors.Is(err, foolscap.ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), swiss) {
				t.Errorf("got %q, want it to hold %q and no swissnum", err, tc.want)
			}
		})
	}
}

// No verb, logger or encoder gets at the swissnum, bare or inside other values.
func TestFURLRedaction(t *testing.T) {
	f, err := foolscap.ParseFURL(plain)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct{ f foolscap.FURL }
	h := holder{f}
	for _, v := range []any{f, &f, h, &h, []foolscap.FURL{f}, map[string]foolscap.FURL{"a": f}, []any{h}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, swiss) || strings.Contains(got, fmt.Sprintf("%x", swiss)) {
				t.Errorf("%s of %T: got %s, which holds the swissnum", verb, v, got)
			}
		}
		var text bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := text.String() + string(b); strings.Contains(got, swiss) {
			t.Errorf("logging or marshalling %T: got %s, which holds the swissnum", v, got)
		}
	}
}

func FuzzFURL(f *testing.F) {
	f.Add(plain)
	f.Add("pb://" + tubID + "@/introducer")
	f.Add("pb://@/")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := foolscap.ParseFURL(s)
		if err != nil {
			if !errors.Is(err, foolscap.ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
			return
		}
		again, err := foolscap.ParseFURL(u.Encode())
		if err != nil || again.Encode() != u.Encode() || again.Tub() != u.Tub() || again.Swissnum() != u.Swissnum() {
			t.Fatalf("got %v and error %v, want what %q was", again, err, s)
		}
	})
}

package nurl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tahoe/internal/nurl"
)

const (
	hash  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	swiss = "kjhqz4vn2a"
	plain = "pb://" + hash + "@example.com:443/" + swiss + "#v=1"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		addrs    string
		tor      bool
	}{
		{name: "one address", in: plain, addrs: "[example.com:443]"},
		{name: "several", in: "pb://" + hash + "@10.0.0.1:1,[::1]:65535,a-b.c_d:80/x#v=1", addrs: "[10.0.0.1:1 [::1]:65535 a-b.c_d:80]"},
		{name: "tor", in: "pb+tor://" + hash + "@abc.onion:80/A.b-c_~#v=1", addrs: "[abc.onion:80]", tor: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, err := nurl.Parse(tc.in)
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			if got := n.Encode(); got != tc.in {
				t.Errorf("got %q, want %q", got, tc.in)
			}
			if got := fmt.Sprint(n.Addrs()); got != tc.addrs {
				t.Errorf("got addresses %v, want %v", got, tc.addrs)
			}
			if n.Tor() != tc.tor {
				t.Errorf("got tor %v, want %v", n.Tor(), tc.tor)
			}
			if got := n.SPKI().String(); got != hash {
				t.Errorf("got hash %v, want %v", got, hash)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", "begin with pb://"},
		{"other scheme", "http://" + hash + "@h:1/" + swiss + "#v=1", "begin with pb://"},
		{"a FURL", "pb://" + hash + "@h:1/" + swiss, "end with #v=1"},
		{"other version", "pb://" + hash + "@h:1/" + swiss + "#v=2", "end with #v=1"},
		{"no hash", "pb://h:1/" + swiss + "#v=1", "no @"},
		{"short hash", "pb://" + hash[1:] + "@h:1/" + swiss + "#v=1", "42 characters"},
		{"trailing bits in the hash", "pb://" + hash[:42] + "9@h:1/" + swiss + "#v=1", "base64"},
		{"padded hash", "pb://" + hash[:42] + "=@h:1/" + swiss + "#v=1", "base64"},
		{"no swissnum", "pb://" + hash + "@h:1#v=1", "no /"},
		{"empty swissnum", "pb://" + hash + "@h:1/#v=1", "0 characters"},
		{"swissnum with a path", "pb://" + hash + "@h:1/" + swiss + "/x#v=1", "letters, digits"},
		{"no port", "pb://" + hash + "@h/" + swiss + "#v=1", "address 1: not host:port"},
		{"port zero", "pb://" + hash + "@h:0/" + swiss + "#v=1", "1 to 65535"},
		{"port with zeros", "pb://" + hash + "@h:080/" + swiss + "#v=1", "1 to 65535"},
		{"high port", "pb://" + hash + "@h:65536/" + swiss + "#v=1", "1 to 65535"},
		{"no host", "pb://" + hash + "@:1/" + swiss + "#v=1", "host name"},
		{"odd host", "pb://" + hash + "@a b:1/" + swiss + "#v=1", "host name"},
		{"bare IPv6", "pb://" + hash + "@::1:80/" + swiss + "#v=1", "host:port"},
		{"empty second address", "pb://" + hash + "@h:1,/" + swiss + "#v=1", "address 2"},
		{"many addresses", "pb://" + hash + "@h:1" + strings.Repeat(",h:1", 16) + "/" + swiss + "#v=1", "17 addresses"},
		{"long", "pb://" + strings.Repeat("x", 5000), "5005 characters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := nurl.Parse(tc.in)
			if !errors.Is(err, nurl.ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), swiss) {
				t.Errorf("got %q, want it to hold %q and no swissnum", err, tc.want)
			}
		})
	}
}

// No verb, logger or encoder gets at the swissnum, bare or inside other values.
func TestRedaction(t *testing.T) {
	n, err := nurl.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		n nurl.NURL
		s nurl.Swissnum
	}
	h := holder{n, n.Swissnum()}
	for _, v := range []any{n, &n, n.Swissnum(), h, &h, []nurl.NURL{n}, map[string]nurl.NURL{"a": n}, []any{h}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%o", "%p"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, swiss) || strings.Contains(got, fmt.Sprintf("%x", swiss)) {
				t.Errorf("%s of %T: got %s, which holds the swissnum", verb, v, got)
			}
		}
		var text, js bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&js, nil)).Info("m", "v", v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := text.String() + js.String() + string(b); strings.Contains(got, swiss) {
			t.Errorf("logging or marshalling %T: got %s, which holds the swissnum", v, got)
		}
	}
}

func TestSwissnumEqual(t *testing.T) {
	a, _ := nurl.ParseSwissnum("abc")
	b, _ := nurl.ParseSwissnum("abd")
	if !a.Equal(a) || a.Equal(b) || a.Equal(nurl.Swissnum{}) {
		t.Errorf("got equal %v %v %v, want true false false", a.Equal(a), a.Equal(b), a.Equal(nurl.Swissnum{}))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(plain)
	f.Add("pb+tor://" + hash + "@[::1]:1,x:2/s#v=1")
	f.Add("pb://@/#v=1")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := nurl.Parse(s)
		if err != nil {
			if !errors.Is(err, nurl.ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
			return
		}
		if got := n.Encode(); got != s {
			t.Fatalf("got %q, want %q", got, s)
		}
		m, err := nurl.New(n.SPKI(), n.Addrs(), n.Swissnum(), n.Tor())
		if err != nil || m != n {
			t.Fatalf("got %v, %v, want the same NURL", m, err)
		}
	})
}

package grid_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"tahoe/internal/base32"
	"tahoe/lafs/grid"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

const (
	tub      = "u33m4y7klhz3bypswqkozwetvabelhxt"
	swissnum = "eiu2i7p6d6mm4ihmss7ieou5hac3wn6b"
	furl     = "pb://" + tub + "@tcp:192.0.2.8:51298/" + swissnum
	nurl     = "pb://1WUX44xKjKdpGLohmFcBNuIRN-8rlv1Iij_7rQ@192.0.2.8:51298/" + swissnum + "#v=1"
	key      = "4uazse3xb6uu5qpkb7tel2bm6bpea4jhuigdhqcuvvse7hugtsia"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func decode(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base32.Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPermutationSeed(t *testing.T) {
	announced := base32.Encode([]byte(key)) // servers announce the base32 of the text of their key
	tests := []struct {
		name string
		id   grid.ServerID
		seed string
		want string // in hexadecimal
	}{
		{"of the public key", "v0-" + key, "", hexOf(decode(t, key))},
		{"announced, the text of the key", "v0-" + key, announced, hexOf([]byte(key))},
		{"announced, a Tub of old", "v0-" + key, tub, hexOf(decode(t, tub))},
		{"of free text", "höhle", "", "7cadfc2b4932484a65837f63a6c9dd10f588a52b6f0b9ef43cea172b4a62b140"},
		{"of a key that is too short", "v0-abc", "", "63f1b031292619beb65276ccf1286a7e5bf7c505de1061c076e00ce67561c35c"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ann := map[string]any{"anonymous-storage-FURL": furl}
			if test.seed != "" {
				ann["permutation-seed-base32"] = test.seed
			}
			a, err := grid.ParseAnnouncement(test.id, ann)
			if err != nil {
				t.Fatal(err)
			}
			seed, err := a.PermutationSeed()
			if err != nil || hexOf(seed) != test.want {
				t.Errorf("got %x, %v, want %s", seed, err, test.want)
			}
		})
	}
}

func TestParseStatic(t *testing.T) {
	got, err := grid.ParseStatic(map[string]any{
		"storage-2": map[string]any{"ann": map[string]any{"anonymous-storage-FURL": furl}},
		"v0-" + key: map[string]any{
			"ann": map[string]any{
				"nickname": "attic", "anonymous-storage-FURL": strings.Replace(furl, tub, strings.ToUpper(tub), 1),
				"anonymous-storage-NURLs": []any{nurl}, "permutation-seed-base32": tub, "my-version": "tahoe/1.20",
				"version": 0, "service-name": "storage", "storage-options": []any{map[string]any{"name": "x"}},
			},
			"connections": map[string]any{"tcp": "tor"},
		},
		"broken":   map[string]any{"ann": map[string]any{"nickname": "n"}},
		"no table": "pb://",
	})
	want := []grid.Announcement{
		{ID: "storage-2", FURL: furl},
		{
			ID: "v0-" + key, Nickname: "attic", FURL: strings.Replace(furl, tub, strings.ToUpper(tub), 1), NURLs: []string{nurl},
			Seed: decode(t, tub), Application: "tahoe/1.20", Connections: map[string]string{"tcp": "tor"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %d announcements that differ from the %d wanted", len(got), len(want))
	}
	text := `server "broken": "anonymous-storage-FURL" is missing` + "\n" +
		`server "no table": its entry is not a table with the key "ann"`
	if err == nil || err.Error() != text {
		t.Errorf("got error %v, want %s", err, text)
	}
	for _, a := range got {
		if id, err := a.TubID(); err != nil || base32.Encode(id[:]) != tub {
			t.Errorf("TubID: got %x, %v, want %s", id, err, tub)
		}
	}
}

func TestBadAnnouncements(t *testing.T) {
	with := func(k string, v any) map[string]any {
		return map[string]any{"ann": map[string]any{"anonymous-storage-FURL": furl, k: v}}
	}
	tests := []struct {
		name  string
		id    string
		entry any
		want  string
	}{
		{"no ann", "s", map[string]any{}, `"ann" is missing or not a table`},
		{"FURL is a number", "s", with("anonymous-storage-FURL", 7), `"anonymous-storage-FURL" is not text: put it in quotes`},
		{"FURL of another kind", "s", with("anonymous-storage-FURL", "http://"+swissnum), `does not have the form pb://TUBID@HOST:PORT/SWISSNUM`},
		{"FURL with a short Tub", "s", with("anonymous-storage-FURL", "pb://abc@h:1/"+swissnum), `between pb:// and @ belong 32 characters of base32`},
		{"FURL with a Tub of other characters", "s", with("anonymous-storage-FURL", strings.Replace(furl, "u33", "u01", 1)), `belong 32 characters of base32`},
		{"FURL too long", "s", with("anonymous-storage-FURL", furl+strings.Repeat("x", 5000)), `"anonymous-storage-FURL" is longer than 4096 bytes`},
		{"NURLs are text", "s", with("anonymous-storage-NURLs", nurl), `"anonymous-storage-NURLs" is not a list`},
		{"a NURL is a number", "s", with("anonymous-storage-NURLs", []any{nurl, 1}), `"anonymous-storage-NURLs" is not text`},
		{"a NURL of another kind", "s", with("anonymous-storage-NURLs", []any{nurl, "http://" + swissnum}), `"anonymous-storage-NURLs": entry 2 does not begin with pb:// or pb+tor://`},
		{"too many NURLs", "s", with("anonymous-storage-NURLs", make([]any, 65)), `has more than 64 entries`},
		{"nickname is a number", "s", with("nickname", 5), `"nickname" is not text`},
		{"nickname too long", "s", with("nickname", strings.Repeat("n", 1025)), `"nickname" is longer than 1024 bytes`},
		{"seed", "s", with("permutation-seed-base32", "01"), `"permutation-seed-base32" is not base32: character 1`},
		{"other service", "s", with("service-name", "introducer"), `"service-name" is not storage`},
		{"no identifier", "", with("nickname", "n"), `server identifier of 0 bytes: 1 to 256 are allowed`},
		{"identifier too long", strings.Repeat("i", 257), with("nickname", "n"), `server identifier of 257 bytes`},
		{"identifier like a key", "v0-" + strings.ToUpper(key), with("nickname", "n"), `looks like a public key and is none`},
		{"connections", "s", map[string]any{"ann": with("nickname", "n")["ann"], "connections": 1}, `"connections" is not a table`},
		{"connection", "s", map[string]any{"ann": with("nickname", "n")["ann"], "connections": map[string]any{"tcp": "udp"}}, `"connections": "tcp" must be tcp, tor or disabled`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := grid.ParseStatic(map[string]any{test.id: test.entry})
			if len(got) != 0 || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, %v, want error with %s", got, err, test.want)
			}
			if strings.Contains(err.Error(), swissnum) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error quotes a secret or has several lines: %v", err)
			}
		})
	}
}

// TestSwissnumsAreNotPrinted prints everything that holds one, with every verb, bare and nested.
func TestSwissnumsAreNotPrinted(t *testing.T) {
	a := grid.Announcement{ID: "v0-" + key, Nickname: "attic", FURL: furl, NURLs: []string{nurl}}
	s, err := grid.NewServer(a, storagetest.NewMem(storagetest.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	b := grid.NewBroker(nil, grid.BrokerConfig{})
	if err := b.Set(grid.Static, []grid.Announcement{a}); err != nil {
		t.Fatal(err)
	}
	values := map[string]any{
		"announcement": a, "pointer": &a, "list": []grid.Announcement{a}, "nested": struct{ A grid.Announcement }{a},
		"server": s, "broker": b, "nested server": struct{ s *grid.Server }{s}, "servers": grid.Fixed(s),
		"status": s.Status(), "statuses": b.Statuses(), "error": errors.Join(&grid.ServerError{Server: s.String(), Op: "x", Err: storage.ErrNotFound}),
	}
	for name, v := range values {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		j, _ := json.Marshal(v)
		for _, text := range []string{out.String(), log.String(), string(j)} {
			if strings.Contains(text, swissnum) || strings.Contains(text, hexOf([]byte(swissnum))) {
				t.Errorf("%s prints its swissnum: %s", name, text)
			}
		}
	}
	if got, want := fmt.Sprintf("%v", a), "attic (4uazse3x)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNamesAreFitToPrint(t *testing.T) {
	tests := []struct {
		name     string
		a        grid.Announcement
		wantName string
		wantText string
	}{
		{"nickname", grid.Announcement{ID: "v0-" + key, Nickname: "attic"}, "attic", "attic (4uazse3x)"},
		{"no nickname", grid.Announcement{ID: "v0-" + key}, "4uazse3x", "4uazse3x"},
		{"same", grid.Announcement{ID: "attic", Nickname: "attic"}, "attic", "attic"},
		{"terminal codes", grid.Announcement{ID: "a\x1b[2J", Nickname: "\x1b[31mred\nline\xff"}, "[31mredline", "[31mredline (a[2J)"},
		{"long", grid.Announcement{ID: "a", Nickname: strings.Repeat("ü", 200)}, strings.Repeat("ü", 99) + "…", strings.Repeat("ü", 99) + "… (a)"},
		{"blank", grid.Announcement{ID: "abcdefghijk", Nickname: " \t "}, "abcdefgh", "abcdefgh"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.a.FURL = furl
			s, err := grid.NewServer(test.a, storagetest.NewMem(storagetest.Config{}))
			if err != nil {
				t.Fatal(err)
			}
			if s.Name() != test.wantName || s.String() != test.wantText {
				t.Errorf("got %q and %q, want %q and %q", s.Name(), s.String(), test.wantName, test.wantText)
			}
		})
	}
}

// FuzzParseAnnouncement parses what a stranger may announce. What is accepted makes a server, and is accepted again when
// it is written down; what is refused is refused without quoting it.
func FuzzParseAnnouncement(f *testing.F) {
	f.Add("v0-"+key, `{"anonymous-storage-FURL":"`+furl+`","anonymous-storage-NURLs":["`+nurl+`"],"permutation-seed-base32":"`+tub+`","nickname":"n"}`)
	f.Add("s", `{"anonymous-storage-FURL":7,"nickname":[]}`)
	f.Fuzz(func(t *testing.T, id, text string) {
		var ann map[string]any
		if json.Unmarshal([]byte(text), &ann) != nil {
			return
		}
		a, err := grid.ParseAnnouncement(grid.ServerID(id), ann)
		if err != nil {
			if s, ok := ann["anonymous-storage-FURL"].(string); ok && len(s) > 70 && strings.Contains(err.Error(), s) {
				t.Errorf("error quotes the FURL: %v", err)
			}
			return
		}
		again := map[string]any{"anonymous-storage-FURL": a.FURL, "nickname": a.Nickname, "my-version": a.Application}
		if a.NURLs != nil {
			list := make([]any, len(a.NURLs))
			for i, n := range a.NURLs {
				list[i] = n
			}
			again["anonymous-storage-NURLs"] = list
		}
		if a.Seed != nil {
			again["permutation-seed-base32"] = base32.Encode(a.Seed)
		}
		b, err := grid.ParseAnnouncement(a.ID, again)
		if err != nil || !a.Equal(&b) {
			t.Errorf("written down and read again: %v, equal %v", err, a.Equal(&b))
		}
		if _, err := grid.NewServer(a, nil); err != nil {
			t.Errorf("accepted, but makes no server: %v", err)
		}
	})
}

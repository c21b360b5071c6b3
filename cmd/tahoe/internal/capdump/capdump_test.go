package capdump_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/cmd/tahoe/internal/capdump"
	"tahoe/internal/base32"
)

// secrets are those with which testdata/make.py had the original print.
func secrets(t *testing.T) capdump.With {
	t.Helper()
	node, err := base32.Decode("abcdefghijklmnopqrstuvwxyz234567")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := base32.Decode(strings.Repeat("a", 52))
	if err != nil {
		t.Fatal(err)
	}
	return capdump.With{Node: (*[20]byte)(node), Secret: secret}
}

// TestTextIsTheOriginals on capabilities of all kinds.
func TestTextIsTheOriginals(t *testing.T) {
	b, err := os.ReadFile("testdata/recorded.txt")
	if err != nil {
		t.Fatal(err)
	}
	records := strings.Split(strings.TrimSuffix(string(b), "--\n"), "--\n")
	if len(records) < 30 {
		t.Fatalf("only %d records", len(records))
	}
	for _, record := range records {
		head, want, _ := strings.Cut(record, "\n")
		text, with, _ := strings.Cut(head, " ")
		t.Run(head, func(t *testing.T) {
			c, err := caps.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			var w capdump.With
			if with != "" {
				w = secrets(t)
			}
			r := capdump.New(c, w)
			var got strings.Builder
			if err := r.Text(&got); err != nil || got.String() != want {
				t.Errorf("got %q, %v, want %q", got.String(), err, want)
			}
			if _, unknown := c.(caps.Unknown); r.Known() == unknown {
				t.Errorf("known: %v", r.Known())
			}
		})
	}
}

func TestLiteralDirectory(t *testing.T) {
	c, err := caps.Parse("URI:DIR2-LIT:")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := capdump.New(c, capdump.With{}).Text(&got); err != nil || got.String() != "\nLiteral Directory URI:\n data: ''\n" {
		t.Errorf("got %q, %v", got.String(), err)
	}
}

func TestJSON(t *testing.T) {
	c, err := caps.Parse("URI:LIT:mfra")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(capdump.New(c, capdump.With{}))
	if want := `{"data":"'ab'","kind":"Literal File URI"}`; err != nil || string(b) != want {
		t.Errorf("got %s, %v, want %s", b, err, want)
	}
}

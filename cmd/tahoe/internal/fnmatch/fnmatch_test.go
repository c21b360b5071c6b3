package fnmatch_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"tahoe/cmd/tahoe/internal/fnmatch"
)

// TestAsOriginal compares with what the original's matching says of the same names.
func TestAsOriginal(t *testing.T) {
	b, err := os.ReadFile("testdata/matches.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Names   []string
		Matches [][2]json.RawMessage
	}
	if err := json.Unmarshal(b, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded.Matches) < 30 || len(recorded.Names) < 40 {
		t.Fatalf("got %d patterns and %d names, want those recorded", len(recorded.Matches), len(recorded.Names))
	}
	for _, m := range recorded.Matches {
		var pattern string
		var want []string
		if json.Unmarshal(m[0], &pattern) != nil || json.Unmarshal(m[1], &want) != nil {
			t.Fatalf("got %s", m)
		}
		for _, name := range recorded.Names {
			if got := fnmatch.Compile(pattern).Match(name); got != slices.Contains(want, name) {
				t.Errorf("%q against %q: got %v", name, pattern, got)
			}
		}
	}
}

func TestSet(t *testing.T) {
	var s fnmatch.Set
	if s.Match("") || s.Match("x") {
		t.Error("an empty set matches")
	}
	s.Add("*.o")
	s.Add("core")
	for name, want := range map[string]bool{"a.o": true, "core": true, "core.c": false, "a.O": false} {
		if got := s.Match(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("*a*a*a*b", strings.Repeat("a", 100))
	f.Add("[!", "\xff")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p := fnmatch.Compile(pattern)
		p.Match(name)
		if !fnmatch.Compile("*"+pattern).Match(name) && p.Match(name) {
			t.Errorf("%q matches %q, but not with a star before it", pattern, name)
		}
	})
}

package crawlerstate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tahoe/internal/crawlerstate"
	"tahoe/internal/pickle"
)

const protocols = 6

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMigrateAsTheOriginal: testdata/make.py says how the pickles and the wanted texts were made.
func TestMigrateAsTheOriginal(t *testing.T) {
	for _, name := range crawlerstate.Names() {
		want := read(t, filepath.Join("testdata", name+".json"))
		for protocol := range protocols {
			t.Run(fmt.Sprintf("%s.%d", name, protocol), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), name)
				if err := os.WriteFile(path, read(t, fmt.Sprintf("testdata/%s.%d", name, protocol)), 0o600); err != nil {
					t.Fatal(err)
				}
				if r, err := crawlerstate.Migrate(path); err != nil || r != crawlerstate.Converted {
					t.Fatalf("got %v, %v", r, err)
				}
				if got := read(t, path+".json"); string(got) != string(want) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if r, err := crawlerstate.Migrate(path); err != nil || r != crawlerstate.Already {
					t.Errorf("the second time: got %v, %v", r, err)
				}
			})
		}
	}
	if r, err := crawlerstate.Migrate(filepath.Join(t.TempDir(), "bucket_counter.state")); err != nil || r != crawlerstate.NotFound {
		t.Errorf("of nothing: got %v, %v", r, err)
	}
}

// TestRefused: a file that is refused stays as it was.
func TestRefused(t *testing.T) {
	tests := []struct {
		name, text string
		want       error
	}{
		{"a call", "cposix\nsystem\n(S'true'\ntR.", pickle.ErrMalformed},
		{"a class", "\x80\x04\x8c\x05posix\x8c\x06system\x93.", pickle.ErrMalformed},
		{"an instance", "(iposix\nsystem\n.", pickle.ErrMalformed},
		{"an extension", "\x80\x02\x82\x01.", pickle.ErrMalformed},
		{"empty", "", pickle.ErrMalformed},
		{"JSON", `{"version": 1}`, pickle.ErrMalformed},
		{"a list", "].", crawlerstate.ErrState},
		{"no version", "}.", crawlerstate.ErrState},
		{"another version", "}U\x07versionK\x02s.", crawlerstate.ErrState},
		{"within itself", "}q\x00U\x07versionK\x01sU\x01ah\x00s.", crawlerstate.ErrState},
		{"a cycle that is none", "}U\x07versionK\x01sU\x0dcycle-to-dateK\x01s.", crawlerstate.ErrState},
		{"ages without pairs", "}U\x07versionK\x01sU\x0dcycle-to-date}U\x13lease-age-histogram}K\x01K\x01sss.", crawlerstate.ErrState},
		{"a laugh", "}U\x07versionK\x01sU\x01a(]q\x00" + laugh(40) + "ls.", crawlerstate.ErrState},
		{"a long text, often", "}U\x07versionK\x01sU\x01a(X\x00\x00\x10\x00" + strings.Repeat("x", 1<<20) + "q\x00" + strings.Repeat("h\x00", 1000) + "ls.", crawlerstate.ErrState},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bucket_counter.state")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := crawlerstate.Migrate(path); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if _, err := os.Stat(path + ".json"); err == nil || string(read(t, path)) != tt.text {
				t.Error("the files have changed")
			}
		})
	}
}

// laugh doubles a value n times, in a few bytes each.
func laugh(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "(h%ch%clq%c", rune(i), rune(i), rune(i+1))
	}
	return b.String()
}

// FuzzConvert: nothing but an error comes of bad bytes, and what is written is JSON, but for Python's own numbers.
func FuzzConvert(f *testing.F) {
	for _, name := range crawlerstate.Names() {
		for protocol := range protocols {
			f.Add(read(f, fmt.Sprintf("testdata/%s.%d", name, protocol)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, history := range []bool{false, true} {
			got, err := crawlerstate.Convert(b, history)
			if err == nil && !json.Valid(got) && !strings.Contains(string(got), "NaN") && !strings.Contains(string(got), "Infinity") {
				t.Errorf("%q is no JSON", got)
			}
			if err != nil && !errors.Is(err, pickle.ErrMalformed) && !errors.Is(err, crawlerstate.ErrState) {
				t.Errorf("got %v", err)
			}
		}
	})
}

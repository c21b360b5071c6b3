package caps_test

import (
	"errors"
	"strings"
	"testing"

	"tahoe/caps"
)

const (
	key  = "kdtsdze4ae7qbrrm6wpscy2ufi"
	hash = "euxrbsbwcdv4ugqftqf25asv5orpsw7e2hl3z6uj24sivawz6eiq"
)

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{name: "nothing", text: "", want: "it is empty"},
		{name: "a word", text: "hello", want: "does not begin with a kind and a colon"},
		{name: "no colon", text: "URI", want: "does not begin with a kind and a colon"},
		{name: "white space before", text: " URI:LIT:", want: "white space"},
		{name: "line end behind", text: "URI:LIT:\n", want: "white space"},
		{name: "white space within", text: "URI:SSK:" + key + ": " + hash, want: "white space"},
		{name: "no-break space", text: "URI:LIT:\u00a0", want: "white space"},
		{name: "zero byte", text: "URI:LIT:\x00", want: "unprintable"},
		{name: "invisible", text: "\u200bURI:LIT:", want: "unprintable"},
		{name: "not UTF-8", text: "x-new:\xff", want: "not UTF-8"},
		{name: "percent-encoded", text: "URI%3ALIT%3Amy", want: "percent-encoded"},
		{name: "percent-encoded in lower case", text: "URI%3aLIT%3amy:", want: "percent-encoded"},
		{name: "endless", text: "x-new:" + strings.Repeat("a", 1<<16), want: "too many"},

		{name: "kind alone", text: "URI:CHK", want: "URI:CHK: nothing follows"},
		{name: "no fields", text: "URI:CHK:", want: "URI:CHK: 5 fields must follow the kind, not 1"},
		{name: "too few fields", text: "URI:CHK:" + key + ":" + hash + ":3:10", want: "fields must follow the kind, not 4"},
		{name: "too many fields", text: "URI:CHK:" + key + ":" + hash + ":3:10:56:1", want: "fields must follow the kind, not 6"},
		{name: "short key", text: "URI:CHK:" + key[1:] + ":" + hash + ":3:10:56", want: "the key has 25 characters instead of 26"},
		{name: "long key", text: "URI:CHK:" + key + "a:" + hash + ":3:10:56", want: "the key has 27 characters instead of 26"},
		{name: "upper case key", text: "URI:CHK:" + strings.ToUpper(key) + ":" + hash + ":3:10:56", want: "the key: character 1 is not one of"},
		{name: "key with bits behind it", text: "URI:CHK:" + key[:25] + "j:" + hash + ":3:10:56", want: "the key: the last character"},
		{name: "short hash", text: "URI:CHK:" + key + ":" + hash[1:] + ":3:10:56", want: "the hash has 51 characters instead of 52"},
		{name: "hash with bits behind it", text: "URI:CHK:" + key + ":" + hash[:51] + "r:3:10:56", want: "the hash: the last character"},
		{name: "no shares needed", text: "URI:CHK:" + key + ":" + hash + ":0:10:56", want: "no shares are needed"},
		{name: "more needed than total", text: "URI:CHK:" + key + ":" + hash + ":11:10:56", want: "more shares are needed than there are"},
		{name: "too many shares", text: "URI:CHK:" + key + ":" + hash + ":3:257:56", want: "more than 256 shares"},
		{name: "far too many shares", text: "URI:CHK:" + key + ":" + hash + ":3:9223372036854775807:56", want: "more than 256 shares"},
		{name: "needed missing", text: "URI:CHK:" + key + ":" + hash + "::10:56", want: "number of needed shares is missing"},
		{name: "needed with zeros", text: "URI:CHK:" + key + ":" + hash + ":03:10:56", want: "number of needed shares has leading zeros"},
		{name: "total with a sign", text: "URI:CHK:" + key + ":" + hash + ":3:+10:56", want: "number of total shares is not a decimal number"},
		{name: "negative size", text: "URI:CHK:" + key + ":" + hash + ":3:10:-1", want: "the size is not a decimal number"},
		{name: "size of 2^63", text: "URI:CHK:" + key + ":" + hash + ":3:10:9223372036854775808", want: "the size is too large"},
		{name: "digits of another script", text: "URI:CHK:" + key + ":" + hash + ":3:10:٣", want: "the size is not a decimal number"},
		{name: "verifier with something behind it", text: "URI:CHK-Verifier:" + key + ":" + hash + ":3:10:56x", want: "the size is not a decimal number"},
		{name: "short index", text: "URI:CHK-Verifier:" + key[1:] + ":" + hash + ":3:10:56", want: "the storage index has 25 characters"},

		{name: "literal of one character", text: "URI:LIT:m", want: "URI:LIT: the data: 1 is no possible number"},
		{name: "literal in upper case", text: "URI:LIT:MY", want: "the data: character 1"},
		{name: "literal with a field", text: "URI:LIT:my:my", want: "the data: character 3"},
		{name: "literal of 56 bytes", text: "URI:LIT:" + strings.Repeat("a", 90), want: "more than the 55 bytes"},

		{name: "SSK of one field", text: "URI:SSK:" + key, want: "2 fields must follow the kind, not 1"},
		{name: "SSK with a field more", text: "URI:SSK:" + key + ":" + hash + ":3", want: "2 fields must follow the kind, not 3"},
		{name: "SSK with a short fingerprint", text: "URI:SSK:" + key + ":" + key, want: "the fingerprint has 26 characters instead of 52"},
		{name: "SSK-RO with a bad key", text: "URI:SSK-RO:" + key[:25] + "1:" + hash, want: "URI:SSK-RO: the key: character 26"},
		{name: "SSK-Verifier", text: "URI:SSK-Verifier::" + hash, want: "the storage index has 0 characters"},
		{name: "MDMF", text: "URI:MDMF:" + key, want: "URI:MDMF: 2 fields must follow the kind, not 1"},
		{name: "MDMF with a long fingerprint", text: "URI:MDMF:" + key + ":" + hash + "a:3:131073", want: "URI:MDMF: the fingerprint has 53"},
		{name: "MDMF-RO", text: "URI:MDMF-RO:" + key[:24] + ":" + hash, want: "URI:MDMF-RO: the key has 24"},
		{name: "MDMF-Verifier", text: "URI:MDMF-Verifier:" + key, want: "URI:MDMF-Verifier: 2 fields must follow the kind, not 1"},

		{name: "DIR2", text: "URI:DIR2:" + key, want: "URI:DIR2: 2 fields must follow the kind, not 1"},
		{name: "DIR2-RO", text: "URI:DIR2-RO:" + key + ":" + hash + ":", want: "URI:DIR2-RO: 2 fields must follow the kind, not 3"},
		{name: "DIR2-Verifier", text: "URI:DIR2-Verifier:" + key + ":x", want: "URI:DIR2-Verifier: the fingerprint has 1"},
		{name: "DIR2-CHK", text: "URI:DIR2-CHK:" + key + ":" + hash + ":3:2:1", want: "URI:DIR2-CHK: more shares are needed"},
		{name: "DIR2-CHK-Verifier", text: "URI:DIR2-CHK-Verifier:" + key + ":" + hash, want: "URI:DIR2-CHK-Verifier: 5 fields must follow the kind, not 2"},
		{name: "DIR2-LIT", text: "URI:DIR2-LIT:!", want: "URI:DIR2-LIT: the data: character 1"},
		{name: "DIR2-MDMF", text: "URI:DIR2-MDMF:" + key, want: "URI:DIR2-MDMF: 2 fields must follow the kind, not 1"},
		{name: "DIR2-MDMF-RO", text: "URI:DIR2-MDMF-RO", want: "URI:DIR2-MDMF-RO: nothing follows"},
		{name: "DIR2-MDMF-Verifier", text: "URI:DIR2-MDMF-Verifier:" + key + ":", want: "URI:DIR2-MDMF-Verifier: the fingerprint has 0"},
		{name: "behind a prefix", text: "ro.URI:SSK-RO:" + key, want: "URI:SSK-RO: 2 fields must follow the kind, not 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := caps.Parse(c.text)
			if got != nil || !errors.Is(err, caps.ErrMalformed) {
				t.Fatalf("got %v, %v, want %v", got, err, caps.ErrMalformed)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %q, want one that says %q", err, c.want)
			}
			quotesNothing(t, err, c.text)
		})
	}
}

// quotesNothing checks that err holds no four characters of any field of text, but for the kind.
func quotesNothing(t *testing.T, err error, text string) {
	t.Helper()
	fields := strings.Split(text, ":")
	for _, f := range fields[min(2, len(fields)):] {
		for i := range len(f) - 3 {
			if strings.Contains(err.Error(), f[i:i+4]) {
				t.Errorf("error %q quotes %q", err, f[i:i+4])
				return
			}
		}
	}
}

func TestMDMFExtensionsAreDropped(t *testing.T) {
	for _, kind := range []string{"MDMF", "MDMF-RO", "MDMF-Verifier", "DIR2-MDMF", "DIR2-MDMF-RO", "DIR2-MDMF-Verifier"} {
		plain := "URI:" + kind + ":" + key + ":" + hash
		for _, extension := range []string{"", ":", ":3", ":3:131073", "::", ":hello-world:%41"} {
			if got := parse(t, plain+extension); got.Encode() != plain {
				t.Errorf("%s: got %s, want %s", plain+extension, got.Encode(), plain)
			}
		}
	}
}

func TestPrefixesOfKnownCapabilities(t *testing.T) {
	for _, c := range []struct {
		name, kind                string
		underReadOnly, underImmut error
	}{
		{name: "write", kind: "SSK", underReadOnly: caps.ErrTooPowerful, underImmut: caps.ErrNotImmutable},
		{name: "MDMF write", kind: "MDMF", underReadOnly: caps.ErrTooPowerful, underImmut: caps.ErrNotImmutable},
		{name: "directory write", kind: "DIR2", underReadOnly: caps.ErrTooPowerful, underImmut: caps.ErrNotImmutable},
		{name: "MDMF directory write", kind: "DIR2-MDMF", underReadOnly: caps.ErrTooPowerful, underImmut: caps.ErrNotImmutable},
		{name: "read", kind: "SSK-RO", underImmut: caps.ErrNotImmutable},
		{name: "MDMF read", kind: "MDMF-RO", underImmut: caps.ErrNotImmutable},
		{name: "directory read", kind: "DIR2-RO", underImmut: caps.ErrNotImmutable},
		{name: "MDMF directory read", kind: "DIR2-MDMF-RO", underImmut: caps.ErrNotImmutable},
		{name: "verify", kind: "SSK-Verifier"},
		{name: "MDMF verify", kind: "MDMF-Verifier"},
		{name: "directory verify", kind: "DIR2-Verifier"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "URI:" + c.kind + ":" + key + ":" + hash
			prefixed(t, "ro.", text, c.underReadOnly)
			prefixed(t, "imm.", text, c.underImmut)
		})
	}
	for _, text := range []string{"URI:LIT:my", "URI:DIR2-LIT:my", "URI:CHK:" + key + ":" + hash + ":3:10:56"} {
		prefixed(t, "ro.", text, nil)
		prefixed(t, "imm.", text, nil)
	}
}

func prefixed(t *testing.T, prefix, text string, want error) {
	t.Helper()
	got, err := caps.Parse(prefix + text)
	if !errors.Is(err, want) {
		t.Errorf("%s%s: got %v, want %v", prefix, text, err, want)
	}
	switch {
	case err != nil && got != nil:
		t.Errorf("%s%s: got %v with an error", prefix, text, got)
	case err != nil:
		quotesNothing(t, err, text)
	case got != parse(t, text):
		t.Errorf("%s%s: got %v, want it without the prefix", prefix, text, got)
	}
}

func TestUnknown(t *testing.T) {
	for _, c := range []struct {
		name, text string
		constraint caps.Constraint
		want       error
	}{
		{name: "new kind", text: "URI:NEW:abc"},
		{name: "kind in lower case", text: "URI:chk:abc"},
		{name: "another scheme", text: "x-tahoe-crazy://I_am_from_the_future."},
		{name: "not ASCII", text: "lafs://from_the_future_rw_\u263a"},
		{name: "read-only", text: "ro.x-tahoe-crazy:1", constraint: caps.ReadOnlyPower},
		{name: "immutable", text: "imm.x-tahoe-crazy:1", constraint: caps.DeepImmutable},
		{name: "two prefixes", text: "ro.imm.x-tahoe-crazy:1", constraint: caps.ReadOnlyPower},
		{name: "two prefixes of a known kind", text: "ro.ro.URI:LIT:my", constraint: caps.ReadOnlyPower},
		{name: "writable one of the future", text: "x-tahoe-future-test-writeable:1"},
		{name: "writable one, said to be read-only", text: "ro.x-tahoe-future-test-writeable:1", want: caps.ErrTooPowerful},
		{name: "writable one, said to be immutable", text: "imm.x-tahoe-future-test-writeable:1", want: caps.ErrNotImmutable},
		{name: "mutable one of the future", text: "x-tahoe-future-test-mutable:1"},
		{name: "mutable one, said to be read-only", text: "ro.x-tahoe-future-test-mutable:1", constraint: caps.ReadOnlyPower},
		{name: "mutable one, said to be immutable", text: "imm.x-tahoe-future-test-mutable:1", want: caps.ErrNotImmutable},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := caps.Parse(c.text)
			if c.want != nil {
				if got != nil || !errors.Is(err, c.want) {
					t.Errorf("got %v, %v, want %v", got, err, c.want)
				}
				return
			}
			u, ok := got.(caps.Unknown)
			if err != nil || !ok {
				t.Fatalf("got %T, %v, want Unknown", got, err)
			}
			if u.Encode() != c.text {
				t.Errorf("got %q back, want %q", u.Encode(), c.text)
			}
			if u.Constraint() != c.constraint {
				t.Errorf("got constraint %v, want %v", u.Constraint(), c.constraint)
			}
			_, reads := got.(caps.Read)
			_, verifies := got.(caps.Verify)
			if reads || verifies || caps.IsDirectory(got) || caps.IsMutable(got) {
				t.Error("more is claimed of it than anybody knows")
			}
		})
	}
}

func TestUnknownCanOnlyBeConstrainedFurther(t *testing.T) {
	for _, c := range []struct {
		name, text string
		constraint caps.Constraint
		want       string
		err        error
	}{
		{name: "nothing more", text: "x-new:1", constraint: caps.AnyPower, want: "x-new:1"},
		{name: "read-only", text: "x-new:1", constraint: caps.ReadOnlyPower, want: "ro.x-new:1"},
		{name: "immutable", text: "x-new:1", constraint: caps.DeepImmutable, want: "imm.x-new:1"},
		{name: "from read-only to immutable", text: "ro.x-new:1", constraint: caps.DeepImmutable, want: "imm.x-new:1"},
		{name: "read-only already", text: "ro.x-new:1", constraint: caps.ReadOnlyPower, want: "ro.x-new:1"},
		{name: "immutable is read-only", text: "imm.x-new:1", constraint: caps.ReadOnlyPower, want: "imm.x-new:1"},
		{name: "never less", text: "imm.x-new:1", constraint: caps.AnyPower, want: "imm.x-new:1"},
		{name: "writable one", text: "x-tahoe-future-test-writeable:1", constraint: caps.ReadOnlyPower, err: caps.ErrTooPowerful},
		{name: "mutable one", text: "ro.x-tahoe-future-test-mutable:1", constraint: caps.DeepImmutable, err: caps.ErrNotImmutable},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, ok := parse(t, c.text).(caps.Unknown)
			if !ok {
				t.Fatal("it is known")
			}
			got, err := u.Constrained(c.constraint)
			if got.Encode() != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v, want %q, %v", got.Encode(), err, c.want, c.err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, row := range known() {
		f.Add(row[0])
		f.Add("ro." + row[0])
		f.Add("imm." + row[0])
		f.Add(row[0] + ":3:131073")
	}
	f.Add("x-tahoe-future-test-writeable:1")
	f.Add("URI:CHK::::::")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := caps.Parse(s)
		if err != nil {
			if c != nil || len(err.Error()) > 200 {
				t.Fatalf("got %v and an error of %d characters", c, len(err.Error()))
			}
			return
		}
		text := c.Encode()
		want := s
		if _, ok := c.(caps.Unknown); !ok {
			want = strings.TrimPrefix(strings.TrimPrefix(s, "imm."), "ro.")
		}
		if strings.Contains(text, "MDMF") && strings.HasPrefix(want, text+":") {
			want = text
		}
		if text != want {
			t.Errorf("%q comes back as %q", s, text)
		}
		if again, err := caps.Parse(text); err != nil || again != c {
			t.Errorf("%q comes back as %v, %v, want %v", text, again, err, c)
		}
		if _, isLiteral := c.(caps.Literal); !isLiteral && len(text) > 8 && strings.Contains(c.(interface{ String() string }).String(), text) {
			t.Errorf("printing it quotes it: %v", c)
		}
	})
}

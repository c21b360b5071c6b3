package auth_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"log/slog"
	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/auth/authtest"
	"tahoe/reactor/reactortest"
)

func TestAccountFileIsAChecker(t *testing.T) {
	argon := hash(t, "open sesame")
	bc := cheapBcrypt(t, "open sesame")
	for name, h := range map[string]string{"argon2id": argon, "bcrypt": bc} {
		t.Run(name, func(t *testing.T) {
			authtest.Run(t, func(t *testing.T) authtest.World {
				root := testRoot(t, "alice")
				key, words := testKey(t, "alice's key")
				other, otherWords := testKey(t, "bob's key")
				f, err := auth.OpenAccountFile(writeAccounts(t,
					"# people", "", "\t", "alice "+h+" "+root.Encode(), "alice "+words+" alice@home with a comment "+root.Encode(),
					"bob "+otherWords+" "+testRoot(t, "bob").Encode()), auth.FileConfig{})
				if err != nil {
					t.Fatal(err)
				}
				return authtest.World{Checker: f, Name: "alice", Password: "open sesame", Key: key, OtherKey: other, Root: root}
			})
		})
	}
}

func TestParseLine(t *testing.T) {
	root := testRoot(t, "x")
	_, words := testKey(t, "k")
	cap, h := root.Encode(), hash(t, "secret")
	readOnly, _ := caps.ReadOnly(root)
	tests := []struct {
		name string
		line string
		want auth.Account
		err  string
	}{
		{name: "the original's", line: "n " + words + " " + cap, want: auth.Account{Name: "n", Root: root}},
		{name: "with a comment", line: "n " + words + "  a read-only\tcomment " + cap, want: auth.Account{Name: "n", Root: root}},
		{name: "a comment like a capability", line: "n " + words + " URI:x " + cap, want: auth.Account{Name: "n", Root: root}},
		{name: "a name that is not ASCII", line: "Zoë " + h + " " + cap, want: auth.Account{Name: "Zoë", Root: root}},
		{name: "options", line: "n " + h + " " + cap + " read-only quota=10GiB no-uri", want: auth.Account{Name: "n", Root: root, ReadOnly: true, Quota: 10 << 30, NoPaths: true}},
		{name: "a read capability", line: "n " + h + " " + readOnly.Encode(), want: auth.Account{Name: "n", Root: readOnly}},
		{name: "plain text", line: "n hunter2 " + cap, err: "a password in plain text"},
		{name: "no capability", line: "n " + words, err: "there is no capability in it"},
		{name: "no proof", line: "n " + cap, err: "in this order"},
		{name: "no name", line: words + " " + cap, err: ""},
		{name: "a file", line: "n " + words + " URI:LIT:krugkidfnzsc4", err: "LIT(8 bytes) is not the capability of a directory"},
		{name: "a broken capability", line: "n " + words + " " + cap[:40], err: "the capability cannot be read"},
		{name: "a broken key", line: "n ssh-ed25519 AAAA " + cap, err: "the public key is damaged"},
		{name: "a key of another kind", line: "n ssh-rsa " + strings.Fields(words)[1] + " " + cap, err: "of another kind"},
		{name: "no key", line: "n ssh-rsa " + cap, err: "the public key is missing"},
		{name: "an unknown hash", line: "n $1$abc$def " + cap, err: "of no known kind"},
		{name: "a greedy hash", line: "n $argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$" + strings.Repeat("A", 43) + " " + cap, err: "demands too much"},
		{name: "a hash and more", line: "n " + h + " x " + cap, err: "between the password hash and the capability"},
		{name: "an unknown option", line: "n " + h + " " + cap + " readonly", err: "that is no option"},
		{name: "a bad quota", line: "n " + h + " " + cap + " quota=lots", err: "the option quota: a size is a number"},
		{name: "not UTF-8", line: "n\xff " + h + " " + cap, err: "not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := auth.ParseLine(tt.line)
			if tt.want != (auth.Account{}) {
				if err != nil || l.Account != tt.want {
					t.Errorf("got %+v, %v, want %+v", l.Account, err, tt.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("got %v, want %q in it", err, tt.err)
			}
			for _, word := range strings.Fields(tt.line)[1:] {
				if len(word) > 8 && strings.Contains(err.Error(), word) {
					t.Errorf("the error tells what stands in the line: %v", err)
				}
			}
		})
	}
}

func TestAccountFileErrorsNameTheLine(t *testing.T) {
	cap, h := testRoot(t, "x").Encode(), hash(t, "secret")
	_, words := testKey(t, "k")
	tests := []struct {
		name  string
		lines []string
		line  int
		want  string
	}{
		{"plain text", []string{"# c", "", "n hunter2hunter2 " + cap}, 3, `"tahoe account hash --convert"`},
		{"two passwords", []string{"n " + h + " " + cap, "n " + h + " " + cap}, 2, "a password already"},
		{"two roots", []string{"n " + words + " " + cap, "n " + words + " " + testRoot(t, "y").Encode()}, 2, "with another capability or other options"},
		{"other options", []string{"n " + words + " " + cap, "n " + h + " " + cap + " read-only"}, 2, "with another capability or other options"},
		{"a long line", []string{"# c", "n " + strings.Repeat("x", 70_000)}, 2, "longer than 64 KiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := auth.OpenAccountFile(writeAccounts(t, tt.lines...), auth.FileConfig{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), cap) {
				t.Fatalf("got %v, want %q and no secret", err, tt.want)
			}
			var at *auth.LineError
			if plain := errors.Is(err, auth.ErrPlainPassword); plain != (tt.name == "plain text") {
				t.Errorf("is ErrPlainPassword: got %v", plain)
			}
			if errors.As(err, &at) && at.Line != tt.line || !strings.Contains(err.Error(), "line ") {
				t.Errorf("got %v, want line %d", err, tt.line)
			}
		})
	}
	if _, err := auth.OpenAccountFile(t.TempDir()+"/absent", auth.FileConfig{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: got %v", err)
	}
}

func TestAccountFileIsReadAgain(t *testing.T) {
	root := testRoot(t, "x")
	a, aWords := testKey(t, "a")
	b, bWords := testKey(t, "b")
	path := writeAccounts(t, "n "+aWords+" "+root.Encode())
	var log bytes.Buffer
	clock := reactortest.NewClock(time.Now())
	f, err := auth.OpenAccountFile(path, auth.FileConfig{Clock: clock, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	knows := func(k auth.PublicKey) bool {
		_, err := f.Check(t.Context(), auth.Login{Name: "n", Proof: k})
		return err == nil
	}
	if !knows(a) || knows(b) {
		t.Fatal("the first key is not the one that is known")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	serial := f.Serial()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil { // within one tick of the clock
			t.Fatal(err)
		}
	}
	write("n " + bWords + " " + root.Encode() + "\n")
	clock.Advance(time.Minute)
	if knows(a) || !knows(b) {
		t.Error("a change of the same size within one tick was not seen")
	}
	if f.Serial() == serial {
		t.Error("the serial number stays when the accounts change")
	}
	write("n hunter2 " + root.Encode() + "\n")
	if !knows(b) {
		t.Error("a broken file took the accounts away")
	}
	if f.Err() == nil || !strings.Contains(log.String(), "line 1") || strings.Contains(log.String(), "hunter2") {
		t.Errorf("got error %v and log %q, want the line named and not told", f.Err(), log.String())
	}
	write("# nobody\n")
	if knows(b) || f.Err() != nil || len(f.Names()) != 0 {
		t.Error("an empty file did not take the accounts away")
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "1k": 1000, "2KB": 2000, "2KiB": 2048, "10GiB": 10 << 30, "3T": 3e12, "7b": 7,
		"": 0, "0": 0, "-1": 0, "k": 0, "1ki": 1024, "1i": 0, "1kk": 0, "1.5G": 0, "9999999999T": 0, "99999999999999999999": 0,
	} {
		got, err := auth.ParseSize(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	root := testRoot(f, "x").Encode()
	_, words := testKey(f, "k")
	for _, s := range []string{
		"n " + words + " comment " + root, "n $2b$04$" + strings.Repeat("a", 53) + " " + root + " quota=1k",
		"n $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + strings.Repeat("A", 43) + " " + root + " read-only", "n hunter2 " + root, "URI:", "a b URI:DIR2:",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := auth.ParseLine(text)
		if err != nil {
			for word := range strings.FieldsSeq(text) {
				if len(word) > 24 && strings.Contains(err.Error(), word) {
					t.Errorf("the error tells what stands in the line: %v", err)
				}
			}
			return
		}
		again, err := auth.ParseLine(strings.Join(strings.Fields(text), "\t"))
		if err != nil || again.Account != l.Account || l.Name == "" || l.Root == nil {
			t.Errorf("got %+v, then %+v, %v", l.Account, again.Account, err)
		}
	})
}

package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tahoe/frontends/auth"
)

const (
	accountRootCap = "URI:DIR2:mfqwcylbmfqwcylbmfqwcylbme:mfqwcylbmfqwcylbmfqwcylbmfqwcylbmfqwcylbmfqwcylbmfqq"
	accountKey     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7cC8DVyuVGGWVjP4Yx6xfCgyHfyfUdBhUe1d6D8T4j"
)

func TestAccounts(t *testing.T) {
	dir := t.TempDir()
	node := filepath.Join(dir, "node")
	files := map[string]string{
		"node/tahoe.cfg": "[sftpd]\naccounts.file = private/people\n", "node/private/people": "# people of ours\n",
		"key.pub": accountKey + " me@home\n", "key": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []lineTest{
		{name: "nobody yet", line: "-d node account list"},
		{name: "with a password", line: "-d node account add alice " + accountRootCap, stdin: " open sesame\r\nrest"},
		{name: "with a key", line: "-d node account add bob " + accountRootCap + " --key key.pub --read-only --quota 10GB"},
		{name: "twice", line: "-d node account add bob " + accountRootCap, stdin: "x", code: codeFailure, err: "bob: there is such an account already"},
		{name: "without a password", line: "-d node account add carol " + accountRootCap, code: codeFailure, err: "a password has 1 to"},
		{name: "with a private key", line: "-d node account add carol " + accountRootCap + " --key key", code: codeFailure, err: "a private key"},
		{name: "of a file", line: "-d node account add carol URI:DIR2-CHK:x", stdin: "x", code: codeFailure, err: "cannot be read"},
		{name: "a bad quota", line: "-d node account add carol " + accountRootCap + " --quota x", code: codeUsage, err: "--quota"},
		{name: "a bad name", line: "-d node account add #x " + accountRootCap, stdin: "x", code: codeFailure, err: "begin with #"},
		{name: "list", line: "-d node account list", out: "bob\tDIR2("},
		{name: "list with keys", line: "-d node account list", out: "SHA256:"},
		{name: "list as JSON", line: "-d node account list --json", out: `"read_only":true,"no_uri":false,"quota":10000000000}`},
		{name: "passwd", line: "-d node account passwd bob", stdin: "hunter22\n"},
		{name: "passwd of nobody", line: "-d node account passwd dave", stdin: "x\n", code: codeFailure, err: "dave: there is no such account"},
		{name: "hash", line: "account hash", stdin: "x\n", out: "$argon2id$v=19$"},
		{name: "a password as an argument", line: "account hash x", code: codeUsage, err: "could be seen by others"},
		{name: "no name", line: "account add", code: codeUsage, err: "say the name"},
		{name: "no node", line: "-d none account list", code: codeFailure, err: "--accounts-file"},
	} {
		tt.run(t, dir)
	}
	path := filepath.Join(node, "private", "people")
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(b), "# people of ours\nalice $argon2id$") || strings.Contains(string(b), "sesame") || strings.Count(string(b), "bob ") != 2 {
		t.Errorf("got %v, %s", err, b)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("got mode %v, %v", info.Mode(), err)
	}
	checker, err := auth.OpenAccountFile(path, auth.FileConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for name, password := range map[string]string{"alice": " open sesame", "bob": "hunter22"} {
		if _, err := checker.Check(context.Background(), auth.Login{Name: name, Proof: auth.NewPassword(password)}); err != nil {
			t.Errorf("%s cannot sign in: %v", name, err)
		}
	}
	lineTest{name: "remove", line: "-d node account remove bob"}.run(t, dir)
	lineTest{name: "remove nobody", line: "-d node account remove bob", code: codeFailure, err: "no such account"}.run(t, dir)
	if b, _ := os.ReadFile(path); strings.Contains(string(b), "bob") {
		t.Errorf("bob is still there: %s", b)
	}
}

func TestAccountsInPlainText(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "accounts")
	text := "# old\n\nalice hunter2 " + accountRootCap + "\nbob " + accountKey + " a key " + accountRootCap + "\ncarol pass word " + accountRootCap + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lineTest{name: "list", line: "account list --accounts-file accounts", code: codeFailure, err: "line 3: a password in plain text"}.run(t, dir)
	lineTest{name: "blanks in a password", line: "account hash --convert --accounts-file accounts", code: codeFailure, err: "line 5: there is something between"}.run(t, dir)
	if b, _ := os.ReadFile(path); string(b) != text {
		t.Errorf("the file changed: %s", b)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, "pass word", "password", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	lineTest{name: "convert", line: "account hash --convert --accounts-file accounts", out: "2 passwords replaced"}.run(t, dir)
	lineTest{name: "again", line: "account hash --convert --accounts-file accounts", out: "0 passwords replaced"}.run(t, dir)
	checker, err := auth.OpenAccountFile(path, auth.FileConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checker.Check(context.Background(), auth.Login{Name: "alice", Proof: auth.NewPassword("hunter2")}); err != nil {
		t.Error(err)
	}
}

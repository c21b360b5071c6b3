package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharesDir is a node directory with shares that the original wrote.
const sharesNode = "internal/sharedump/testdata/node"

// commandLine runs a whole command line, and returns its exit code and what it printed.
func commandLine(t *testing.T, dir, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &Env{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }, Program: "tahoe", Dir: dir}
	code = run(t.Context(), e, args)
	return code, out.String(), errs.String()
}

// A lineTest is a command line, and what should come of it.
type lineTest struct {
	name, line string // words, with blanks between
	stdin      string
	code       int
	out, err   string // are in what is printed; empty: nothing is printed
}

func (tt lineTest) run(t *testing.T, dir string) {
	t.Run(tt.name, func(t *testing.T) {
		code, out, errs := commandLine(t, dir, tt.stdin, strings.Fields(tt.line)...)
		if code != tt.code || !strings.Contains(out, tt.out) || (out == "") != (tt.out == "") || !strings.Contains(errs, tt.err) || (errs == "") != (tt.err == "") {
			t.Errorf("got code %d, output %q, errors %q; want %d, %q, %q", code, out, errs, tt.code, tt.out, tt.err)
		}
	})
}

func TestDebug(t *testing.T) {
	node, err := filepath.Abs(sharesNode)
	if err != nil {
		t.Fatal(err)
	}
	shares, _ := filepath.Glob(filepath.Join(node, "storage", "shares", "*", "*", "3"))
	if len(shares) < 5 {
		t.Fatalf("only %d shares", len(shares))
	}
	index := filepath.Base(filepath.Dir(shares[0]))
	dir := t.TempDir()
	for name, text := range map[string]string{"text": "no share", "cap": "URI:LIT:mfra\n", "bad/storage/shares/aa/stray": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []lineTest{
		{name: "nothing", line: "debug", code: codeUsage, out: "catalog-shares", err: "must specify"},
		{name: "strange", line: "debug x", code: codeUsage, err: "x is not a command"},
		{name: "dump", line: "debug dump-share " + shares[0], out: "share filename: '" + shares[0] + "'"},
		{name: "offsets", line: "debug dump-share --offsets " + shares[0], out: "Section Offsets:"},
		{name: "dump as JSON", line: "debug dump-share --json " + shares[0], out: `"filename":"` + shares[0] + `"`},
		{name: "dump of nothing", line: "debug dump-share none", code: codeFailure, err: "none"},
		{name: "dump of a text", line: "debug dump-share text", code: codeFailure, err: "not a share container"},
		{name: "dump without a name", line: "debug dump-share", code: codeUsage, err: "one share file"},
		{name: "find", line: "debug find-shares " + index + " " + node, out: shares[0] + "\n"},
		{name: "find as JSON", line: "debug find-shares --json " + index + " " + node, out: `{"filename":"` + shares[0] + `"}`},
		{name: "find elsewhere", line: "debug find-shares " + index + " " + dir, out: ""},
		{name: "find nowhere", line: "debug find-shares " + index + " none", code: codeFailure, err: "one file or directory could not be read"},
		{name: "find what is no index", line: "debug find-shares x " + node, code: codeUsage, err: "26 characters"},
		{name: "catalog", line: "debug catalog-shares " + node, out: "SDMF "},
		{name: "catalog as JSON", line: "debug catalog-shares --json " + node, out: `"kind":"SDMF"`},
		{name: "catalog goes on", line: "debug catalog-shares bad none " + node, code: codeFailure, out: "MDMF ", err: "2 files or directories"},
		{name: "catalog of nothing", line: "debug catalog-shares", code: codeUsage, err: "at least one"},
		{name: "corrupt a text", line: "debug corrupt-share text", code: codeFailure, err: "not a share container"},
		{name: "corrupt elsewhere", line: "debug corrupt-share -o 7 text", code: codeUsage, err: "block-random"},
		{name: "cap", line: "debug dump-cap URI:LIT:mfra", out: "\nLiteral File URI:\n data: 'ab'\n"},
		{name: "cap in a URL", line: "debug dump-cap http://127.0.0.1:3456/uri/URI%3ALIT%3Amfra", out: "data: 'ab'"},
		{name: "cap in a file", line: "debug dump-cap --cap-file cap", out: "data: 'ab'"},
		{name: "cap on stdin", line: "debug dump-cap --json --cap-file -", stdin: "URI:LIT:mfra", out: `"data":"'ab'"`},
		{name: "cap of the future", line: "debug dump-cap lafs:x", out: "unknown cap type"},
		{name: "bad cap", line: "debug dump-cap URI:CHK:secret", code: codeFailure, err: "malformed"},
		{name: "two caps", line: "debug dump-cap --cap-file cap URI:LIT:", code: codeUsage, err: "not both"},
		{name: "no cap", line: "debug dump-cap", code: codeUsage, err: "one capability"},
		{name: "bad nodeid", line: "debug dump-cap -n x URI:LIT:", code: codeUsage, err: "my_nodeid"},
		{name: "bad secret", line: "debug dump-cap -c 1 URI:LIT:", code: codeUsage, err: "private/secret"},
		{name: "no client", line: "debug dump-cap -d none URI:LIT:", code: codeFailure, err: "--client-dir"},
		{name: "flogtool", line: "debug flogtool dump --x y", code: codeFailure, err: "flogtool is gone"},
		{name: "repl", line: "debug repl", code: codeFailure, err: "repl is gone"},
		{name: "trial", line: "debug trial", code: codeFailure, err: "trial is gone"},
	} {
		tt.run(t, dir)
	}
}

func TestCorruptShare(t *testing.T) {
	shares, _ := filepath.Glob(filepath.Join(sharesNode, "storage", "shares", "lw", "*", "3"))
	if len(shares) != 1 {
		t.Fatalf("got %v", shares)
	}
	old, err := os.ReadFile(shares[0])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "0")
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := commandLine(t, dir, "", "debug", "corrupt-share", "--json", "0")
	var flip struct {
		Offset int
		Bit    int
	}
	if err := json.Unmarshal([]byte(out), &flip); code != codeOK || err != nil {
		t.Fatalf("got %d, %q, %v", code, out, err)
	}
	old[flip.Offset] ^= 1 << flip.Bit
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, old) {
		t.Errorf("what was told is not what was done: %s, %v", out, err)
	}
}

func TestGlobalOptions(t *testing.T) {
	for _, tt := range []lineTest{
		{name: "wormhole", line: "--wormhole-server=ws://x --version", out: "tahoe-go/", err: "--wormhole-server does nothing"},
		{name: "version and path", line: "--version-and-path", out: "tahoe-go/"},
		{name: "told at a command", line: "--wormhole-invite-appid x --eliot-destination file:y debug dump-cap URI:LIT:", out: "Literal", err: "--eliot-destination does nothing"},
		{name: "destinations", line: "--help-eliot-destinations", out: "There are no Eliot destinations"},
		{name: "invite", line: "invite alice", code: codeFailure, err: "invites are not supported"},
		{name: "join", line: "create-client --join 1-a-b new", code: codeUsage, err: "--join is not supported"},
	} {
		tt.run(t, t.TempDir())
	}
}

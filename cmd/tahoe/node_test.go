package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/node"
	"tahoe/node/config"
)

// A syncBuffer is written by a command and read by its test at the same time.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// tahoe runs a command line, and returns its code and output.
func tahoe(t *testing.T, dir string, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr syncBuffer
	e := &Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return dir }, Program: "tahoe", Dir: dir}
	code = run(t.Context(), e, args)
	return code, stdout.String(), stderr.String()
}

// busyPort is an endpoint on which somebody listens until the test ends.
func busyPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return fmt.Sprintf("tcp:%d:interface=127.0.0.1", l.Addr().(*net.TCPAddr).Port)
}

func edit(t *testing.T, dir, section, key, value string) {
	t.Helper()
	path := filepath.Join(dir, "tahoe.cfg")
	f, err := config.Read(path)
	if err == nil {
		err = f.Set(section, key, value)
	}
	if err == nil {
		err = os.WriteFile(path, f.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBadInput: one sentence on standard error, and the right code.
func TestBadInput(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	if _, err := node.Create(made, node.CreateConfig{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	taken := busyPort(t)
	setting := func(section, key, value string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { edit(t, dir, section, key, value) }
	}
	tests := []struct {
		name string
		args []string
		edit func(t *testing.T, dir string)
		code int
		want string
	}{
		{"no command", nil, nil, codeUsage, "tahoe: must specify a command"},
		{"unknown command", []string{"frobnicate"}, nil, codeUsage, `tahoe: "frobnicate" is not a command of tahoe`},
		{"unknown option", []string{"run", "--frobnicate"}, nil, codeUsage, "tahoe: unknown flag: --frobnicate"},
		{"unknown option before the command", []string{"-u", "x", "ls"}, nil, codeUsage, "tahoe: unknown shorthand flag: 'u' in -u"},
		{"option without its value", []string{"-d"}, nil, codeUsage, "tahoe: flag needs an argument"},
		{"twice the directory", []string{"-d", "a", "run", "b"}, nil, codeUsage, "tahoe: the node directory is given twice; leave one of them out"},
		{"two directories", []string{"create-client", "a", "b"}, nil, codeUsage, "tahoe: create-client takes at most 1 of the 2 arguments given"},
		{"no name", []string{"create-client", ""}, nil, codeUsage, "tahoe: the name of the node directory is empty"},
		{"no name to run", []string{"run", "a", ""}, nil, codeUsage, "tahoe: the name of a node directory is empty"},
		{"twistd options", []string{"run", "a", "--", "--nodaemon"}, nil, codeUsage, `tahoe: "--nodaemon" is not a node directory; options of twistd are not for this program`},

		{"k > n", []string{"create-client", "--shares-needed=11", "a"}, nil, codeUsage, "tahoe: --shares-needed (11) and --shares-happy (7) must not be more than --shares-total (10)"},
		{"n > 256", []string{"create-client", "--shares-total=257", "a"}, nil, codeUsage, "tahoe: --shares-total is 257, but must be from 1 to 256"},
		{"not a number", []string{"create-client", "--shares-total=ten", "a"}, nil, codeUsage, "tahoe: invalid argument \"ten\" for \"--shares-total\" flag\n"},
		{"join", []string{"create-client", "--join=1-a-b", "a"}, nil, codeUsage, "tahoe: --join is not supported yet"},
		{"hide-ip", []string{"create-node", "--hide-ip", "a"}, nil, codeUsage, "tahoe: --hide-ip needs Tor or I2P, which are not supported yet"},
		{"tor", []string{"create-node", "--listen=tor", "a"}, nil, codeUsage, "tahoe: Tor and I2P are not supported yet"},
		{"tor option", []string{"create-node", "--tor-launch", "a"}, nil, codeUsage, "tahoe: Tor and I2P are not supported yet"},
		{"location alone", []string{"create-node", "--location=tcp:a:1", "a"}, nil, codeUsage, "tahoe: --location must be used with --port"},
		{"port alone", []string{"create-node", "--port=1", "a"}, nil, codeUsage, "tahoe: --port must be used with --location"},
		{"hostname too", []string{"create-node", "--port=1", "--location=tcp:a:1", "--hostname=a", "a"}, nil, codeUsage, "tahoe: --hostname cannot be used with --port and --location"},
		{"none and hostname", []string{"create-node", "--listen=none", "--hostname=a", "a"}, nil, codeUsage, "tahoe: --hostname cannot be used with --listen=none"},
		{"none and storage", []string{"create-node", "--listen=none", "a"}, nil, codeUsage, "tahoe: storage needs a port to listen on"},
		{"no hostname", []string{"create-node", "a"}, nil, codeUsage, "tahoe: a node that listens needs --hostname=NAME"},
		{"bad port", []string{"create-node", "--port=tcp:0", "--location=tcp:a:1", "a"}, nil, codeFailure, "tahoe: tub.port cannot be 0: you must choose"},
		{"bad web port", []string{"create-client", "--webport=unix:web.sock", "a"}, nil, codeFailure, `tahoe: web.port is "unix:web.sock", which is not a TCP endpoint`},
		{"introducer nowhere", []string{"create-introducer", "--hostname=a"}, nil, codeUsage, "tahoe: say where to make the introducer"},
		{"introducer that nobody reaches", []string{"create-introducer", "--listen=none", "a"}, nil, codeUsage, "tahoe: an introducer must listen"},
		{"introducer without a name", []string{"create-introducer", "a"}, nil, codeUsage, "tahoe: a node that listens needs --hostname=NAME"},
		{"introducer by Tor", []string{"create-introducer", "--hide-ip", "a"}, nil, codeUsage, "tahoe: --hide-ip needs Tor or I2P"},
		{"introducer on a bad port", []string{"create-introducer", "--port=tcp:0", "--location=tcp:a:1", "a"}, nil, codeFailure, "tahoe: tub.port cannot be 0"},
		{"introducer in a full directory", []string{"create-introducer", "--hostname=a", made}, nil, codeNotEmpty, "is not empty; use a different directory"},
		{"bad introducer", []string{"create-client", "--introducer=secret", "a"}, nil, codeFailure, "tahoe: the introducer is not a FURL"},
		{"not empty", []string{"create-client", made}, nil, codeNotEmpty, "tahoe: the base directory " + made + " is not empty; use a different directory, or empty this one"},

		{"not a node", []string{"run", "."}, nil, codeFailure, "is not a node directory, since it holds no tahoe-client.tac"},
		{"no directory", []string{"run", "nowhere"}, nil, codeFailure, "does not exist, so it is not a node directory"},
		{"default directory", []string{"run"}, nil, codeFailure, ".tahoe does not exist, so it is not a node directory"},
		{"unknown key", []string{"run", "n"}, setting("storage", "sizelimit", "1"), codeFailure, "[storage] sizelimit is not a setting that this program knows; it was replaced by reserved_space, which says what is left free, and limit"},
		{"reserved_space", []string{"run", "n"}, setting("storage", "reserved_space", "lots"), codeFailure, `[storage] reserved_space is "lots", which is not a size; write digits and a unit, such as 500M or 10GiB`},
		{"needed", []string{"run", "n"}, setting("client", "shares.needed", "11"), codeFailure, "[client] shares.needed is 11, which is more than shares.total = 10"},
		{"total", []string{"run", "n"}, setting("client", "shares.total", "257"), codeFailure, "[client] shares.total is 257, but must be from 1 to 256"},
		{"tub.port", []string{"run", "n"}, setting("node", "tub.port", "0"), codeFailure, "[node] tub.port cannot be 0: you must choose"},
		{"busy port", []string{"run", "n"}, setting("node", "web.port", taken), codeFailure, "web.port is " + taken + ", but another program listens on that port"},
		{"twice in one process", []string{"run", "n", "n"}, nil, codeFailure, "is already running, as process"},
		{"demo elsewhere", []string{"demo", "."}, func(t *testing.T, dir string) { edit(t, dir, "node", "nickname", "x") }, codeNotEmpty, "is not empty; use a different directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.edit != nil || tt.name == "twice in one process" {
				if err := os.CopyFS(filepath.Join(dir, "n"), os.DirFS(made)); err != nil {
					t.Fatal(err)
				}
			}
			if tt.edit != nil {
				tt.edit(t, filepath.Join(dir, "n"))
			}
			code, _, stderr := tahoe(t, dir, tt.args...)
			if code != tt.code || !strings.Contains(stderr, tt.want) {
				t.Errorf("code %d, %q; want %d and %q", code, stderr, tt.code, tt.want)
			}
			lines := strings.Count(stderr, "\n")
			if hint := strings.Contains(stderr, "\nTry: tahoe"); lines != 1 && !(hint && lines == 2) || hint != (code == codeUsage) {
				t.Errorf("%q is not one sentence, with a hint for wrong usage alone", stderr)
			}
			if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
				t.Error("something was made in spite of it")
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for _, flag := range []string{"-V", "--version", "--version-and-path"} {
		if code, out, _ := tahoe(t, t.TempDir(), flag); code != codeOK || out != node.Version()+"\n" {
			t.Errorf("%s: %d, %q", flag, code, out)
		}
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	furl := "pb://" + strings.Repeat("a", 32) + "@tcp:example.org:1/introducer"
	code, out, stderr := tahoe(t, dir, "create-node", "--hostname=example.org", "--nickname=50% Alice", "--introducer="+furl, "--webport=none",
		"--shares-needed=2", "--shares-happy=3", "--shares-total=4", "--storage-dir=/elsewhere", "n")
	if code != codeOK || stderr != "" || !strings.Contains(out, "Node created in "+filepath.Join(dir, "n")) || !strings.Contains(out, "tahoe run ") {
		t.Fatalf("%d, %q, %q", code, out, stderr)
	}
	_, s, err := config.Load(filepath.Join(dir, "n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Nickname != "50% Alice" || s.Client.Needed != 2 || s.Client.Happy != 3 || s.Client.Total != 4 || s.Web != nil || !s.Storage.Enabled ||
		filepath.ToSlash(s.Storage.Dir) != "/elsewhere" || s.Storage.Reserved != 1e9 {
		t.Errorf("settings %+v", s)
	}
	if len(s.Tub.Listen) != 1 || len(s.Tub.Locations) != 1 || s.Tub.Locations[0].Host != "example.org" || s.Tub.Locations[0].Port != s.Tub.Listen[0].Port {
		t.Errorf("tub %+v", s.Tub)
	}
	yaml, err := os.ReadFile(filepath.Join(dir, "n", "private", "introducers.yaml"))
	if err != nil || !strings.Contains(string(yaml), furl) {
		t.Errorf("introducers.yaml: %q, %v", yaml, err)
	}
}

func TestCreateIntroducer(t *testing.T) {
	dir := t.TempDir()
	code, out, stderr := tahoe(t, dir, "create-introducer", "--hostname=example.org", "i")
	if code != codeOK || stderr != "" || !strings.Contains(out, "Introducer created in "+filepath.Join(dir, "i")) || !strings.Contains(out, "introducer.furl") {
		t.Fatalf("%d, %q, %q", code, out, stderr)
	}
	_, s, err := config.LoadIntroducer(filepath.Join(dir, "i"))
	if err != nil || s.Web != nil || len(s.Tub.Listen) != 1 || len(s.Tub.Locations) != 1 || s.Tub.Locations[0].Host != "example.org" {
		t.Errorf("settings %+v, %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "i", "tahoe-introducer.tac")); err != nil {
		t.Error(err)
	}
}

// TestCreateWhenTheWebPortIsTaken: another port is chosen, and told.
func TestCreateWhenTheWebPortIsTaken(t *testing.T) {
	if l, err := net.Listen("tcp4", "127.0.0.1:3456"); err == nil {
		defer l.Close()
	}
	dir := t.TempDir()
	code, out, stderr := tahoe(t, dir, "-d", "n", "create-client")
	if code != codeOK || !strings.Contains(out, "The usual web port is taken, so this node has tcp:") {
		t.Fatalf("%d, %q, %q", code, out, stderr)
	}
	_, s, err := config.Load(filepath.Join(dir, "n"))
	if err != nil || s.Web == nil || s.Web.Port == 3456 || s.Web.Host != "127.0.0.1" || s.Storage.Enabled || s.Tub.Enabled {
		t.Errorf("settings %+v, %v", s, err)
	}
}

// TestRun runs two nodes until their standard input is closed.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		if _, err := node.Create(filepath.Join(dir, name), node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1"}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	stdin, closer := io.Pipe()
	var out, errs syncBuffer
	e := &Env{Stdin: stdin, Stdout: &out, Stderr: &errs, Getenv: os.Getenv, Dir: dir}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan int, 1)
	go func() { done <- run(ctx, e, []string{"run", "one", "two"}) }()
	for strings.Count(out.String(), " web port: http://127.0.0.1:") < 2 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if !strings.Contains(out.String(), "running node in "+filepath.Join(dir, "two")) {
		t.Errorf("output %q, %q", out.String(), errs.String())
	}
	if code, _, stderr := tahoe(t, dir, "run", "two"); code != codeFailure || !strings.Contains(stderr, "is already running, as process") {
		t.Errorf("second run: %d, %q", code, stderr)
	}
	_ = closer.Close()
	if code := <-done; code != codeOK || ctx.Err() != nil || !strings.Contains(errs.String(), "standard input was closed") {
		t.Errorf("code %d, %q", code, errs.String())
	}
}

// TestHelp: every command has a short text and describes its options.
func TestHelp(t *testing.T) {
	_, list, _ := tahoe(t, t.TempDir(), "--help")
	for _, cmd := range commands(&Env{}) {
		name := cmd.Name()
		if cmd.Hidden {
			continue
		}
		if !strings.Contains(list, name) || cmd.Short == "" {
			t.Errorf("help does not list %s", name)
		}
		code, out, _ := tahoe(t, t.TempDir(), name, "--help")
		if code != codeOK || !strings.Contains(out, "tahoe "+name) {
			t.Errorf("%s --help: %d, %q", name, code, out)
		}
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/internal/gridmanager"
)

func TestGridManager(t *testing.T) {
	dir := t.TempDir()
	key := gridmanager.NewPrivateKey().Public().String()
	for _, tt := range []lineTest{
		{name: "nothing", line: "grid-manager", code: codeUsage, out: "public-identity", err: "must specify"},
		{name: "no config", line: "grid-manager list", code: codeUsage, err: "-c DIR"},
		{name: "not there", line: "grid-manager -c m list", code: codeFailure, err: "config.json"},
		{name: "create", line: "grid-manager -c m create"},
		{name: "create again", line: "grid-manager -c m create", code: codeFailure, err: "there already"},
		{name: "identity", line: "grid-manager -c m public-identity", out: "pub-v0-"},
		{name: "identity as JSON", line: "grid-manager -c m public-identity --json", out: `{"public_identity":"pub-v0-`},
		{name: "add", line: "grid-manager --config=m add alice " + key},
		{name: "add again", line: "grid-manager -c m add alice " + key, code: codeFailure, err: "already"},
		{name: "add a bad key", line: "grid-manager -c m add bob pub-v0-x", code: codeFailure, err: "node.pubkey"},
		{name: "add a bad name", line: "grid-manager -c m add ../x " + key, code: codeFailure, err: "not a name"},
		{name: "no days", line: "grid-manager -c m sign alice 0", code: codeUsage, err: "from 1 to 1825"},
		{name: "many days", line: "grid-manager -c m sign alice 1826", code: codeUsage, err: "from 1 to 1825"},
		{name: "sign a stranger", line: "grid-manager -c m sign bob 1", code: codeFailure, err: "no server of this name"},
		{name: "sign", line: "grid-manager -c m sign alice 1825", out: "{\n    \"certificate\": \"{\\\"expires\\\":"},
		{name: "sign as JSON", line: "grid-manager -c m sign --json alice 1", out: `"signature":`},
		{name: "list", line: "grid-manager -c m list", out: "alice: " + key + "\n       cert 0: valid until "},
		{name: "list as JSON", line: "grid-manager -c m list --json", out: `"valid":true`},
		{name: "remove a stranger", line: "grid-manager -c m remove bob", code: codeFailure, err: "no server of this name"},
		{name: "remove", line: "grid-manager -c m remove alice"},
		{name: "list nobody", line: "grid-manager -c m list", out: ""},
		{name: "bad stdin", line: "grid-manager -c - list", stdin: "x", code: codeFailure, err: "not JSON"},
	} {
		tt.run(t, dir)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "m", "*")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// TestGridManagerPiped: the manager goes from command to command.
func TestGridManagerPiped(t *testing.T) {
	key := gridmanager.NewPrivateKey().Public().String()
	text := ""
	for _, line := range []string{"create", "add alice " + key, "add bob " + key, "remove alice"} {
		code, out, errs := commandLine(t, t.TempDir(), text, append([]string{"grid-manager", "-c", "-"}, strings.Fields(line)...)...)
		if code != codeOK || errs != "" {
			t.Fatalf("%s: got %d, %q", line, code, errs)
		}
		text = out
	}
	for _, tt := range []lineTest{
		{name: "list", line: "grid-manager -c - list", stdin: text, out: "bob: " + key + "\n"},
		{name: "sign", line: "grid-manager -c - sign bob 3", stdin: text, out: "certificate"},
	} {
		tt.run(t, t.TempDir())
	}
}

// TestGridManagerListsBad: a certificate of somebody else is told, and is a failure.
func TestGridManagerListsBad(t *testing.T) {
	dir := t.TempDir()
	m := gridmanager.NewManager()
	if err := m.Add(gridmanager.Server{Name: "alice", Key: m.Key().Public()}); err != nil {
		t.Fatal(err)
	}
	if err := gridmanager.Dir(filepath.Join(dir, "m")).Create(m); err != nil {
		t.Fatal(err)
	}
	bad := gridmanager.NewPrivateKey().Sign(gridmanager.Certificate{Server: m.Key().Public(), Expires: time.Now().Add(time.Hour)})
	if err := os.WriteFile(filepath.Join(dir, "m", "alice.cert.0"), bad.Indented(), 0o600); err != nil {
		t.Fatal(err)
	}
	lineTest{name: "list", line: "grid-manager -c m list", code: codeFailure, out: "cert 0: no use", err: "1 certificates"}.run(t, dir)
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct{ line, want []string }{
		{nil, nil},
		{[]string{"/usr/bin/tahoe", "ls"}, []string{"ls"}},
		{[]string{"/usr/bin/grid-manager", "-c", "-", "list"}, []string{"grid-manager", "-c", "-", "list"}},
		{[]string{"Grid-Manager.exe"}, []string{"grid-manager"}},
	} {
		if got := arguments(tt.line); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%v: got %v, want %v", tt.line, got, tt.want)
		}
	}
}

func TestCertificateText(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		in   time.Duration
		want string
	}{
		{time.Second, "valid until 2027-01-01 00:00:01+00:00 (1 second in the future)"},
		{119*time.Second + time.Microsecond, "valid until 2027-01-01 00:01:59.000001+00:00 (119 seconds in the future)"},
		{2 * time.Minute, "valid until 2027-01-01 00:02:00+00:00 (2 minutes in the future)"},
		{3 * time.Hour, "valid until 2027-01-01 03:00:00+00:00 (3 hours in the future)"},
		{-48 * time.Hour, "expired 2026-12-30 00:00:00+00:00 (2 days ago)"},
		{-70 * 24 * time.Hour, "expired 2026-10-23 00:00:00+00:00 (2 months ago)"},
		{4 * 365 * 24 * time.Hour, "valid until 2030-12-31 00:00:00+00:00 (4 years in the future)"},
	} {
		if got := (listedCert{Expires: now.Add(tt.in)}).text(now); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

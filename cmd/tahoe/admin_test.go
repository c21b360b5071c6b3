package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/internal/gridmanager"
	"tahoe/node"
)

func TestAdminKeys(t *testing.T) {
	code, out, _ := commandLine(t, t.TempDir(), "", "admin", "generate-keypair")
	lines := strings.Split(out, "\n")
	if code != codeOK || len(lines) != 3 || !strings.HasPrefix(lines[0], "private: priv-v0-") || !strings.HasPrefix(lines[1], "public: pub-v0-") {
		t.Fatalf("got %d, %q", code, out)
	}
	private := strings.TrimPrefix(lines[0], "private: ")
	for _, tt := range []lineTest{
		{name: "derive", line: "admin derive-pubkey " + private, out: out},
		{name: "derive from stdin", line: "admin derive-pubkey -", stdin: private + "\n", out: out},
		{name: "derive as JSON", line: "admin derive-pubkey --json " + private, out: `"public":"pub-v0-`},
		{name: "derive from nothing", line: "admin derive-pubkey priv-v0-secret", code: codeFailure, err: "52 letters and digits"},
		{name: "nothing", line: "admin", code: codeUsage, out: "migrate-crawler", err: "must specify"},
	} {
		tt.run(t, t.TempDir())
	}
}

func TestMigrateCrawler(t *testing.T) {
	dir := t.TempDir()
	storage := filepath.Join(dir, "node", "storage")
	if err := os.MkdirAll(storage, 0o700); err != nil {
		t.Fatal(err)
	}
	pickle, err := os.ReadFile("../../internal/crawlerstate/testdata/bucket_counter.state.2")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(storage, "bucket_counter.state")
	if err := os.WriteFile(path, pickle, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []lineTest{
		{name: "no directory", line: "admin migrate-crawler -C none", code: codeFailure, err: "none"},
		{name: "convert", line: "admin migrate-crawler -C node", out: "Converted '" + path + "' to '" + path + ".json'\nNot found: '"},
		{name: "again", line: "-d node admin migrate-crawler", out: "Already converted: '" + path + ".json'"},
		{name: "again as JSON", line: "-d node admin migrate-crawler --json", out: `"result":"already converted"`},
	} {
		tt.run(t, dir)
	}
	if err := os.WriteFile(path, []byte("cos\nsystem\n."), 0o600); err != nil {
		t.Fatal(err)
	}
	lineTest{name: "bad", line: "-d node admin migrate-crawler", code: codeFailure, out: "Not found", err: path}.run(t, dir)
}

func TestAddGridManagerCert(t *testing.T) {
	dir := t.TempDir()
	if _, err := node.Create(filepath.Join(dir, "node"), node.CreateConfig{Needed: 3, Happy: 7, Total: 10, WebPort: "none"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	manager := gridmanager.NewPrivateKey()
	signed := manager.Sign(gridmanager.Certificate{Server: manager.Public(), Expires: time.Now().Add(time.Hour)})
	if err := os.WriteFile(filepath.Join(dir, "cert"), signed.Indented(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []lineTest{
		{name: "no name", line: "-d node admin add-grid-manager-cert -f cert", code: codeUsage, err: "--name"},
		{name: "no file", line: "-d node admin add-grid-manager-cert -n a", code: codeUsage, err: "--filename"},
		{name: "bad name", line: "-d node admin add-grid-manager-cert -n a/b -f cert", code: codeUsage, err: "letters, digits"},
		{name: "file not there", line: "-d node admin add-grid-manager-cert -n a -f none", code: codeFailure, err: "none"},
		{name: "no certificate", line: "-d node admin add-grid-manager-cert -n a -f -", stdin: "{}", code: codeFailure, err: "not a grid manager's certificate"},
		{name: "no node", line: "-d none admin add-grid-manager-cert -n a -f cert", code: codeFailure, err: "none"},
		{name: "good", line: "-d node admin add-grid-manager-cert -n a -f cert", err: "There are now 1 certificates\n"},
		{name: "again", line: "-d node admin add-grid-manager-cert -n a -f cert", code: codeFailure, err: "already"},
		{name: "a second from stdin", line: "-d node admin add-grid-manager-cert --json -n b -f -", stdin: string(signed.Indented()), out: `"certificates":2`, err: "reading certificate from stdin"},
	} {
		tt.run(t, dir)
	}
	cfg, err := os.ReadFile(filepath.Join(dir, "node", "tahoe.cfg"))
	if err != nil || !strings.Contains(string(cfg), "grid_management = True") || !strings.Contains(string(cfg), "[grid_manager_certificates]\na = a.cert\nb = b.cert") {
		t.Errorf("got\n%s\n%v", cfg, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "node", "b.cert")); err != nil || string(got) != string(signed.Indented())+"\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

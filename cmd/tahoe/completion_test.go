package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"tahoe/internal/gridmanager"
)

// listedCap is the capability of a directory that the fake node lists.
const listedCap = "URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// fakeGrid is a node directory whose node lists one directory, and what is below it.
func fakeGrid(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/hangs"):
			<-r.Context().Done()
		case strings.HasSuffix(r.URL.Path, "/sub") || strings.HasSuffix(r.URL.Path, "/sub/"):
			fmt.Fprint(w, `["dirnode", {"ro_uri": "x", "mutable": true, "children": {"inner": ["filenode", {"ro_uri": "x", "size": 1, "mutable": false}]}}]`)
		default:
			fmt.Fprint(w, `["dirnode", {"ro_uri": "x", "mutable": true, "children": {"some file": ["filenode", {"ro_uri": "x", "mutable": false}], `+
				`"sub": ["dirnode", {"ro_uri": "x", "mutable": true}], "other": ["filenode", {"ro_uri": "x", "mutable": false}]}}]`)
		}
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{"node.url": s.URL + "/\n", "private/aliases": "home: " + listedCap + "\nwork: " + listedCap + "\n", "here/local": "", "here/lost/x": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// complete asks as the scripts do. The last word is the one that is being typed.
func complete(t *testing.T, dir string, words ...string) []string {
	t.Helper()
	code, out, errs := commandLine(t, dir, "", append([]string{"__completeNoDesc"}, words...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != codeOK || !strings.HasPrefix(lines[len(lines)-1], ":") || strings.Contains(errs, "tahoe:") {
		t.Fatalf("got code %d, %q, %q", code, out, errs)
	}
	return lines[:len(lines)-1]
}

func TestComplete(t *testing.T) {
	dir := fakeGrid(t)
	m := gridmanager.NewManager()
	if err := m.Add(gridmanager.Server{Name: "alice", Key: m.Key().Public()}); err != nil {
		t.Fatal(err)
	}
	if err := gridmanager.Dir(filepath.Join(dir, "manager")).Create(m); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		line string // words, with bars between
		want []string
	}{
		{"deb", []string{"debug"}},
		{"debug|dump-s", []string{"dump-share"}},
		{"-d|.|ls|h", []string{"home:"}},
		{"-d|.|ls|", []string{"home:", "work:"}},
		{"-d|.|ls|home:", []string{"home:some file", "home:sub/", "home:other"}},
		{"-d|.|ls|home:s", []string{"home:some file", "home:sub/"}},
		{"-d|.|ls|home:sub/i", []string{"home:sub/inner"}},
		{"-d|.|ls|URI:DIR2:a", nil},
		{"-d|.|ls|none:x", nil},
		{"-d|.|ls|home:|", nil},
		{"-d|.|get|home:o", []string{"home:other"}},
		{"-d|nowhere|ls|home:", nil},
		{"put|--format|s", []string{"sdmf"}},
		{"put|--format=M", []string{"MDMF"}},
		{"grid-manager|-c|manager|sign|a", []string{"alice"}},
		{"grid-manager|-c|none|sign|a", nil},
		{"completion|f", []string{"fish"}},
		{"admin|generate-keypair|", nil},
	} {
		got := complete(t, dir, strings.Split(tt.line, "|")...)
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

// TestCompleteEither: what may be on either side offers both, and files of this machine without asking a node.
func TestCompleteEither(t *testing.T) {
	dir := fakeGrid(t)
	e := &Env{Getenv: func(string) string { return "" }, Dir: dir, nodeDir: "."}
	for word, want := range map[string]string{"here/lo": "[here/local here/lost/]", "here/x": "[]", "w": "[work:]", "home:oth": "[home:other]"} {
		got, _ := completeRemote(e, true)(&cobra.Command{}, nil, word)
		if fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, want %s", word, got, want)
		}
	}
}

// TestCompleteIsQuick: a node that does not answer holds nobody up for long.
func TestCompleteIsQuick(t *testing.T) {
	start := time.Now()
	if got := complete(t, fakeGrid(t), "-d", ".", "ls", "home:hangs/"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if took := time.Since(start); took > completionTimeout+10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestBashCompletes: a real bash, with the script and without the package bash-completion.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	if testing.Short() {
		t.Skip("builds the program: not in short mode")
	}
	bin, dir := t.TempDir(), fakeGrid(t)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "tahoe"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct{ words, want string }{
		{"(tahoe debu)", "debug"},
		{"(tahoe -d . ls hom)", "home:"},
		{"(tahoe -d . ls home :)", "other some file sub/"},
		{"(tahoe -d . ls home : su)", "sub/"},
		{"(tahoe -d . ls home : sub/)", "sub/inner"},
		{"(tahoe put --format m)", "mdmf"},
	} {
		script := `source <(tahoe completion bash); compopt() { :; }; COMP_WORDS=` + tt.words + `
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}
__start_tahoe; printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | tr '\n' '|'`
		cmd := exec.CommandContext(t.Context(), bash, "--norc", "--noprofile", "-c", script)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if got := strings.ReplaceAll(strings.TrimSuffix(string(out), "|"), "|", " "); err != nil || strings.TrimSpace(strings.ReplaceAll(got, `\ `, " ")) != tt.want {
			t.Errorf("%s: got %q, %v, %s, want %q", tt.words, got, err, &errs, tt.want)
		}
	}
}

// TestCompletionScripts: where the other shells are installed, they can read their scripts.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, out, errs := commandLine(t, t.TempDir(), "", "completion", shell)
		if code != codeOK || errs != "" || !strings.Contains(out, "__complete") {
			t.Fatalf("%s: got code %d, %q", shell, code, errs)
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), path, "-n", "/dev/stdin")
		cmd.Stdin = strings.NewReader(out)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s does not read its script: %v\n%s", shell, err, out)
		}
	}
	lineTest{name: "strange shell", line: "completion csh", code: codeUsage, err: "bash, zsh and fish"}.run(t, t.TempDir())
}

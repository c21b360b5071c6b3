package tests_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"tahoe/tests/gridtest"
)

// What docs/webapi.md shows works as it stands, one example after the other.
func TestWebAPIExamples(t *testing.T) {
	needsGrid(t)
	if runtime.GOOS == "windows" {
		t.Skip("the examples are for a Unix shell")
	}
	for _, tool := range []string{"curl", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not here, which the examples use")
		}
	}
	text, err := os.ReadFile("../docs/webapi.md")
	if err != nil {
		t.Fatal(err)
	}
	// An answer that is no success ends the script.
	script := []string{`curl() { command curl --silent --show-error --fail --location "$@"; echo; }`}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1) {
		script = append(script, string(block[1]))
	}
	const want = 8
	if len(script)-1 != want {
		t.Errorf("the page has %d examples, and this test knows %d", len(script)-1, want)
	}
	dir := examplesDir(t)
	demo := gridtest.Start(t, "demo", filepath.Join(dir, "grid"))
	demo.WaitOutput("Ctrl-C stops the grid")
	shell := exec.CommandContext(t.Context(), "sh", "-eu")
	shell.Dir, shell.Stdin = dir, strings.NewReader(strings.Join(script, "\n"))
	shell.Env = append(os.Environ(), "URL="+strings.TrimSuffix(regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(demo.Output()), "/"))
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, part := range []string{"\nnew CONTents\n", "\nthing moved\n", "\nOkay so I did it.\n", "URI:MDMF:", `"healthy": true`, `"repair-successful": false`, `"check-results": {`, `{"type": "stats"`, `"finished": true`, `"state": "stored"`, "event: upload\n"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("the examples do not print %q:\n%s", part, out)
		}
	}
}

// examplesDir has the files that the examples store.
func examplesDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "FOLDER"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"FILE", "FOLDER/file"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("some text\n", 10)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

package tests_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tahoe/tests/gridtest"
)

// What the README shows works as it stands, but for the address and the capability, which are those of the day, and for
// ./check, which runs this test.
func TestReadme(t *testing.T) {
	needsGrid(t)
	if runtime.GOOS == "windows" {
		t.Skip("the README's commands are for a Unix shell")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not here, with which the README stores and reads a file")
	}
	dir := t.TempDir()
	r := &reader{t: t, dir: dir, env: append(os.Environ(), "XDG_CACHE_HOME="+dir, "HOME="+dir)}
	if err := os.Symlink(gridtest.Binary(t), filepath.Join(dir, "tahoe")); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), readme, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "docs"), os.DirFS("../docs")); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(readme, -1) {
		for line := range strings.Lines(string(block[1])) {
			command, _, _ := strings.Cut(line, " #")
			r.follow(strings.TrimSpace(command))
			ran++
		}
	}
	const want = 12
	if ran != want {
		t.Errorf("the README has %d lines of shell, and this test knows %d", ran, want)
	}
	for _, capability := range r.caps {
		if !strings.HasPrefix(capability, "URI:CHK:") {
			t.Errorf("a command of the README printed %q, want a capability", capability)
		}
	}
	copied, err := os.ReadFile(filepath.Join(dir, "copy"))
	if err != nil || !bytes.Equal(copied, readme) {
		t.Errorf("the copy is not the README (%v)", err)
	}
}

// A reader does what the README says.
type reader struct {
	t    *testing.T
	dir  string
	env  []string
	demo *gridtest.Process
	url  string
	caps []string
}

func (r *reader) follow(command string) {
	r.t.Helper()
	switch {
	case command == "./check", strings.Contains(command, "go build"):
		return // this test is part of the one, and begins with the other
	case command == "go run ./cmd/tahoe demo", command == "./tahoe demo grid":
		args := strings.Fields(command[strings.Index(command, "demo"):])
		if len(args) > 1 {
			args[1] = filepath.Join(r.dir, args[1])
		}
		r.start(args)
		return
	}
	command = strings.ReplaceAll(command, "http://127.0.0.1:3456/", r.url)
	if strings.Contains(command, "URI:CHK:…") {
		command = strings.ReplaceAll(command, "URI:CHK:…", r.caps[len(r.caps)-1])
	}
	shell := exec.CommandContext(r.t.Context(), "sh", "-c", command)
	shell.Dir, shell.Env = r.dir, r.env
	var errs bytes.Buffer
	shell.Stderr = &errs
	out, err := shell.Output()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", command, err, errs.String())
	}
	if strings.HasPrefix(string(out), "URI:") && !slices.Contains(r.caps, strings.TrimSpace(string(out))) {
		r.caps = append(r.caps, strings.TrimSpace(string(out)))
	}
}

// start runs a demonstration grid in the place of the one before.
func (r *reader) start(args []string) {
	r.t.Helper()
	if r.demo != nil {
		r.demo.Stop()
	}
	r.t.Setenv("XDG_CACHE_HOME", r.dir)
	r.t.Setenv("HOME", r.dir)
	r.demo = gridtest.Start(r.t, args...)
	r.demo.WaitOutput("Ctrl-C stops the grid")
	r.url = regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(r.demo.Output())
	if r.url == "" {
		r.t.Fatalf("the demo prints no address:\n%s", r.demo.Output())
	}
}

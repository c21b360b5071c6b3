package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestManual(t *testing.T) {
	dir := t.TempDir()
	lineTest{name: "no directory", line: "man", code: codeUsage, err: "directory"}.run(t, dir)
	lineTest{name: "write", line: "man pages", out: "manual pages are in pages\n"}.run(t, dir)
	pages, _ := filepath.Glob(filepath.Join(dir, "pages", "*.1"))
	have := map[string]string{}
	for _, p := range pages {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		have[strings.TrimSuffix(filepath.Base(p), ".1")] = string(b)
	}
	for cmd := range everyCommand(rootCommand(&Env{Getenv: func(string) string { return "" }})) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		if cmd.Hidden {
			if have[name] != "" {
				t.Errorf("%s has a page", name)
			}
			continue
		}
		if !strings.Contains(have[name], ".SH NAME") || !strings.Contains(have[name], ".SH SYNOPSIS") {
			t.Errorf("%s has no page", name)
		}
	}
	for _, part := range []string{".SH EXIT STATUS", ".SH FILES", ".SH ENVIRONMENT", "private/aliases", "The node does not answer."} {
		if !strings.Contains(have["tahoe"], part) {
			t.Errorf("tahoe(1) lacks %q", part)
		}
	}
	t.Run("groff", func(t *testing.T) { checkPages(t, pages) })
}

// checkPages has the pages read by what reads manual pages.
func checkPages(t *testing.T, pages []string) {
	lint := func(page string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "mandoc", "-T", "lint", "-W", "error", page)
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		if _, err := exec.LookPath("groff"); err != nil {
			t.Skip("neither mandoc nor groff is here")
		}
		lint = func(page string) *exec.Cmd {
			return exec.CommandContext(t.Context(), "groff", "-man", "-ww", "-z", page)
		}
	}
	for _, page := range pages {
		var said bytes.Buffer
		cmd := lint(page)
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Errorf("%s: %v\n%.500s", filepath.Base(page), err, &said)
		}
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgram: what is told is what runs the very same program.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	mine, other, linked := filepath.Join(dir, "it's mine"), filepath.Join(dir, "other"), filepath.Join(dir, "linked")
	for _, path := range []string{mine, other} {
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(mine, linked); err != nil {
		t.Skip("no links here:", err)
	}
	tests := []struct {
		name, path, onPath, want string
	}{
		{"go run", "/tmp/go-build123/b001/exe/tahoe", "", "go run ./cmd/tahoe"},
		{"go run, cached", "/home/a/.cache/go-build/1f/" + strings.Repeat("1f", 32) + "-d/tahoe", "", "go run ./cmd/tahoe"},
		{"go run, cached elsewhere", "/c/1f/" + strings.Repeat("1f", 32) + "-d/tahoe", "", "go run ./cmd/tahoe"},
		{"go run, with another on the path", "/tmp/go-build123/b001/exe/tahoe", other, "go run ./cmd/tahoe"},
		{"on the path", mine, linked, "tahoe"},
		{"another on the path", mine, other, `'` + dir + `/it'\''s mine'`},
		{"not on the path", other, "", other},
		{"named like a build", filepath.Join(dir, "go-build"), "", filepath.Join(dir, "go-build")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if filepath.Separator == '\\' && strings.HasPrefix(tt.want, "'") {
				t.Skip("quotes are for shells of Unix")
			}
			got := programAt(tt.path, func(name string) (string, error) {
				if name != "tahoe" || tt.onPath == "" {
					return "", exec.ErrNotFound
				}
				return tt.onPath, nil
			})
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

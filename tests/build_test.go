package tests_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestBuildsEverywhere builds all packages for each system that we promise, without cgo.
func TestBuildsEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the standard library four times")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go command")
	}
	targets := []struct{ os, arch string }{
		{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"},
	}
	for _, target := range targets {
		t.Run(target.os+"-"+target.arch, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), goTool, "build", "./...")
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+target.os, "GOARCH="+target.arch)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

package tests_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestBuilds builds all packages for the systems that are least like this one, without cgo.
func TestBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the standard library twice")
	}
	builds(t, []target{{"darwin", "arm64"}, {"windows", "amd64"}})
}

// TestLongBuilds builds them for each system that we promise.
func TestLongBuilds(t *testing.T) {
	needsLong(t)
	builds(t, []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}})
}

type target struct{ os, arch string }

func builds(t *testing.T, targets []target) {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go command")
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

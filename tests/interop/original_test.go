package interop_test

import (
	"context"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// needsOriginal returns the path of the original's program, and skips the test where there is none.
func needsOriginal(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("nodes of the original: not in short mode")
	}
	o := findOriginal()
	if o.path == "" {
		t.Skip(o.why)
	}
	return o.path
}

type found struct{ path, why string }

var findOriginal = sync.OnceValue(func() found {
	if runtime.GOOS == "windows" {
		return found{why: "the original is installed by a shell script"}
	}
	var why strings.Builder
	cmd := exec.CommandContext(context.Background(), "./original.sh")
	cmd.Stderr = &why
	out, err := cmd.Output()
	if err != nil {
		return found{why: strings.TrimSpace(why.String())}
	}
	return found{path: strings.TrimSpace(string(out))}
})

// command runs a program to its end and returns what it printed.
func command(t testing.TB, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", path, strings.Join(args, " "), err, out)
	}
	return string(out)
}

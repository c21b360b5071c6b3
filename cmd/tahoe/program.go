package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// program is what the user types to run this program, so that the commands which it tells work as they stand.
func program() string {
	path, err := os.Executable()
	if err != nil {
		return "tahoe"
	}
	return programAt(path, exec.LookPath)
}

func programAt(path string, lookPath func(string) (string, error)) string {
	if madeByGoRun(path) {
		return "go run ./cmd/tahoe"
	}
	if found, err := lookPath("tahoe"); err == nil && sameFile(found, path) {
		return "tahoe"
	}
	return quoteArg(path)
}

// madeByGoRun knows where `go run` puts programs: in a temporary directory go-build…, or in its cache, in a directory
// whose name is a hash and -d.
func madeByGoRun(path string) bool {
	cached := regexp.MustCompile(`^[0-9a-f]{64}-d$`)
	for part := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(path)), "/") {
		if strings.HasPrefix(part, "go-build") || cached.MatchString(part) {
			return true
		}
	}
	return false
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

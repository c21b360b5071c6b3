package doortest

import (
	_ "embed"
	"os/exec"
	"strings"
	"testing"
)

//go:embed programs.txt
var programs string

const modulePrefix = "python3:"

// Need skips a test whose programs, or modules of Python, are not installed. It knows those in programs.txt.
func Need(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if !strings.Contains(programs, "\n"+name+" ") {
			t.Fatalf("%s is not in frontends/doortest/programs.txt, so that nobody is told when it is missing", name)
		}
		if !here(name) {
			t.Skipf("%s is not installed", name)
		}
	}
}

func here(name string) bool {
	if module, ok := strings.CutPrefix(name, modulePrefix); ok {
		return Python(module) != ""
	}
	_, err := exec.LookPath(name)
	return err == nil
}

// Python is one that has a module; "": there is none.
func Python(module string) string {
	for _, python := range []string{"python3", "/usr/bin/python3"} { // the second is Debian's, which has Debian's modules
		if exec.Command(python, "-c", "import "+module).Run() == nil {
			return python
		}
	}
	return ""
}

package scripts_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"tahoe/tests/gridtest"
)

var update = flag.Bool("update", false, "write testdata/help anew from what the program prints")

// TestScripts runs the scripts of testdata against one grid.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a grid")
	}
	if runtime.GOOS == "windows" {
		t.Skip("the scripts have the paths and modes of Unix")
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	grid := gridtest.New(t, gridtest.Config{})
	t.Run("all", func(t *testing.T) { // until the parallel ones have ended
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
				t.Parallel()
				runScript(t, file, grid.URL(), grid.Dir)
			})
		}
	})
}

func runScript(t *testing.T, file, url, grid string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &script{t: t, dir: dir, vars: map[string]string{"HOME": dir, "WORK": dir, "URL": url, "GRID": grid, "PATH": os.Getenv("PATH"), "TZ": "UTC"}}
	lines := s.unpack(string(text))
	// The node directory of a user who is no operator: where the node is, and names.
	s.must(os.MkdirAll(filepath.Join(dir, ".tahoe", "private"), 0o700))
	s.must(os.WriteFile(filepath.Join(dir, ".tahoe", "node.url"), []byte(url+"\n"), 0o600))
	for i, line := range lines {
		if err := s.do(line); err != nil {
			t.Fatalf("%s:%d: %s\n%v\nstdout: %s\nstderr: %s", file, i+1, line, err, s.stdout, s.stderr)
		}
	}
}

var filePattern = regexp.MustCompile(`(?m)^-- (\S+) --\n`)

// unpack writes the files of a script, and returns its lines.
func (s *script) unpack(text string) []string {
	parts := filePattern.FindAllStringSubmatchIndex(text, -1)
	end := len(text)
	for i := len(parts) - 1; i >= 0; i-- {
		path := s.path(text[parts[i][2]:parts[i][3]])
		s.must(os.MkdirAll(filepath.Dir(path), 0o700))
		s.must(os.WriteFile(path, []byte(text[parts[i][1]:end]), 0o600))
		end = parts[i][0]
	}
	return strings.Split(text[:end], "\n")
}

func (s *script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

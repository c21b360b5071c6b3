package scripts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tahoe/tests/gridtest"
)

// A treeTest has a real tree of files, the source of Go's library, and a grid.
type treeTest struct {
	t     *testing.T
	dir   string
	env   []string
	files int
	dirs  int
}

// TestTrees copies and backs up a tree of real source, whole, again after changes, and interrupted.
func TestTrees(t *testing.T) { trees(t, 150) }

// TestTreesLong does so with as many files as a larger project has.
func TestTreesLong(t *testing.T) {
	if os.Getenv("TAHOE_LONG") == "" {
		t.Skip("TAHOE_LONG=1 runs it")
	}
	trees(t, 2000)
}

func trees(t *testing.T, files int) {
	if testing.Short() {
		t.Skip("runs a grid")
	}
	if runtime.GOOS == "windows" {
		t.Skip("it sends signals")
	}
	tree := &treeTest{t: t, dir: t.TempDir()}
	tree.make(files)
	grid := gridtest.New(t, gridtest.Config{})
	tree.env = append(os.Environ(), "HOME="+tree.dir)
	must(t, os.MkdirAll(filepath.Join(tree.dir, ".tahoe", "private"), 0o700))
	must(t, os.WriteFile(filepath.Join(tree.dir, ".tahoe", "node.url"), []byte(grid.URL()), 0o600))
	tree.tahoe("create-alias", "tahoe")
	t.Run("copy", tree.step(tree.copy))
	t.Run("change", tree.step(tree.change))
	t.Run("backup", tree.step(tree.backup))
	t.Run("killed going up", tree.step(func() { tree.interrupted(syscall.SIGKILL, "src", "tahoe:killed", "tahoe:killed/src", "killed") }))
	t.Run("interrupted going up", tree.step(func() { tree.interrupted(syscall.SIGINT, "src", "tahoe:stopped", "tahoe:stopped/src", "stopped") }))
	t.Run("killed coming down", tree.step(func() { tree.interrupted(syscall.SIGKILL, "tahoe:src", "down/killed", "tahoe:src", "down/killed") }))
	t.Run("interrupted coming down", tree.step(func() { tree.interrupted(syscall.SIGINT, "tahoe:src", "down/stopped", "tahoe:src", "down/stopped") }))
	t.Run("backup killed", tree.step(tree.backupKilled))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *treeTest) step(f func()) func(*testing.T) {
	return func(t *testing.T) {
		was := s.t
		s.t = t
		defer func() { s.t = was }()
		begin := time.Now()
		f()
		t.Logf("%d files, %d directories: %v", s.files, s.dirs, time.Since(begin).Round(10*time.Millisecond))
	}
}

func (s *treeTest) path(name string) string { return filepath.Join(s.dir, name) }

var errEnough = errors.New("enough")

// make takes files from the source of Go's library.
func (s *treeTest) make(want int) {
	out, err := exec.CommandContext(s.t.Context(), "go", "env", "GOROOT").Output()
	must(s.t, err)
	from := filepath.Join(strings.TrimSpace(string(out)), "src")
	err = filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case s.files == want:
			return errEnough
		case e.IsDir():
			s.dirs++
			return os.MkdirAll(filepath.Join(s.dir, "src", rel), 0o700)
		case !e.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s.files++
		return os.WriteFile(filepath.Join(s.dir, "src", rel), b, 0o600)
	})
	if !errors.Is(err, errEnough) {
		s.t.Skipf("the source of Go's library holds %d files: %v", s.files, err)
	}
}

func (s *treeTest) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), gridtest.Binary(s.t), args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// tahoe runs a command that is to succeed, and returns what it printed.
func (s *treeTest) tahoe(args ...string) string {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("tahoe %v: %v\n%s", args, err, errs.String())
	}
	return out.String()
}

// numbers is what a command says with --json.
func (s *treeTest) numbers(args ...string) map[string]any {
	s.t.Helper()
	var n map[string]any
	must(s.t, json.Unmarshal([]byte(s.tahoe(append(args, "--json")...)), &n))
	return n
}

func (s *treeTest) want(got map[string]any, name string, want int) {
	s.t.Helper()
	if got[name] != float64(want) {
		s.t.Errorf("%s is %v, want %d, in %v", name, got[name], want, got)
	}
}

func (s *treeTest) same(a, b string) {
	s.t.Helper()
	if out, err := exec.CommandContext(s.t.Context(), "diff", "-r", s.path(a), s.path(b)).CombinedOutput(); err != nil {
		s.t.Errorf("%s and %s differ: %v\n%.2000s", a, b, err, out)
	}
}

// copy copies the tree up and down.
func (s *treeTest) copy() {
	begin := time.Now()
	up := s.numbers("cp", "-r", "src", "tahoe:")
	s.t.Logf("up: %v", time.Since(begin).Round(10*time.Millisecond))
	s.want(up, "files-copied", s.files)
	s.want(up, "directories-made", s.dirs)
	begin = time.Now()
	s.want(s.numbers("cp", "-r", "tahoe:src", "down/all"), "files-copied", s.files)
	s.t.Logf("down: %v", time.Since(begin).Round(10*time.Millisecond))
	s.same("src", "down/all/src")
}

// change moves, links and removes on the grid and here alike.
func (s *treeTest) change() {
	s.want(s.numbers("cp", "-r", "tahoe:src", "tahoe:changed"), "files-linked", s.files)
	must(s.t, os.CopyFS(s.path("changed"), os.DirFS(s.path("src"))))
	entries, err := os.ReadDir(s.path("changed"))
	must(s.t, err)
	var dirs, files []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, e.Name())
		} else {
			files = append(files, e.Name())
		}
	}
	if len(dirs) < 3 || len(files) < 3 {
		s.t.Fatalf("the tree has %d directories and %d files at its top", len(dirs), len(files))
	}
	at := func(name string) string { return "tahoe:changed/src/" + name }
	here := func(name string) string { return filepath.Join(s.path("changed"), name) }
	s.tahoe("mv", at(dirs[0]), at("moved"))
	must(s.t, os.Rename(here(dirs[0]), here("moved")))
	s.tahoe("mv", at(files[0]), at(dirs[1]+"/"))
	must(s.t, os.Rename(here(files[0]), here(dirs[1]+"/"+files[0])))
	s.tahoe("ln", at(files[1]), at(dirs[1]+"/linked"))
	must(s.t, os.Link(here(files[1]), here(dirs[1]+"/linked")))
	s.tahoe("rm", at(dirs[2]))
	must(s.t, os.RemoveAll(here(dirs[2])))
	s.tahoe("rm", at(files[2]))
	must(s.t, os.Remove(here(files[2])))
	s.tahoe("cp", "-r", "tahoe:changed/src", "down/changed")
	s.same("changed", "down/changed/src")
}

// backup stores the tree three times: whole, unchanged, and with one file changed.
func (s *treeTest) backup() {
	first := s.numbers("backup", "src", "tahoe:backups")
	s.want(first, "files-uploaded", s.files)
	if made, again := first["directories-created"].(float64), first["directories-reused"].(float64); int(made+again) != s.dirs {
		s.t.Errorf("%v directories were made, and %v were the same as others, of %d", made, again, s.dirs)
	}
	second := s.numbers("backup", "src", "tahoe:backups")
	s.want(second, "files-uploaded", 0)
	s.want(second, "files-reused", s.files)
	s.want(second, "directories-created", 0)
	changed := s.deepest()
	must(s.t, os.WriteFile(filepath.Join(s.path("src"), changed), []byte("changed "+changed), 0o600))
	third := s.numbers("backup", "src", "tahoe:backups")
	s.want(third, "files-uploaded", 1)
	s.want(third, "directories-created", 1+strings.Count(changed, "/"))
	s.tahoe("cp", "-r", "tahoe:backups/Latest", "down/backup")
	s.same("src", "down/backup/Latest")
	s.tahoe("cp", "-r", "src", "tahoe:") // for what comes next
}

// deepest is the path of a file below as many directories as there are.
func (s *treeTest) deepest() string {
	deepest := ""
	must(s.t, fs.WalkDir(os.DirFS(s.path("src")), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && (deepest == "" || strings.Count(path, "/") > strings.Count(deepest, "/")) {
			deepest = path
		}
		return err
	}))
	return deepest
}

// interrupted ends a copy in the middle, more than once, and has it go on. In the end all is there, and little was done twice.
func (s *treeTest) interrupted(signal syscall.Signal, from, to, there, local string) {
	done := 0
	for range 3 {
		n := s.endAfter(signal, max(10, s.files/5), "cp", "-r", "-v", from, to)
		if n < 0 {
			s.t.Fatal("the copy came to its end before it was interrupted")
		}
		done += n
	}
	last := s.numbers("cp", "-r", from, to)
	copied, before := int(last["files-copied"].(float64)), int(last["files-done-before"].(float64))
	if copied+before != s.files || before < done-3*(2*8+2) {
		s.t.Errorf("%d files had been copied; then %d were, and %d were known, of %d", done, copied, before, s.files)
	}
	if strings.HasPrefix(to, "tahoe:") {
		s.tahoe("cp", "-r", there, local)
	}
	s.same("src", local+"/src")
	if left, _ := filepath.Glob(s.path(local) + "/src/.tahoe-*.part"); len(left) > 0 {
		s.t.Errorf("%v were left", left)
	}
}

// endAfter runs a command, ends it with a signal when it has said that it copied so many files, and returns how many it had copied.
func (s *treeTest) endAfter(signal syscall.Signal, files int, args ...string) int {
	s.t.Helper()
	cmd := s.command(args...)
	w := &copiedLines{files: files, end: func() { _ = cmd.Process.Signal(signal) }}
	cmd.Stderr = w
	must(s.t, cmd.Start())
	if err := cmd.Wait(); err == nil {
		return -1
	}
	return w.n
}

// copiedLines counts lines that say that a file was copied.
type copiedLines struct {
	n, files int
	end      func()
}

func (w *copiedLines) Write(b []byte) (int, error) {
	was := w.n
	w.n += bytes.Count(b, []byte("copied "))
	if was < w.files && w.n >= w.files {
		w.end()
	}
	return len(b), nil
}

// backupKilled ends a first backup in the middle.
func (s *treeTest) backupKilled() {
	must(s.t, os.Remove(s.path(".tahoe/private/backupdb.sqlite")))
	cmd := s.command("backup", "-v", "src", "tahoe:again")
	w := &uploadingLines{files: s.files / 2, end: func() { _ = cmd.Process.Kill() }}
	cmd.Stdout = w
	must(s.t, cmd.Start())
	if err := cmd.Wait(); err == nil {
		s.t.Fatal("the backup came to its end before it was killed")
	}
	n := s.numbers("backup", "src", "tahoe:again")
	if reused := int(n["files-reused"].(float64)); reused == 0 || reused+int(n["files-uploaded"].(float64)) != s.files {
		s.t.Errorf("after %d uploads that were begun: %v", w.n, n)
	}
	s.tahoe("cp", "-r", "tahoe:again/Latest", "down/again")
	s.same("src", "down/again/Latest")
	if out := s.tahoe("ls", "tahoe:again/Archives"); strings.Count(out, "\n") != 1 {
		s.t.Errorf("got backups %s", fmt.Sprintf("%q", out))
	}
}

type uploadingLines struct {
	n, files int
	end      func()
}

func (w *uploadingLines) Write(b []byte) (int, error) {
	was := w.n
	w.n += bytes.Count(b, []byte("uploading "))
	if was < w.files && w.n >= w.files {
		w.end()
	}
	return len(b), nil
}

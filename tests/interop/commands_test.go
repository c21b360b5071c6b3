package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

// run runs a command of a maker's program for this node, and returns its standard output.
func (p *peer) run(t testing.TB, program maker, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program.program(t), append([]string{"-d", p.dir}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s program, %s client: tahoe %s: %v\n%s%s", program, p.maker, strings.Join(args, " "), err, out, errs.Bytes())
	}
	return string(out)
}

// sources is a tree of files to copy.
func sources(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for path, size := range map[string]int{"literal": 20, "nothing": 0, "sub/large": 150_000, "sub/deep/a b": 1000, "sub/deep/été": 60} {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content(path[len(dir):], size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// texts are the files below a directory.
func texts(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		out[norm.NFC.String(path)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// commands has a maker's program work on the other's client, and compares what the two programs then print by each other's.
func (g *gateways) commands(t *testing.T, by maker) {
	theirs := g.clients[by.other()]
	run := func(args ...string) string { return theirs.run(t, by, args...) }
	src := sources(t)
	alias := "by-" + string(by)
	run("create-alias", alias)
	run("cp", "-r", src, alias+":")
	run("mv", alias+":tree/literal", alias+":tree/moved é")
	run("ln", alias+":tree/sub/large", alias+":linked")
	run("mkdir", alias+":empty")
	back := filepath.Join(t.TempDir(), "back")
	run("cp", "-r", alias+":tree", back)
	want := texts(t, src)
	want["moved é"] = want["literal"]
	delete(want, "literal")
	if got := texts(t, filepath.Join(back, "tree")); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("copied there and back, there are %d files, others than the %d", len(got), len(want))
	}
	root := aliasOf(t, theirs, alias)
	var compare []func()
	for _, args := range [][]string{{"ls", "-l", "--uri", root + "/tree"}, {"ls", "--json", root}, {"manifest", root}, {"stats", root}} {
		compare = append(compare, func() {
			a, b := run(args...), g.clients[by].run(t, by.other(), args...)
			if args[1] == "--json" {
				sameJSON(t, "ls --json", comparable(decode(t, []byte(a))), comparable(decode(t, []byte(b))))
			} else if a != b || a == "" {
				t.Errorf("tahoe %.20s…: the %s program prints\n%s\nthe %s one\n%s", args, by, a, by.other(), b)
			}
		})
	}
	together(t, compare...)
}

func aliasOf(t *testing.T, p *peer, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `: (\S+)$`).FindStringSubmatch(p.private("aliases"))
	if m == nil {
		t.Fatalf("private/aliases has no alias %s", name)
	}
	return m[1]
}

// backup has the two programs back up one tree in turns, on one node directory of each maker, with one database: what the one has
// uploaded the other one need not.
func (g *gateways) backup(t *testing.T) {
	var both []func()
	for _, first := range makers {
		both = append(both, func() {
			p, src := g.clients[first], sources(t)
			p.run(t, first, "create-alias", "backup")
			backsUp := func(program maker, uploaded, files, created, dirs int) {
				t.Helper()
				out := p.run(t, program, "backup", src, "backup:kept")
				want := fmt.Sprintf(" %d files uploaded (%d reused), 0 files skipped, %d directories created (%d reused), 0 directories skipped",
					uploaded, files, created, dirs)
				if !strings.Contains(out, want) {
					t.Errorf("%s program after %s: got\n%swant\n%s", program, first, out, want)
				}
			}
			backsUp(first, 5, 0, 3, 0)
			backsUp(first.other(), 0, 5, 0, 3)
			if err := os.WriteFile(filepath.Join(src, "sub", "large"), content("changed", 1234), 0o600); err != nil {
				t.Error(err)
			}
			backsUp(first.other(), 1, 4, 2, 1)
			backsUp(first, 0, 5, 0, 3)
			root := aliasOf(t, p, "backup")
			for path, text := range texts(t, src) {
				p.mustRead(t, root+"/kept/Latest/"+path, []byte(text))
			}
		})
	}
	together(t, both...)
}

package tests_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the path of the module, and root its folder seen from here.
const (
	module = "tahoe"
	root   = ".."
)

// A source is a Go file of the module, whatever it is built for.
type source struct {
	name string // relative to the root, with slashes
	test bool
	ast  *ast.File
}

// imports are the paths that the file imports.
func (s source) imports() []string {
	var out []string
	for _, i := range s.ast.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			panic(err) // the parser has seen it
		}
		out = append(out, p)
	}
	return out
}

// ours turns the import path of a package of this module into its folder; false for others.
func ours(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// A tree is all Go source of the module, by folder.
type tree struct {
	folders map[string][]source
	files   *token.FileSet
}

var parseTree = sync.OnceValues(func() (*tree, error) {
	t := &tree{folders: make(map[string][]source), files: token.NewFileSet()}
	return t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); p != root && (n[0] == '.' || n[0] == '_' || n == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		return t.add(p)
	})
})

func (t *tree) add(p string) error {
	rel, err := filepath.Rel(root, p)
	if err != nil {
		return err
	}
	name := filepath.ToSlash(rel)
	file, err := parser.ParseFile(t.files, p, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	t.folders[dir] = append(t.folders[dir], source{name: name, test: strings.HasSuffix(name, "_test.go"), ast: file})
	return nil
}

// load parses the module once for all tests.
func load(t *testing.T) *tree {
	t.Helper()
	all, err := parseTree()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.folders) == 0 {
		t.Fatal("found no Go source")
	}
	return all
}

// at is where a node is, for people.
func (t *tree) at(n ast.Node) string {
	p := t.files.Position(n.Pos())
	rel, err := filepath.Rel(root, p.Filename)
	if err != nil {
		rel = p.Filename
	}
	return filepath.ToSlash(rel) + ":" + strconv.Itoa(p.Line)
}

// product are the files of a folder that are built into a program.
func (t *tree) product(folder string) []source {
	return slices.DeleteFunc(slices.Clone(t.folders[folder]), func(s source) bool { return s.test })
}

// isTestPackage says whether a package serves tests alone. Such packages end in "test", or are in tests.
func isTestPackage(folder string) bool {
	return strings.HasSuffix(folder, "test") || within(folder, "tests")
}

// within says whether folder is tree or below it.
func within(folder, tree string) bool {
	return folder == tree || strings.HasPrefix(folder, tree+"/")
}

func exists(folder string) bool {
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.go"))
	if err != nil {
		return false
	}
	if len(names) > 0 {
		return true
	}
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(folder)))
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.IsDir() && exists(folder+"/"+e.Name())
	})
}

package alias_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"tahoe/cmd/tahoe/internal/alias"
)

const (
	dir    = "URI:DIR2:esoca5ebwy6y4kv6fjwrg4vyfa:xvi3ndklfeht4vvx3lsf5orgrcv3jynwf4cptg6eezrzuuul734q"
	other  = "URI:DIR2-RO:uvuwjx54jkc3nhvl2xfko6wltq:xvi3ndklfeht4vvx3lsf5orgrcv3jynwf4cptg6eezrzuuul734q"
	chk    = "URI:CHK:cci4drlgxzievf7ocd3mstjyk4:xgqdgqewblou6lskfkliiaqi3ewro5afppy2drcpm6jiixwbgcka:2:3:3000"
	future = "URI:FUTURE:x"
)

// nodeDir is a node directory with these files in private.
func nodeDir(t testing.TB, files map[string]string) string {
	t.Helper()
	d := t.TempDir()
	if err := os.Mkdir(filepath.Join(d, "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d, "private", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func load(t testing.TB, files map[string]string) alias.Table {
	t.Helper()
	table, err := alias.Load(nodeDir(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  map[string]string
	}{
		{"nothing", nil, map[string]string{}},
		{"old file", map[string]string{"root_dir.cap": dir + "\n"}, map[string]string{"tahoe": dir}},
		{"empty old file", map[string]string{"root_dir.cap": "\n"}, map[string]string{}},
		{"new over old", map[string]string{"root_dir.cap": dir, "aliases": "tahoe: " + other}, map[string]string{"tahoe": other}},
		{"comments and blanks", map[string]string{"aliases": "# hello: you\n\n  a:" + dir + "  \r\nb:   " + other + "\n"}, map[string]string{"a": dir, "b": other}},
		{"the last of a name", map[string]string{"aliases": "a: " + dir + "\na: " + other + "\n"}, map[string]string{"a": other}},
	}
	for _, tt := range tests {
		table := load(t, tt.files)
		got := map[string]string{}
		for _, name := range table.Names() {
			got[name], _ = table.Get(name)
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if _, err := alias.Load(nodeDir(t, map[string]string{"aliases": "a: " + dir + "\nURIsecret\n"})); err == nil ||
		!strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a line without a colon: got %v", err)
	}
}

func TestResolve(t *testing.T) {
	table := load(t, map[string]string{"aliases": "tahoe: " + dir + "\nro: " + other + "\nfile: " + chk + "\nbad: URI:CHK:x\nlater: " + future})
	table.Secret = func(file string) (string, error) {
		return map[string]string{"-": other, "a/cap": dir, "path": dir + "/in/it", "text": "hello", "again": "URI:@-"}[file], nil
	}
	at := func(name, root string, path ...string) alias.Target {
		return alias.Target{Alias: name, Root: root, Path: path}
	}
	slash := func(t alias.Target) alias.Target { t.Slash = true; return t }
	tests := []struct {
		arg  string
		want alias.Target
	}{
		{"", at("tahoe", dir)},
		{"/", at("tahoe", dir)},
		{"tahoe:", at("tahoe", dir)},
		{"tahoe:/", at("tahoe", dir)},
		{"a", at("tahoe", dir, "a")},
		{" a ", at("tahoe", dir, "a")},
		{"a/b", at("tahoe", dir, "a", "b")},
		{"a/b/", slash(at("tahoe", dir, "a", "b"))},
		{"a/b:c", at("tahoe", dir, "a", "b:c")},
		{"ro:a", at("ro", other, "a")},
		{"ro:a:b", at("ro", other, "a:b")},
		{"tahoe:e\u0301", at("tahoe", dir, "\u00e9")},
		{"later:x", at("later", future, "x")},
		{dir, at("", dir)},
		{dir + "/", at("", dir)},
		{dir + "/a/b", at("", dir, "a", "b")},
		{dir + ":./a/b", at("", dir, "a", "b")},
		{"ro." + dir + "/a", at("", "ro."+dir, "a")},
		{"imm." + future, at("", "imm."+future)},
		{chk, at("", chk)},
		{"URI:@-", at("", other)},
		{"URI:@-:./a", at("", other, "a")},
		{"URI:@a/cap", at("", dir)},
		{"URI:@a/cap:./b/", slash(at("", dir, "b"))},
		{"URI:@path", at("", dir, "in", "it")},
		{"URI:@path:./more", at("", dir, "in", "it", "more")},
	}
	for _, tt := range tests {
		got, err := table.Resolve(tt.arg, "tahoe")
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
			t.Errorf("%q: got %+v, %v, want %+v", tt.arg, got, err, tt.want)
		}
	}
	failures := []struct{ arg, has string }{
		{"nope:a", "Unknown alias 'nope', please create it"},
		{"file:a", "alias file: the capability is not that of a directory"},
		{"bad:a", "alias bad: malformed capability"},
		{"/a", "write tahoe:a"},
		{"ro:/a", "write ro:a"},
		{dir + "//a", "write CAPABILITY/a"},
		{"a//b", "empty name"},
		{"a//", "empty name"},
		{"URI:@", "the name of a file"},
		{"URI:@text", "text does not hold a capability"},
		{"URI:@again", "again does not hold a capability"},
	}
	for _, tt := range failures {
		_, err := table.Resolve(tt.arg, "tahoe")
		if err == nil || !strings.Contains(err.Error(), tt.has) || strings.Contains(err.Error(), "esoca5") {
			t.Errorf("%q: got %v, want %q", tt.arg, err, tt.has)
		}
	}
	if _, err := (alias.Table{}).Resolve("a", "tahoe"); err == nil || !strings.HasPrefix(err.Error(), "No alias specified, and the default 'tahoe' alias doesn't exist.") {
		t.Errorf("no alias: got %v", err)
	}
	if _, err := (alias.Table{}).Resolve("URI:@x", ""); err == nil {
		t.Error("a secret without a reader of secrets was read")
	}
}

// Without an implied alias, what has none is a file of this machine.
func TestResolveLocal(t *testing.T) {
	table := load(t, map[string]string{"aliases": "a: " + dir + "\n"})
	tests := []struct {
		arg   string
		local bool
	}{
		{"x", true}, {"x/y:z", true}, {"./a:b", true}, {"", true}, {"a:x", runtime.GOOS == "windows"}, {dir + "/a", false}, {"URI:x", false},
	}
	for _, tt := range tests {
		got, err := table.Resolve(tt.arg, "")
		if err != nil || got.Local != tt.local {
			t.Errorf("%q: got %v, %v, want local %v", tt.arg, got.Local, err, tt.local)
		}
	}
}

func TestTarget(t *testing.T) {
	a := alias.Target{Alias: "x", Root: dir, Path: []string{"a", "b"}}
	b, c := a.Parent().Child("c"), a.Parent().Child("d")
	if a.Name() != "b" || b.Name() != "c" || c.Name() != "d" || !slices.Equal(a.Path, []string{"a", "b"}) || !slices.Equal(b.Path, []string{"a", "c"}) {
		t.Errorf("got %v %v %v", a, b, c)
	}
	if (alias.Target{}).Name() != "" {
		t.Error("what has no path has a name")
	}
}

func TestWith(t *testing.T) {
	table := load(t, map[string]string{"aliases": "a: " + dir + "\n"})
	more := table.With("tahoe", other)
	if got, _ := more.Get("tahoe"); got != other || !slices.Equal(more.Names(), []string{"a", "tahoe"}) || !slices.Equal(table.Names(), []string{"a"}) {
		t.Errorf("got %v and %v", more.Names(), table.Names())
	}
	if got, ok := (alias.Table{}).With("b", dir).Get("b"); !ok || got != dir {
		t.Errorf("got %v %v", got, ok)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "a:", "é", "tahoe", "URIs"} {
		if got, err := alias.CheckName(name); err != nil || got != strings.TrimSuffix(name, ":") {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", ":", "a:b", "a b", "a\nb", "a/b", "#a", "URI", "uri", "imm.URI"} {
		if got, err := alias.CheckName(name); err == nil {
			t.Errorf("%q: got %q", name, got)
		}
	}
}

func TestAdd(t *testing.T) {
	d := nodeDir(t, map[string]string{"aliases": "# mine\na: " + dir}) // without an end of line
	if err := alias.Add(d, "b", other); err != nil {
		t.Fatal(err)
	}
	if err := alias.Add(d, "b", dir); !errors.Is(err, alias.ErrExists) {
		t.Errorf("twice: got %v", err)
	}
	got, err := os.ReadFile(filepath.Join(d, "private", "aliases"))
	if want := "# mine\na: " + dir + "\nb: " + other + "\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if left, _ := filepath.Glob(filepath.Join(d, "private", "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := alias.Add(filepath.Join(d, "nowhere"), "c", dir); err == nil {
		t.Error("added to no directory")
	}
}

// Of several that add at once, nobody's line is lost.
func TestAddTogether(t *testing.T) {
	d := nodeDir(t, nil)
	var wg sync.WaitGroup
	const many = 8
	for i := range many {
		wg.Go(func() {
			if err := alias.Add(d, fmt.Sprint("a", i), dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	table, err := alias.Load(d)
	if err != nil || len(table.Names()) != many {
		t.Errorf("got %v, %v", table.Names(), err)
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"", "a/b", "x:a/b/", dir + "/a", "URI:@f:./x", "ro.URI:x"} {
		f.Add(s)
	}
	table := alias.Table{}.With("x", dir).With("tahoe", other)
	f.Fuzz(func(t *testing.T, arg string) {
		got, err := table.Resolve(arg, "tahoe")
		if err != nil {
			return
		}
		if got.Local || got.Root == "" || slices.Contains(got.Path, "") {
			t.Errorf("%q: got %+v", arg, got)
		}
		again := got.Root + "/" + strings.Join(got.Path, "/")
		if strings.Contains(again, ":./") || strings.Contains(got.Root, " ") || strings.HasSuffix(again, " ") {
			return
		}
		back, err := table.Resolve(again, "tahoe")
		if err != nil || back.Root != got.Root || !slices.Equal(back.Path, got.Path) {
			t.Errorf("%q: %q reads back as %+v, %v", arg, again, back, err)
		}
	})
}

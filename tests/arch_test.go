package tests_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ladder says who may import whom: a package imports only packages on lower rungs, which come first here.
var ladder = [][]string{
	{"storage", "reactor", "lafs/immutable/happiness", "internal/zfec", "internal/gather", "internal/base32", "internal/netstring",
		"internal/spans", "internal/durable", "internal/spool", "internal/plural", "internal/selfsigned", "internal/freeport", "internal/pyjson", "internal/pickle", "internal/qr", "internal/logstream", "internal/lite", "internal/aliasfile"},
	{"storage/share", "storage/storagetest", "internal/nurl", "internal/taghash", "internal/foolscap", "internal/gridmanager", "reactor/reactortest", "internal/durable/durabletest", "internal/crawlerstate"},
	{"lafs/trace", "caps", "introducer", "storage/disk", "storage/crawler", "storage/ledger", "storage/meter", "storage/gbs", "storage/ristorage", "internal/hashtree"},
	{"lafs/grid", "lafs/dirnode", "lafs/immutable/layout", "lafs/mutable/layout", "frontends/auth", "frontends/web/wapi"},
	{"frontends/auth/authtest", "frontends/serve"},
	{"lafs/health"},
	{"lafs/immutable", "lafs/mutable"},
	{"lafs", "lafs/helper"},
	{"lafs/helper/rihelper", "lafs/keeper"},
	{"frontends/vfs/staging"},
	{"frontends/web/uploads"},
	{"frontends/vfs"},
	{"frontends/web", "frontends/vfs/vfstest"},
	{"frontends/doortest"},
	{"frontends/sftp", "frontends/ftp", "frontends/webdav"},
	{"node/config"},
	{"node/basedir"},
	{"node"},
	{"node/doctor"},
	{"cmd/tahoe/internal/alias", "cmd/tahoe/internal/fetch", "cmd/tahoe/internal/fnmatch",
		"cmd/tahoe/internal/localfile", "cmd/tahoe/internal/localname", "cmd/tahoe/internal/report",
		"cmd/tahoe/internal/sharedump", "cmd/tahoe/internal/tally", "cmd/tahoe/internal/treejobs", "cmd/tahoe/internal/gatewaytest"},
	{"cmd/tahoe/internal/backupdb", "cmd/tahoe/internal/capdump", "cmd/tahoe/internal/journal"},
	{"cmd/tahoe/internal/backup", "cmd/tahoe/internal/copier"},
	{"cmd/tahoe", "tests/gridtest"},
	{"tests", "tests/bench", "tests/browser", "tests/clients", "tests/doors", "tests/interop", "tests/scripts", "lafs/mutable/sim"},
}

// future are the packages that the ladder and the rules name and that nobody has written yet. Writing one means taking it
// off this list; a package that goes for good goes from the ladder and the rules.
var future = []string{}

// A never forbids imports that the ladder alone would allow, or whose reason is worth saying.
type never struct {
	from   string // this package and those below it
	to     string // likewise; "*" is all of this module, "…test" the packages for tests, "outside" all but the standard library
	reason string
}

var nevers = []never{
	{"storage", "caps", "a storage server holds no code that understands a capability: least authority, in the source tree"},
	{"storage", "internal/taghash", "the tags of capabilities are no business of a storage server"},
	{"storage", "lafs", "a storage server does not know what a file is"},
	{"lafs", "storage/gbs", "how a server is reached is injected by node, so that the same client runs over memory, pipes and sockets"},
	{"lafs", "storage/ristorage", "how a server is reached is injected by node, so that the same client runs over memory, pipes and sockets"},
	{"lafs", "storage/disk", "nothing above the storage contract may assume a local disk"},
	{"lafs/immutable", "lafs/mutable", "they meet in lafs"},
	{"lafs/mutable", "lafs/immutable", "they meet in lafs"},
	{"lafs/immutable/layout", "lafs/grid", "a share is bytes: how it is read says nothing of where it comes from, so that tools read share files by it"},
	{"lafs/mutable/layout", "lafs/grid", "a share is bytes: how it is read says nothing of where it comes from, so that tools read share files by it"},
	{"lafs/dirnode", "lafs/grid", "a directory is a table: pack, unpack and pure edits, without a network"},
	{"lafs/dirnode", "lafs/immutable", "a directory is a table: pack, unpack and pure edits, without a network"},
	{"lafs/dirnode", "lafs/mutable", "a directory is a table: pack, unpack and pure edits, without a network"},
	{"frontends", "node", "a front end is given what it serves; wiring is node's"},
	{"frontends/sftp", "lafs", "it sees vfs and auth"},
	{"frontends/ftp", "lafs", "it sees vfs and auth"},
	{"frontends/webdav", "lafs", "it sees vfs and auth"},
	{"reactor", "*", "it runs anything, and so depends on nothing of ours"},
	{"reactor", "outside", "it needs the standard library alone"},
	{"cmd/tahoe/internal", "node", "the machinery of a command is given what it works on; node directories are opened in cmd/tahoe"},
	{"cmd/tahoe/internal/backup", "lafs", "it is a client of a web port, of any node, and has no other way to a grid"},
	{"cmd/tahoe/internal/copier", "lafs", "it is a client of a web port, of any node, and has no other way to a grid"},
	{"internal/gridmanager", "outside", "who audits what holds the keys reads the standard library and us"},
	{"caps", "outside", "who audits what holds the keys reads the standard library and us"},
}

// stdOnly are single packages that import the standard library alone.
var stdOnly = map[string]string{
	"storage":                  "the contract is for servers and clients of any kind, and depends on none",
	"lafs/immutable/happiness": "it is arithmetic",
}

// testOnly are modules that serve tests, and never a product.
var testOnly = []string{"go.uber.org/goleak", "pgregory.net/rapid", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "testing"}

func rungOf(folder string) int {
	return slices.IndexFunc(ladder, func(rung []string) bool { return slices.Contains(rung, folder) })
}

func TestLadder(t *testing.T) {
	all := load(t)
	for _, folder := range slices.Sorted(maps.Keys(all.folders)) {
		rung := rungOf(folder)
		if rung < 0 {
			t.Errorf("package %s is on no rung of the ladder in tests/arch_test.go: say which packages it may import", folder)
			continue
		}
		for _, s := range all.product(folder) {
			for _, i := range s.imports() {
				if to, ok := ours(i); ok && rungOf(to) >= rung {
					t.Errorf("%s imports %s, which is not on a lower rung of the ladder: what is higher knows what is lower, never the reverse", s.name, to)
				}
			}
		}
	}
}

// hits says whether an import of the package folder is one that the rule forbids.
func (n never) hits(folder, importPath string) bool {
	to, ok := ours(importPath)
	switch n.to {
	case "*":
		return ok && !isTestPackage(folder)
	case "outside":
		return !ok && strings.Contains(strings.Split(importPath, "/")[0], ".") && !isTestPackage(folder)
	default:
		return ok && within(to, n.to)
	}
}

func TestNever(t *testing.T) {
	all := load(t)
	for folder := range all.folders {
		for _, s := range all.product(folder) {
			for _, i := range s.imports() {
				for _, n := range nevers {
					if within(folder, n.from) && n.hits(folder, i) {
						t.Errorf("%s imports %s: never, because %s", s.name, i, n.reason)
					}
				}
			}
		}
	}
}

func TestStandardLibraryAlone(t *testing.T) {
	all := load(t)
	for folder, reason := range stdOnly {
		for _, s := range all.product(folder) {
			for _, i := range s.imports() {
				if _, ok := ours(i); ok || strings.Contains(strings.Split(i, "/")[0], ".") {
					t.Errorf("%s imports %s, and not the standard library alone: %s", s.name, i, reason)
				}
			}
		}
	}
}

func TestProductsHoldNoTestCode(t *testing.T) {
	all := load(t)
	for folder := range all.folders {
		if isTestPackage(folder) {
			continue
		}
		for _, s := range all.product(folder) {
			for _, i := range s.imports() {
				to, ok := ours(i)
				if ok && isTestPackage(to) || slices.ContainsFunc(testOnly, func(m string) bool { return within(i, m) }) {
					t.Errorf("%s imports %s, which is for tests: a program must not carry it", s.name, i)
				}
			}
		}
	}
}

// TestRulesAreHonest: what a rule names exists, or is said to be to come; and not both.
func TestRulesAreHonest(t *testing.T) {
	named := slices.Concat(ladder...)
	for _, n := range nevers {
		named = append(named, n.from)
		if n.to != "*" && n.to != "outside" {
			named = append(named, n.to)
		}
	}
	named = slices.AppendSeq(named, maps.Keys(stdOnly))
	slices.Sort(named)
	for _, folder := range slices.Compact(named) {
		if !exists(folder) && !slices.Contains(future, folder) {
			t.Errorf("a rule in tests/arch_test.go names %s, which does not exist: rename it there, or take the rule away", folder)
		}
	}
	all := load(t)
	for _, folder := range future {
		if len(all.folders[folder]) > 0 {
			t.Errorf("%s exists now: take it off the list of future packages in tests/arch_test.go", folder)
		}
		if !slices.Contains(named, folder) {
			t.Errorf("future package %s is named by no rule", folder)
		}
	}
}

// TestPackageComments: exactly one file of each package says what the package is, for whom, and its invariant.
func TestPackageComments(t *testing.T) {
	all := load(t)
	for _, folder := range slices.Sorted(maps.Keys(all.folders)) {
		var with []string
		product := all.product(folder)
		for _, s := range product {
			if s.ast.Doc == nil {
				continue
			}
			with = append(with, s.name)
			begin := "Package " + s.ast.Name.Name + " "
			if s.ast.Name.Name == "main" {
				begin = "Command " + path.Base(folder) + " "
			}
			if !strings.HasPrefix(s.ast.Doc.Text(), begin) {
				t.Errorf("%s: the package comment does not begin with %q", s.name, begin)
			}
		}
		if len(product) > 0 && len(with) != 1 {
			t.Errorf("package %s has %d package comments %v, not exactly one: what it is, for whom, and the one invariant to know", folder, len(with), with)
		}
	}
}

// hidden are uses of the surroundings that packages below node may make, with the reason. All others are given a clock, and
// their settings, by whoever makes them.
var hidden = map[string]string{
	"reactor time.Now":            "it is the system clock that others are given",
	"frontends/web/wapi time.Now": "deadlines of connections are in the computer's own time",
	"internal/foolscap time.Now":  "deadlines of connections are in the computer's own time",
	"storage/gbs time.Now":        "deadlines of connections are in the computer's own time",
}

// surroundings are functions that look at the time or the environment behind the caller's back.
var surroundings = map[string][]string{
	"time": {"Now", "Since", "Until"},
	"os":   {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "UserHomeDir", "UserConfigDir", "Getwd"},
}

func TestNothingBelowNodeLooksAround(t *testing.T) {
	all := load(t)
	used := make(map[string]bool)
	for folder := range all.folders {
		if isTestPackage(folder) || rungOf(folder) >= rungOf("node/config") {
			continue
		}
		for _, s := range all.product(folder) {
			ast.Inspect(s.ast, func(n ast.Node) bool {
				what := lookAround(s, n)
				if what == "" {
					return true
				}
				key := folder + " " + what
				if used[key] = true; hidden[key] == "" {
					t.Errorf("%s uses %s: below node, time comes from a reactor.Clock and settings from whoever calls", all.at(n), what)
				}
				return true
			})
		}
	}
	for key := range hidden {
		if !used[key] {
			t.Errorf("%q is allowed in tests/arch_test.go and no longer needed: take it away", key)
		}
	}
}

// lookAround names the function of surroundings that n uses, "" when it uses none.
func lookAround(s source, n ast.Node) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, i := range s.ast.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		if name == x.Name && slices.Contains(surroundings[p], sel.Sel.Name) {
			return p + "." + sel.Sel.Name
		}
	}
	return ""
}

func TestNoInitFunctions(t *testing.T) {
	all := load(t)
	for _, files := range all.folders {
		for _, s := range files {
			for _, d := range s.ast.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s: an init function runs whether anybody wants it or not; make a value and pass it", all.at(f))
				}
			}
		}
	}
}

func TestNoCgo(t *testing.T) {
	all := load(t)
	for _, files := range all.folders {
		for _, s := range files {
			if slices.Contains(s.imports(), "C") {
				t.Errorf(`%s imports "C": the program is one static binary, built without a C compiler`, s.name)
			}
		}
	}
}

// maxLines is how long a function of the product may be. Most have ten lines.
const maxLines = 60

func TestFunctionsAreShort(t *testing.T) {
	all := load(t)
	for folder := range all.folders {
		for _, s := range all.product(folder) {
			for _, d := range s.ast.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if n := all.files.Position(f.End()).Line - all.files.Position(f.Pos()).Line + 1; n > maxLines {
					t.Errorf("%s: %s has %d lines, more than %d: it has more than one purpose", all.at(f), f.Name.Name, n, maxLines)
				}
			}
		}
	}
}

// TestRulesBite runs the rules over imports that break them.
func TestRulesBite(t *testing.T) {
	tests := []struct {
		name   string
		folder string
		imp    string
		want   bool
	}{
		{"a server that understands capabilities", "storage/disk", "tahoe/caps", true},
		{"a client that knows the wire", "lafs/immutable", "tahoe/storage/gbs", true},
		{"a client that knows the contract", "lafs/immutable", "tahoe/storage", false},
		{"immutable and mutable", "lafs/immutable", "tahoe/lafs/mutable/layout", true},
		{"mutable and immutable", "lafs/mutable/layout", "tahoe/lafs/immutable", true},
		{"a share that knows its server", "lafs/mutable/layout", "tahoe/lafs/grid", true},
		{"a table with a network", "lafs/dirnode", "tahoe/lafs/mutable", true},
		{"a copy past the web port", "cmd/tahoe/internal/copier", "tahoe/lafs", true},
		{"a copy by the web port", "cmd/tahoe/internal/copier", "tahoe/frontends/web/wapi", false},
		{"immutable and its own", "lafs/immutable", "tahoe/lafs/immutable/layout", false},
		{"a front end that wires itself", "frontends/web", "tahoe/node/config", true},
		{"a reactor with a library", "reactor", "golang.org/x/sync/errgroup", true},
		{"a reactor with ours", "reactor", "tahoe/storage", true},
		{"a reactor with the standard library", "reactor", "log/slog", false},
		{"the reactor's tests", "reactor/reactortest", "tahoe/reactor", false},
		{"a name that only begins alike", "lafs/gridlock", "tahoe/storage/gbsx", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := slices.ContainsFunc(nevers, func(n never) bool { return within(test.folder, n.from) && n.hits(test.folder, test.imp) })
			if got != test.want {
				t.Errorf("forbidden: got %v, want %v", got, test.want)
			}
		})
	}
}

func TestLookingAroundIsSeen(t *testing.T) {
	tests := []struct {
		name string
		code string
		want string
	}{
		{"a call", `import "time"; var x = time.Now()`, "time.Now"},
		{"a value", `import "time"; var now = time.Now`, "time.Now"},
		{"under another name", `import clock "time"; var x = clock.Since(y)`, "time.Since"},
		{"the environment", `import "os"; var x = os.Getenv("HOME")`, "os.Getenv"},
		{"a method of that name", `import "time"; var x = c.Now() + time.Second`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+test.code, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			ast.Inspect(f, func(n ast.Node) bool {
				got += lookAround(source{ast: f}, n)
				return true
			})
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

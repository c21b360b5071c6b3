package copier_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tahoe/cmd/tahoe/internal/copier"
)

// sourceTree is what each case copies from, on both sides.
var sourceTree = map[string]string{
	"dir/file": "file text", "dir2/file2": "file text", "dir3/file3": "file text", "dir4/emptydir/": "",
	"dir5/dir/collide": "5", "dir6/dir/collide": "6", "dir7/dir": "file text",
}

// TestRules runs every combination of sources and target that was run with the original.
func TestRules(t *testing.T) {
	b, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	parent := w.grid.Mkdir()
	w.fillGrid(parent, sourceTree)
	w.fillLocal(filepath.Join(w.dir, "src"), sourceTree)
	w.tokens = strings.NewReplacer(
		"$PARENTCAP", parent, "$DIRCAP5", w.grid.Cap(parent, "dir5"), "$DIRCAP6", w.grid.Cap(parent, "dir6"),
		"$DIRCAP", w.grid.Cap(parent, "dir"), "$DIRALIAS", "ALIAS:", "$FILECAP", w.grid.Cap(parent, "dir/file"))
	w.aliases = w.aliases.With("ALIAS", w.grid.Cap(parent, "dir"))
	n := 0
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		n++
		f := strings.Split(line, "|")
		w.rule(t, strings.TrimSpace(f[0]), strings.Fields(f[1]), strings.TrimSpace(f[2]))
	}
	if n < 400 {
		t.Errorf("got %d rules, want all that were recorded", n)
	}
}

// rule runs one case.
func (w *world) rule(t *testing.T, side string, args []string, want string) {
	t.Helper()
	name := side + " " + strings.Join(args, " ")
	c := w.config()
	if args[0] == "-r" {
		c.Recursive, args = true, args[1:]
	}
	target := args[len(args)-1]
	top := w.grid.Mkdir()
	for i, a := range args[:len(args)-1] {
		args[i] = w.tokens.Replace(a)
	}
	if side == "grid" {
		w.fillGrid(top, map[string]string{"to/": ""})
		w.prepare(target, func(tree map[string]string) { w.fillGrid(top, tree) })
		args[len(args)-1] = top + "/" + target
	} else {
		w.clean(t)
		w.fillLocal(w.dir, map[string]string{"to/": ""})
		w.prepare(target, func(tree map[string]string) { w.fillLocal(w.dir, tree) })
	}
	result, err := w.copy(t, c, args...)
	if refusal, ok := strings.CutPrefix(want, "refused:"); ok {
		checkRefusal(t, name, err, strings.TrimSpace(refusal))
		return
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	got := w.grid.Tree(top)
	if side == "local" {
		got = readTree(t, filepath.Join(w.dir, "to"), "to/")
	}
	if text := treeText(got); text != want {
		t.Errorf("%s: got %s, want %s", name, text, want)
	}
	checkLinked(t, name, side, args, result)
}

func (w *world) prepare(target string, fill func(map[string]string)) {
	switch {
	case strings.Contains(target, "existing-file"):
		fill(map[string]string{"to/existing-file": "existing"})
	case strings.Contains(target, "existing-dir"):
		fill(map[string]string{"to/existing-dir/": ""})
	}
}

var (
	unnamed = regexp.MustCompile(`but '.*' is unnamed`)
	slashed = regexp.MustCompile(`source '.*' is not a dir`)
	missing = regexp.MustCompile(`directory '.*'$`)
)

func checkRefusal(t *testing.T, name string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: it is done, want %q", name, want)
		return
	}
	got := unnamed.ReplaceAllString(err.Error(), "but X is unnamed")
	got = slashed.ReplaceAllString(got, "source X is not a dir")
	got = missing.ReplaceAllString(got, "directory X")
	if want != "" && got != want {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// treeText is a tree without the directory to itself, as the rules write it.
func treeText(tree map[string]string) string {
	var all []string
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		switch {
		case path == "to/":
		case strings.HasSuffix(path, "/"):
			all = append(all, path)
		default:
			all = append(all, path+"="+tree[path])
		}
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// checkLinked has files of the grid linked, and not sent, when they are copied within it.
func checkLinked(t *testing.T, name, side string, args []string, r copier.Result) {
	t.Helper()
	local := slices.ContainsFunc(args[:len(args)-1], func(a string) bool { return strings.HasPrefix(a, "src/") })
	if side == "grid" && !local && (r.Copied > 0 || r.Bytes > 0) {
		t.Errorf("%s: %d files were sent that are on the grid", name, r.Copied)
	}
	if (side == "local" || local) && r.Copied == 0 && !strings.Contains(name, "dir4") {
		t.Errorf("%s: no file was copied", name)
	}
}

package alias

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// A Target is what an argument means.
type Target struct {
	Local bool     // a file of this machine: the argument has no alias, and none is implied. The rest is then empty
	Alias string   // the name that was written or implied; empty for a capability
	Root  string   // a capability
	Path  []string // the names that lead on from it
	Slash bool     // the argument ends in a slash after a name: it means a directory
}

// Name is the last name, or empty.
func (t Target) Name() string {
	if len(t.Path) == 0 {
		return ""
	}
	return t.Path[len(t.Path)-1]
}

// Parent is where the last name stands. The target has a path.
func (t Target) Parent() Target {
	return Target{Alias: t.Alias, Root: t.Root, Path: t.Path[:len(t.Path)-1]}
}

// Child is what a name in the target means.
func (t Target) Child(name string) Target {
	return Target{Alias: t.Alias, Root: t.Root, Path: append(t.Path[:len(t.Path):len(t.Path)], name)}
}

// Resolve says what an argument means:
//
//	ALIAS:a/b          a/b in the directory that ALIAS stands for
//	a/b                the same with the alias that is implied; without one, Local
//	URI:…  URI:…/a/b   a capability, and a/b in its directory; also URI:…:./a/b
//	URI:@FILE  URI:@-  the same with the capability that a file holds, or standard input; a path begins with :./
//
// Nothing else begins with "URI:@", neither a capability nor, since a name with a colon is taken for one, a name.
func (t Table) Resolve(arg, implied string) (Target, error) {
	arg = strings.Trim(arg, " ")
	if isCap(arg) {
		return t.resolveCap(arg)
	}
	name, path, colon := strings.Cut(arg, ":")
	written := colon && !strings.Contains(name, "/")
	switch {
	case !written && implied == "", written && implied == "" && isDrive(name):
		return Target{Local: true}, nil
	case !written:
		name, path = implied, arg
	}
	root, err := t.root(name, !written)
	if err != nil {
		return Target{}, err
	}
	target := Target{Alias: name, Root: root}
	return target, target.setPath(path)
}

// isCap says whether an argument begins with a capability.
func isCap(arg string) bool {
	arg = strings.TrimPrefix(strings.TrimPrefix(arg, "ro."), "imm.")
	return strings.HasPrefix(arg, "URI:")
}

// isDrive says whether the name before a colon is that of a disk.
func isDrive(name string) bool { return runtime.GOOS == "windows" && len(name) == 1 }

const (
	secretPrefix = "URI:@"
	oldSeparator = ":./"
)

func (t Table) resolveCap(arg string) (Target, error) {
	root, path, _ := strings.Cut(arg, oldSeparator)
	if file, ok := strings.CutPrefix(root, secretPrefix); ok {
		return t.resolveSecret(file, path)
	}
	if !strings.Contains(arg, oldSeparator) {
		root, path, _ = strings.Cut(arg, "/")
	}
	if !isCap(root) {
		return Target{}, errors.New("nothing follows URI:, with which a capability begins")
	}
	target := Target{Root: root}
	return target, target.setPath(path)
}

// resolveSecret is what a file holds, which may be a path below a capability too, and the path that follows.
func (t Table) resolveSecret(file, path string) (Target, error) {
	if file == "" || t.Secret == nil {
		return Target{}, errors.New("write URI:@FILE, or URI:@- for standard input: the name of a file that holds a capability follows URI:@")
	}
	text, err := t.Secret(file)
	if err != nil {
		return Target{}, err
	}
	if !isCap(text) || strings.HasPrefix(text, secretPrefix) {
		return Target{}, fmt.Errorf("%s does not hold a capability, which would begin with URI:", origin(file))
	}
	target, err := t.resolveCap(text)
	if err != nil || path == "" {
		return target, err
	}
	more := Target{}
	err = more.setPath(path)
	target.Path, target.Slash = append(target.Path, more.Path...), more.Slash
	return target, err
}

func origin(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// setPath cuts a path into its names. A slash alone is no name, as nothing is.
func (t *Target) setPath(path string) error {
	if path == "" || path == "/" {
		return nil
	}
	if strings.HasPrefix(path, "/") {
		return fmt.Errorf("a path on the grid does not begin with a slash: write %s%s", t.prefix(), strings.TrimLeft(path, "/"))
	}
	path, t.Slash = strings.CutSuffix(path, "/")
	t.Path = strings.Split(norm.NFC.String(path), "/") // as directories hold names
	if slices.Contains(t.Path, "") {
		return errors.New("there is an empty name in the path, between two slashes")
	}
	return nil
}

func (t *Target) prefix() string {
	if t.Alias == "" {
		return "CAPABILITY/"
	}
	return t.Alias + ":"
}

// Package alias reads what the user of a command writes instead of a capability: names that the node directory keeps for
// directories, and paths below them. It is for the commands.
//
// The invariant: no error of this package holds a capability.
package alias

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tahoe/caps"
	"tahoe/internal/aliasfile"
)

// Default is the alias of what has none.
const Default = "tahoe"

const (
	aliasesFile = aliasfile.Name // in the directory private of a node
	rootFile    = "root_dir.cap" // likewise: what old versions kept for Default
)

// A Table holds the aliases of a node directory. Its zero value holds none.
type Table struct {
	caps map[string]string

	// Secret reads the capability that URI:@FILE stands for. When it is nil, nothing is read.
	Secret func(file string) (string, error)
}

// Load reads the aliases of a node directory. Missing files are empty tables.
func Load(nodeDir string) (Table, error) {
	t := Table{caps: map[string]string{}}
	root, err := readPrivate(nodeDir, rootFile)
	if err != nil {
		return Table{}, err
	}
	if text := strings.TrimSpace(string(root)); text != "" {
		t.caps[Default] = text
	}
	list, err := readPrivate(nodeDir, aliasesFile)
	if err != nil {
		return Table{}, err
	}
	return t, t.read(list)
}

func readPrivate(nodeDir, name string) ([]byte, error) {
	b, err := os.ReadFile(privateFile(nodeDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func privateFile(nodeDir, name string) string { return filepath.Join(nodeDir, "private", name) }

func (t Table) read(list []byte) error {
	return aliasfile.Read(list, func(name, capability string) { t.caps[name] = capability })
}

// With is the table with another meaning of a name.
func (t Table) With(name, capability string) Table {
	t.caps = maps.Clone(t.caps)
	if t.caps == nil {
		t.caps = map[string]string{}
	}
	t.caps[name] = capability
	return t
}

// Names are the aliases, sorted.
func (t Table) Names() []string { return slices.Sorted(maps.Keys(t.caps)) }

// Get is what a name stands for, as it is written in the file.
func (t Table) Get(name string) (capability string, ok bool) {
	capability, ok = t.caps[name]
	return capability, ok
}

// An UnknownError is about an alias that is not there.
type UnknownError struct {
	Name    string
	Implied bool // it was not written: nothing else was, either
}

// Error says what to do.
func (e *UnknownError) Error() string {
	if e.Implied {
		return fmt.Sprintf("No alias specified, and the default '%s' alias doesn't exist. To create it, use 'tahoe create-alias %[1]s'.", e.Name)
	}
	return fmt.Sprintf("Unknown alias '%s', please create it with 'tahoe add-alias' or 'tahoe create-alias'.", e.Name)
}

// root is the directory that a name stands for.
func (t Table) root(name string, implied bool) (string, error) {
	text, ok := t.caps[name]
	if !ok {
		return "", &UnknownError{Name: name, Implied: implied}
	}
	c, err := ParseDirectory(text)
	if err != nil {
		return "", fmt.Errorf("alias %s: %w", name, err)
	}
	return c.Encode(), nil
}

// ParseDirectory reads the capability of a directory that can be listed, or one of a later version.
func ParseDirectory(text string) (caps.Cap, error) {
	c, err := caps.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	_, unknown := c.(caps.Unknown)
	_, readable := c.(caps.Read)
	if !unknown && !(readable && caps.IsDirectory(c)) {
		return nil, errors.New("the capability is not that of a directory")
	}
	return c, nil
}

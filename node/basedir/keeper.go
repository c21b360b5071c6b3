package basedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"tahoe/caps"
)

// KeeperFile is what says which files the node keeps alive, in its folder private. A file, since it may hold capabilities, and a directory of
// the original has none: there nothing is kept.
const KeeperFile = "keeper"

// A KeeperList is that file: a line for each thing. What it does not understand, and comments, it keeps.
type KeeperList struct{ lines []string }

// The kinds of lines.
const (
	KeepAliases  = "aliases"  // all of the node
	KeepAlias    = "alias"    // one
	KeepAccounts = "accounts" // the roots of all accounts
	KeepAccount  = "account"  // that of one
	KeepCap      = "cap"      // what a capability leads to
	KeepRetire   = "retire"   // a server, which is to be emptied
)

// A KeeperLine is one thing.
type KeeperLine struct {
	Kind string
	Name string   // of an alias, an account, a capability; the identifier of a server
	Cap  caps.Cap // of a capability
}

// String is the line without its capability.
func (l KeeperLine) String() string { return strings.TrimSpace(l.Kind + " " + l.Name) }

func (l KeeperLine) text() string {
	if l.Kind == KeepCap {
		return l.Kind + " " + l.Name + " " + l.Cap.Encode()
	}
	return l.String()
}

// NewKeeperFile is the file of a new node: what its aliases and its accounts reach is kept alive.
const NewKeeperFile = "# What this node keeps alive: see tahoe keeper --help.\n" + KeepAliases + "\n" + KeepAccounts + "\n"

// ReadKeeper reads the file. One that is not there is an empty list.
func (d Dir) ReadKeeper() (*KeeperList, error) {
	b, err := readSmall(d.Private(KeeperFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &KeeperList{}, nil
	}
	if err != nil {
		return nil, err
	}
	l := &KeeperList{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n"), "\n") {
		l.lines = append(l.lines, line)
	}
	_, err = l.All()
	return l, err
}

// WriteKeeper replaces the file.
func (d Dir) WriteKeeper(l *KeeperList) error {
	if err := os.MkdirAll(d.Private(""), 0o700); err != nil {
		return err
	}
	var b bytes.Buffer
	for _, line := range l.lines {
		b.WriteString(line + "\n")
	}
	return WriteFile(d.Private(KeeperFile), b.Bytes(), 0o600)
}

// All are the things in the list.
func (l *KeeperList) All() ([]KeeperLine, error) {
	var out []KeeperLine
	for n, text := range l.lines {
		line, ok, err := parseKeeperLine(text)
		if err != nil {
			return nil, fmt.Errorf("line %d of private/%s %w", n+1, KeeperFile, err)
		}
		if ok {
			out = append(out, line)
		}
	}
	return out, nil
}

// parseKeeperLine reads a line; false for one that says nothing. Its error holds no capability.
func parseKeeperLine(text string) (KeeperLine, bool, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return KeeperLine{}, false, nil
	}
	l := KeeperLine{Kind: fields[0]}
	if len(fields) > 1 {
		l.Name = fields[1]
	}
	want := 2
	switch l.Kind {
	case KeepAliases, KeepAccounts:
		want = 1
	case KeepAlias, KeepAccount, KeepRetire:
	case KeepCap:
		want = 3
	default:
		return l, false, errors.New("begins with none of aliases, alias, accounts, account, cap, retire")
	}
	if len(fields) != want {
		return l, false, fmt.Errorf("has %d words, where %d belong", len(fields), want)
	}
	if l.Kind == KeepCap {
		c, err := caps.Parse(fields[2])
		if err != nil {
			return l, false, fmt.Errorf("holds no capability: %w", err)
		}
		l.Cap = c
	}
	return l, true, nil
}

// Add adds a thing at the end; false when it is there. A capability replaces the one of the same name.
func (l *KeeperList) Add(x KeeperLine) bool {
	at := l.find(x)
	switch {
	case at < 0:
		l.lines = append(l.lines, x.text())
	case l.lines[at] == x.text() || x.Kind != KeepCap:
		return false
	default:
		l.lines[at] = x.text()
	}
	return true
}

// Remove takes a thing out; false when it was not there.
func (l *KeeperList) Remove(x KeeperLine) bool {
	at := l.find(x)
	if at < 0 {
		return false
	}
	l.lines = slices.Delete(l.lines, at, at+1)
	return true
}

func (l *KeeperList) find(x KeeperLine) int {
	return slices.IndexFunc(l.lines, func(text string) bool {
		have, ok, err := parseKeeperLine(text)
		return ok && err == nil && have.Kind == x.Kind && have.Name == x.Name
	})
}

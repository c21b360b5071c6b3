// Package basedir is a node directory: the files that make a node what it is, their names, modes and texts, as the
// original's directories have them. It is for node, which runs what a directory describes, and for the commands that make
// one.
//
// The invariant: a file that holds a key or a secret is written once, whole and durably, with mode 0600, before anything
// that derives from it is used; and no error, log or formatted value holds what is in it.
package basedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Dir is the path of a node directory.
type Dir string

// Path is the path of a file in the directory.
func (d Dir) Path(names ...string) string {
	return filepath.Join(append([]string{string(d)}, names...)...)
}

// Private is the path of a file in its folder private.
func (d Dir) Private(name string) string { return filepath.Join(string(d), "private", name) }

// A Kind tells nodes apart.
type Kind string

// The kinds of nodes.
const (
	Client     Kind = "client" // a client, a storage server, or both
	Introducer Kind = "introducer"
)

func (k Kind) tac() string { return "tahoe-" + string(k) + ".tac" }

var (
	// ErrNotNode is what Open says of a directory in which no node was made, and of what is no directory.
	ErrNotNode = errors.New("not a node directory")

	// ErrOld is what Open says of a directory with the one-value files of before 1.3.
	ErrOld = errors.New("holds settings of before version 1.3")
)

// A NotEmptyError refuses to make a node in a directory that holds something.
type NotEmptyError struct{ Path string }

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("the base directory %s is not empty; use a different directory, or empty this one", e.Path)
}

// Open says which kind of node a directory is of, by its *.tac file.
func Open(path string) (Dir, Kind, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", "", err
	}
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "", fmt.Errorf("%s does not exist, so it is %w; make one with: tahoe create-node %s", path, ErrNotNode, path)
	case err != nil && !isDir(path):
		return "", "", fmt.Errorf("%s is not a directory, so it is %w", path, ErrNotNode)
	case err != nil:
		return "", "", fmt.Errorf("read node directory: %w", err)
	}
	kind := kindOf(entries)
	for _, e := range entries {
		if slices.Contains(oldFiles(), e.Name()) && (kind != Introducer || e.Name() != introducerFURL) {
			return "", "", fmt.Errorf("%s %w (%s); move what it says into tahoe.cfg, and the file away", path, ErrOld, e.Name())
		}
	}
	if kind != "" {
		return Dir(path), kind, nil
	}
	return "", "", fmt.Errorf("%s is %w, since it holds no tahoe-client.tac; make one with: tahoe create-node DIR", path, ErrNotNode)
}

// kindOf is the kind of the node whose files these are; "" when they are none's.
func kindOf(entries []fs.DirEntry) Kind {
	for _, k := range []Kind{Client, Introducer} {
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
			return strings.HasSuffix(e.Name(), ".tac") && strings.Contains(e.Name(), string(k))
		}) {
			return k
		}
	}
	return ""
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// oldFiles are the names of the files that each held one setting before 1.3.
func oldFiles() []string {
	return []string{"nickname", "webport", "keepalive_timeout", "log_gatherer.furl", "disconnect_timeout", "advertised_ip_addresses",
		"introducer.furl", "helper.furl", "key_generator.furl", "stats_gatherer.furl", "no_storage", "readonly_storage", "sizelimit",
		"debug_discard_storage", "run_helper"}
}

const tacText = `# This file marks a Tahoe-LAFS node directory; its name says which kind of node lives here.
raise SystemExit("This directory belongs to a newer version: start its node with 'tahoe run'.")
`

const readmeText = `The files in this folder are secrets of the node: keys, and addresses that are rights.
Whoever reads them can act as this node. Keep them to yourself, and keep a copy in a safe place.
`

// Create makes an unmarked node directory, with a folder private, at a path where there is nothing or an empty directory:
// *NotEmptyError. It becomes a node's by Mark, once the rest of it is there.
func Create(path string) (Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", fmt.Errorf("make node directory: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", fmt.Errorf("read node directory: %w", err)
	}
	if len(entries) > 0 {
		return "", &NotEmptyError{Path: path}
	}
	d := Dir(path)
	if err := d.Repair(); err != nil {
		return "", err
	}
	return d, WriteNote(d.Private("README"), []byte(readmeText), 0o600)
}

// Mark makes the directory a node's.
func (d Dir) Mark(k Kind) error { return WriteFile(d.Path(k.tac()), []byte(tacText), 0o644) }

// Repair makes what a node needs and a directory may lack: private, with mode 0700.
func (d Dir) Repair() error {
	if err := os.MkdirAll(d.Private(""), 0o700); err != nil {
		return fmt.Errorf("make private: %w", err)
	}
	return nil
}

package copier

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"tahoe/frontends/web/wapi"
)

// An item is a file or a directory that is there, on this machine or on the grid.
type item struct {
	name  string // empty when it has none: a bare capability, an alias, the root of a disk
	path  string // for messages
	dir   bool
	local string      // its path on this machine; empty on the grid
	info  fs.FileInfo // of the local one
	node  wapi.Node   // of the one on the grid
	up    *item       // the directory that it was found in
}

func (it *item) onGrid() bool { return it.local == "" }

// size is what there is to copy, as far as it is known.
func (it *item) size() int64 {
	switch {
	case it.dir:
		return 0
	case !it.onGrid():
		return it.info.Size()
	case it.node.Size != nil:
		return *it.node.Size
	}
	return 0
}

// find is what is at a place; nil when there is nothing.
func (c *copying) find(ctx context.Context, p Place) (*item, error) {
	if p.Local != "" {
		return findLocal(p)
	}
	n, err := c.Gateway.Node(ctx, p.On.Root, p.On.Path)
	if e, ok := errors.AsType[*wapi.Error](err); ok && e.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", p.Arg, err)
	}
	return &item{name: p.On.Name(), path: p.Arg, dir: n.Kind == wapi.KindDirectory, node: n}, nil
}

func findLocal(p Place) (*item, error) {
	info, err := os.Stat(p.Local)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	name := filepath.Base(filepath.Clean(p.Local))
	if name == "." || name == ".." {
		if abs, err := filepath.Abs(p.Local); err == nil {
			name = filepath.Base(abs)
		}
	}
	if os.IsPathSeparator(name[len(name)-1]) {
		name = ""
	}
	return &item{name: name, path: p.Arg, dir: info.IsDir(), local: p.Local, info: info}, nil
}

// source is what is at a place that is to be copied.
func (c *copying) source(ctx context.Context, p Place) (*item, error) {
	it, err := c.find(ctx, p)
	switch {
	case err != nil:
		return nil, err
	case it == nil:
		return nil, fmt.Errorf("No such file or directory '%s'", p.Arg)
	case !it.dir && p.Slash:
		return nil, fmt.Errorf("source '%s' is not a directory, but ends with a slash", p.Arg)
	case it.onGrid() && it.node.Kind == wapi.KindUnknown:
		return nil, errUnknown
	case !it.onGrid() && !it.dir && !it.info.Mode().IsRegular():
		return nil, fmt.Errorf("source '%s' is neither a file nor a directory, I can't handle it", p.Arg)
	}
	return it, nil
}

var (
	errUnknown = errors.New("cannot copy what this version does not know; a later version of the node may")
	errLoop    = errors.New("the directory contains itself")
	errOwn     = errors.New("cannot copy a directory into itself")
	errUTF8    = errors.New("the name is not UTF-8, and cannot be one on a grid")
)

// children are what is in a directory. What cannot be copied is told, and not among them.
func (c *copying) children(ctx context.Context, dir *item) ([]*item, error) {
	if err := c.loops(dir); err != nil {
		return nil, err
	}
	if dir.onGrid() {
		return c.gridChildren(ctx, dir)
	}
	return c.localChildren(ctx, dir)
}

// loops says whether a directory is one of those above it, or the one that is copied into.
func (c *copying) loops(dir *item) error {
	for up := dir.up; up != nil; up = up.up {
		if sameDirectory(up, dir) {
			return errLoop
		}
	}
	if c.root != nil && sameDirectory(c.root, dir) {
		return errOwn
	}
	return nil
}

func sameDirectory(a, b *item) bool {
	if a.onGrid() || b.onGrid() {
		return a.onGrid() && b.onGrid() && a.node.URI() == b.node.URI()
	}
	return os.SameFile(a.info, b.info)
}

func (c *copying) gridChildren(ctx context.Context, dir *item) ([]*item, error) {
	n, known := dir.node, dir.node.Children != nil
	if !known {
		var err error
		if n, err = c.Gateway.Node(ctx, dir.node.URI(), nil); err != nil {
			return nil, err
		}
	}
	if n.Kind != wapi.KindDirectory {
		return nil, errors.New("the node says that it is no directory")
	}
	dir.node.Children = nil // nobody asks twice
	var items []*item
	for _, child := range n.Children {
		it := &item{name: child.Name, path: below(dir.path, child.Name), dir: child.Kind == wapi.KindDirectory, node: child.Node, up: dir}
		if child.Kind == wapi.KindUnknown {
			if err := c.problem(ctx, it.path, errUnknown); err != nil {
				return nil, err
			}
			continue
		}
		items = append(items, it)
	}
	return items, nil
}

// below is the path, for messages, of a name in a directory of the grid, where .. is a name like others.
func below(dir, name string) string {
	if strings.HasSuffix(dir, ":") || strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

func (c *copying) localChildren(ctx context.Context, dir *item) ([]*item, error) {
	entries, err := os.ReadDir(dir.local)
	if err != nil {
		return nil, err
	}
	var items []*item
	for _, e := range entries {
		it := &item{name: e.Name(), path: filepath.Join(dir.path, e.Name()), local: filepath.Join(dir.local, e.Name()), up: dir}
		it.info, err = os.Stat(it.local) // of what a symbolic link leads to
		switch {
		case err != nil && e.Type()&fs.ModeSymlink != 0:
			c.skip(it, "a symbolic link that leads nowhere")
			continue
		case errors.Is(err, fs.ErrNotExist): // removed since
			continue
		case err == nil && !utf8.ValidString(it.name):
			err = errUTF8
		case err == nil && !it.info.IsDir() && !it.info.Mode().IsRegular():
			c.skip(it, "neither a file nor a directory")
			continue
		}
		if err == nil {
			it.dir = it.info.IsDir()
			items = append(items, it)
		} else if err := c.problem(ctx, it.path, err); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (c *copying) skip(it *item, why string) {
	c.count(func(r *Result) { r.Skipped++ })
	c.Warn(fmt.Sprintf("skipped %s: %s", it.path, why))
}

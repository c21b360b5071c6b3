package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"tahoe/cmd/tahoe/internal/treejobs"
	"tahoe/frontends/web/wapi"
)

// A directory is a local one on its way.
type directory struct {
	up   *directory // nil for the top
	path string
	cap  string // when it is stored

	mu       sync.Mutex
	children wapi.NewChildren
}

func newDirectory(up *directory, path string) *directory {
	return &directory{up: up, path: path, children: wapi.NewChildren{}}
}

func (d *directory) add(name string, c wapi.NewChild) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.children[name] = c
}

// entries are what is in a directory and is not excluded.
func (b *running) entries(path string) ([]fs.DirEntry, error) {
	all, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return b.Exclude.Match(e.Name()) }), nil
}

// walk gives the jobs for what is in a directory that was entered as d.
func (b *running) walk(r *treejobs.Runner, d *treejobs.Dir, dir *directory, entries []fs.DirEntry) error {
	taken := map[string]bool{}
	for _, e := range entries {
		if err := context.Cause(r.Context()); err != nil {
			return err
		}
		path, name := filepath.Join(dir.path, e.Name()), norm.NFC.String(e.Name())
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			b.skip(path, false, "cannot backup symlink %s")
		case !e.IsDir() && !e.Type().IsRegular():
			b.skip(path, false, "cannot backup special %s")
		case !utf8.ValidString(name):
			b.skip(path, e.IsDir(), "cannot backup %s, whose name is not UTF-8")
		case taken[name]:
			b.skip(path, e.IsDir(), "cannot backup %s, whose name another one in the same directory has on the grid")
		case e.IsDir():
			taken[name] = true
			if err := b.enter(r, d, dir, path); err != nil {
				return err
			}
		default:
			taken[name] = true
			if err := r.Do(d, func(ctx context.Context) error { return b.file(ctx, dir, path) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *running) enter(r *treejobs.Runner, parent *treejobs.Dir, up *directory, path string) error {
	entries, err := b.entries(path)
	if err != nil {
		b.refused(path, true, err)
		return nil
	}
	dir := newDirectory(up, path)
	d := r.Enter(parent, func(ctx context.Context) error { return b.store(ctx, dir) })
	defer r.Leave(d)
	return b.walk(r, d, dir, entries)
}

// skip leaves something out. The sentence has a place for its path.
func (b *running) skip(path string, isDir bool, sentence string) {
	b.Warn("WARNING: " + fmt.Sprintf(sentence, quote(path)))
	b.count(func(c *Counts) {
		if isDir {
			c.DirectoriesSkipped++
		} else {
			c.FilesSkipped++
		}
	})
}

// quote is a path as the original quotes it.
func quote(path string) string { return "'" + strings.ToValidUTF8(path, "\uFFFD") + "'" }

// refused leaves out what this machine does not let be read.
func (b *running) refused(path string, isDir bool, err error) {
	kind := "file"
	if isDir {
		kind = "directory"
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		b.skip(path, isDir, "permission denied on "+kind+" %s")
	case errors.Is(err, fs.ErrNotExist):
		b.skip(path, isDir, kind+" %s is gone")
	default:
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err
		}
		b.skip(path, isDir, "cannot read "+kind+" %s: "+strings.ReplaceAll(err.Error(), "%", "%%"))
	}
}

// foresee counts what there is to do, ahead of the walk.
func (b *running) foresee(ctx context.Context, top string) {
	total := b.foreseeIn(ctx, top)
	if ctx.Err() == nil {
		b.total.Store(total)
		b.Tally.Found()
	}
}

func (b *running) foreseeIn(ctx context.Context, path string) int64 {
	entries, err := b.entries(path)
	n := int64(1)
	if err != nil {
		return n
	}
	for _, e := range entries {
		switch {
		case ctx.Err() != nil:
			return n
		case e.IsDir():
			n += b.foreseeIn(ctx, filepath.Join(path, e.Name()))
			continue
		case e.Type().IsRegular():
			if info, err := e.Info(); err == nil {
				b.Tally.Find(1, info.Size())
			}
		}
		n++
	}
	return n
}

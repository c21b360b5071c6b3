package webdav

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/net/webdav"

	"tahoe/frontends/vfs"
)

// errGone is about the source of a move or copy, where fs.ErrNotExist alone is about the target.
var errGone = errors.New("there is nothing to move or copy")

// A tree is an account's for the library, for one request.
type tree struct{ *request }

// Mkdir implements webdav.FileSystem.
func (t tree) Mkdir(ctx context.Context, name string, _ os.FileMode) error {
	return t.view.Mkdir(ctx, clean(name))
}

func clean(name string) string { return path.Clean("/" + name) }

// OpenFile implements webdav.FileSystem. To read is to look; the file is opened when somebody reads it.
func (t tree) OpenFile(ctx context.Context, name string, flag int, _ os.FileMode) (webdav.File, error) {
	name = clean(name)
	f := &file{request: t.request, ctx: ctx, name: name}
	if flag&os.O_CREATE == 0 && (t.r.Method == "GET" || t.r.Method == "HEAD") {
		return f, f.toServe()
	}
	if flag&os.O_CREATE == 0 {
		i, err := t.look(ctx, name)
		if err != nil {
			return nil, t.ofSource(name, err)
		}
		f.info = i
		return f, nil
	}
	i, err := t.view.Stat(ctx, name)
	t.updated = err == nil && !i.IsDir()
	flags := vfs.FlagWrite | vfs.FlagCreate | vfs.FlagTruncate
	if t.r.Method == "PUT" && t.r.Header.Get("If-None-Match") == "*" {
		flags |= vfs.FlagExclusive
	}
	return f, f.create(flags)
}

func (q *request) ofSource(name string, err error) error {
	if name == q.path && q.target != "" && errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errGone, err)
	}
	return err
}

// look describes a path, from a listing of this request where there was one.
func (q *request) look(ctx context.Context, name string) (vfs.Info, error) {
	if i, ok := q.known[name]; ok {
		return i, nil
	}
	i, err := q.view.Stat(ctx, name)
	if err == nil && q.known != nil {
		q.known[name] = i
	}
	return i, err
}

// RemoveAll implements webdav.FileSystem. What a move or copy replaces goes only when there is something to replace it, and a file only at the
// moment when it is replaced.
func (t tree) RemoveAll(ctx context.Context, name string) error {
	name = clean(name)
	if t.r.Method == "DELETE" {
		return t.view.RemoveAll(ctx, name)
	}
	src, err := t.view.Stat(ctx, t.path)
	if err != nil {
		return t.ofSource(t.path, err)
	}
	dst, err := t.view.Stat(ctx, name)
	if err != nil {
		return err
	}
	if !src.IsDir() && !dst.IsDir() {
		return nil
	}
	return t.view.RemoveAll(ctx, name)
}

// Rename implements webdav.FileSystem.
func (t tree) Rename(ctx context.Context, from, to string) error {
	from = clean(from)
	if _, err := t.view.Stat(ctx, from); err != nil {
		return t.ofSource(from, err)
	}
	return t.view.Rename(ctx, from, clean(to), t.r.Header.Get("Overwrite") == "T")
}

// Stat implements webdav.FileSystem.
func (t tree) Stat(ctx context.Context, name string) (os.FileInfo, error) {
	i, err := t.look(ctx, clean(name))
	if err != nil {
		return nil, err
	}
	return described{i}, nil
}

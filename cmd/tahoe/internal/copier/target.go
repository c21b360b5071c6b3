package copier

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"tahoe/cmd/tahoe/internal/localname"
)

// A target is a directory that is copied into.
type target interface {
	key(name string) string                            // names with the same key are the same there
	dir(ctx context.Context, it *item) (target, error) // for a directory that is copied
	put(ctx context.Context, it *item) error           // a file
	finish(ctx context.Context) error                  // all is there
}

type localTarget struct {
	c    *copying
	path string
}

func (t *localTarget) key(name string) string { return localKey(name) }

// localKey takes it that only Unix tells a from A.
func localKey(name string) string {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return strings.ToLower(gridKey(name))
	}
	return name
}

func (t *localTarget) dir(_ context.Context, it *item) (target, error) {
	if err := localname.Check(it.name); err != nil {
		return nil, err
	}
	p := filepath.Join(t.path, it.name)
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.Mkdir(p, 0o777); err != nil {
			return nil, err
		}
		t.c.count(func(r *Result) { r.Directories++ })
		t.c.Note(Made, it.path)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file, and a directory cannot take its place", p)
	}
	return &localTarget{c: t.c, path: p}, nil
}

func (t *localTarget) put(ctx context.Context, it *item) error {
	if err := localname.Check(it.name); err != nil {
		return err
	}
	return t.c.toLocal(ctx, it, filepath.Join(t.path, it.name))
}

func (t *localTarget) finish(context.Context) error { return nil }

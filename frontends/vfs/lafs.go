package vfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"tahoe/caps"
	"tahoe/lafs"
)

// NewGrid makes a Grid of a file store.
func NewGrid(c *lafs.Client) Grid { return lafsGrid{c} }

type lafsGrid struct{ c *lafs.Client }

// asGrid gives the errors of the file store the names that they have here. None keeps its text where that may name more than servers.
func asGrid(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lafs.ErrNoChild):
		return fs.ErrNotExist
	case errors.Is(err, lafs.ErrChildExists):
		return fs.ErrExist
	case errors.Is(err, lafs.ErrReadOnly):
		return ErrReadOnly
	case errors.Is(err, lafs.ErrProhibited):
		return fmt.Errorf("%w: %w", err, fs.ErrPermission)
	case errors.Is(err, lafs.ErrNotDirectory):
		return ErrNotDirectory
	case errors.Is(err, lafs.ErrIsDirectory):
		return ErrIsDirectory
	case errors.Is(err, lafs.ErrBadName), errors.Is(err, lafs.ErrWrongKind):
		return fs.ErrInvalid
	case isContext(err), errors.Is(err, ErrNoSpace):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func (g lafsGrid) List(ctx context.Context, dir caps.Read) ([]Child, error) {
	d, err := g.c.OpenDirectory(dir)
	if err != nil {
		return nil, asGrid(err)
	}
	l, err := d.List(ctx)
	if err != nil {
		return nil, asGrid(err)
	}
	all := make([]Child, 0, l.Len())
	for e := range l.All() {
		if c := e.Cap(); c != nil {
			all = append(all, Child{Name: e.Name, Cap: c, Metadata: e.Metadata.Raw()})
		}
	}
	return all, nil
}

func (g lafsGrid) Link(ctx context.Context, dir caps.Write, c Child, replace bool) error {
	d, err := g.c.OpenDirectory(dir)
	if err != nil {
		return asGrid(err)
	}
	_, err = d.Set(ctx, lafs.NewChild{Name: c.Name, Child: lafs.ChildOf(c.Cap), Metadata: c.Metadata}, replaces(replace))
	if errors.Is(err, lafs.ErrChildExists) && replace {
		return ErrIsDirectory
	}
	return asGrid(err)
}

// replaces never lets a directory go.
func replaces(replace bool) lafs.Replace {
	if replace {
		return lafs.ReplaceOnlyFiles
	}
	return lafs.ReplaceNever
}

func (g lafsGrid) SetMetadata(ctx context.Context, dir caps.Write, name string, metadata json.RawMessage) error {
	d, err := g.c.OpenDirectory(dir)
	if err != nil {
		return asGrid(err)
	}
	return asGrid(d.SetMetadata(ctx, name, metadata))
}

func (g lafsGrid) Unlink(ctx context.Context, dir caps.Write, name string) error {
	d, err := g.c.OpenDirectory(dir)
	if err != nil {
		return asGrid(err)
	}
	_, err = d.Unlink(ctx, name)
	return asGrid(err)
}

func (g lafsGrid) Move(ctx context.Context, from caps.Write, name string, to caps.Write, toName string, replace bool) error {
	a, err := g.c.OpenDirectory(from)
	if err != nil {
		return asGrid(err)
	}
	b, err := g.c.OpenDirectory(to)
	if err != nil {
		return asGrid(err)
	}
	err = g.c.Move(ctx, a, name, b, toName, replaces(replace))
	if errors.Is(err, lafs.ErrChildExists) && replace {
		return ErrIsDirectory
	}
	return asGrid(err)
}

func (g lafsGrid) Mkdir(ctx context.Context, dir caps.Write, name string) (caps.Write, error) {
	d, err := g.c.OpenDirectory(dir)
	if err != nil {
		return nil, asGrid(err)
	}
	made, err := g.c.Mkdir(ctx, nil, lafs.MkdirOptions{})
	if err != nil {
		return nil, asGrid(err)
	}
	if _, err := d.Set(ctx, lafs.NewChild{Name: name, Child: made.Child()}, lafs.ReplaceNever); err != nil {
		return nil, asGrid(err)
	}
	w, ok := made.Cap().(caps.Write)
	if !ok {
		return nil, fmt.Errorf("%w: the new directory cannot be written", ErrUnavailable)
	}
	return w, nil
}

func (g lafsGrid) Put(ctx context.Context, src Source, size int64) (caps.Read, error) {
	r, err := g.c.Put(ctx, src, lafs.PutOptions{Size: size})
	if err != nil {
		return nil, asGrid(err)
	}
	return r.Cap, nil
}

func (g lafsGrid) Overwrite(ctx context.Context, file caps.MutableWrite, src Source, size int64) error {
	n, err := g.c.Open(file)
	if err != nil {
		return asGrid(err)
	}
	m, ok := n.(*lafs.MutableFile)
	if !ok {
		return fs.ErrInvalid
	}
	_, err = m.Overwrite(ctx, src, size)
	return asGrid(err)
}

func (g lafsGrid) Read(ctx context.Context, file caps.Read, off, n int64, w io.Writer) error {
	node, err := g.c.Open(file)
	if err != nil {
		return asGrid(err)
	}
	to := &tellingWriter{w: w}
	switch f := node.(type) {
	case lafs.File:
		err = f.Read(ctx, off, n, to)
	case *lafs.MutableFile:
		_, err = f.Read(ctx, off, n, to)
	default:
		return fs.ErrInvalid
	}
	if to.err != nil { // it is the writer's own, and no fault of the grid
		return to.err
	}
	return asGrid(err)
}

// A tellingWriter remembers what its writer said.
type tellingWriter struct {
	w   io.Writer
	err error
}

func (t *tellingWriter) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	if err != nil {
		t.err = err
	}
	return n, err
}

func (g lafsGrid) Size(ctx context.Context, file caps.Read) (int64, error) {
	node, err := g.c.Open(file)
	if err != nil {
		return 0, asGrid(err)
	}
	switch f := node.(type) {
	case lafs.File:
		return f.Size(), nil
	case *lafs.MutableFile:
		v, err := f.Stat(ctx)
		return v.Size, asGrid(err)
	}
	return 0, fs.ErrInvalid
}

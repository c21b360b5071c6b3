package lafs

import (
	"context"
	"slices"

	"tahoe/lafs/dirnode"
)

// Prepare finds out what an edit that follows soon would ask the servers for; see mutable.File.
func (d *Directory) Prepare(ctx context.Context) error {
	f, ok := d.file.(editable)
	if !ok || !d.Writeable() {
		return ErrReadOnly
	}
	return f.Prepare(ctx, MaxDirectory)
}

// SetChildren links children under their names, all of them in one version of the directory, or none when there is an error. It
// says of each whether its name had a child before. It fails with *ChildExistsError when a child is in the way of r, with
// *ChildError when one may not be in a directory, and with ErrReadOnly.
//
// Times are noted in the metadata, and a child whose metadata have "no-write" is linked without the power to write.
func (d *Directory) SetChildren(ctx context.Context, children []NewChild, r Replace) (existed []bool, err error) {
	e := &dirnode.Set{Children: slices.Clone(children), Replace: r, At: d.c.c.Clock.Now()}
	if err := d.edit(ctx, e); err != nil {
		return nil, err
	}
	return e.Existed, nil
}

// Set links one child; see SetChildren.
func (d *Directory) Set(ctx context.Context, child NewChild, r Replace) (existed bool, err error) {
	all, err := d.SetChildren(ctx, []NewChild{child}, r)
	return err == nil && all[0], err
}

// Unlink takes the entry of a name away, and returns it: *NoChildError when there is none.
func (d *Directory) Unlink(ctx context.Context, name string) (Entry, error) {
	return d.UnlinkOnly(ctx, name, KindUnknown)
}

// UnlinkOnly does so if the child is of a kind, or of an unknown one: a *ChildError with ErrNotDirectory or ErrIsDirectory
// otherwise. KindUnknown allows all.
func (d *Directory) UnlinkOnly(ctx context.Context, name string, k Kind) (Entry, error) {
	e := &dirnode.Unlink{Name: name, Only: k}
	if err := d.edit(ctx, e); err != nil {
		return Entry{}, err
	}
	return e.Removed, nil
}

// Rename gives a child another name in the same directory, in one version of it. It fails with *NoChildError, and with
// *ChildExistsError when a child is in the way of r. When both names are the same, nothing happens.
func (d *Directory) Rename(ctx context.Context, from, to string, r Replace) error {
	return d.edit(ctx, &dirnode.Rename{From: from, To: to, Replace: r, At: d.c.c.Clock.Now()})
}

// SetMetadata replaces what users keep in the metadata of an entry, a JSON object: *NoChildError when there is no such
// child, *ChildError with ErrBadMetadata.
func (d *Directory) SetMetadata(ctx context.Context, name string, metadata []byte) error {
	return d.edit(ctx, &dirnode.SetMetadata{Name: name, Metadata: metadata, At: d.c.c.Clock.Now()})
}

// Move takes a child from one directory to another: it is linked at the target first, so that it is not lost when the second
// half fails, and then taken away where it was, unless another child has come there meanwhile. Within one directory it is a
// Rename.
func (c *Client) Move(ctx context.Context, from *Directory, fromName string, to *Directory, toName string, r Replace) error {
	if !from.Writeable() || !to.Writeable() {
		return ErrReadOnly
	}
	if from.cap == to.cap {
		return from.Rename(ctx, fromName, toName, r)
	}
	e, err := from.Get(ctx, fromName)
	if err != nil {
		return err
	}
	if _, err := to.Set(ctx, NewChild{Name: toName, Child: e.Child, Metadata: e.Metadata.Raw()}, r); err != nil {
		return err
	}
	return from.edit(ctx, &dirnode.Unlink{Name: fromName, Same: &e.Child})
}

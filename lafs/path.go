package lafs

import (
	"context"
	"errors"

	"tahoe/caps"
	"tahoe/lafs/dirnode"
)

// Lookup follows a path from a capability on, and returns what it ends at: of an empty path what root names, with an
// empty name. It fails with *NoChildError, and with *NotDirectoryError when the path goes through something else.
func (c *Client) Lookup(ctx context.Context, root caps.Cap, path []string) (Entry, error) {
	e := Entry{Child: ChildOf(root)}
	for _, name := range path {
		d, err := c.directory(e)
		if err != nil {
			return Entry{}, err
		}
		if e, err = d.Get(ctx, name); err != nil {
			return Entry{}, err
		}
	}
	return e, nil
}

// directory opens an entry that has to be a directory.
func (c *Client) directory(e Entry) (*Directory, error) {
	if k := e.Kind(); k != KindDirectory {
		return nil, &NotDirectoryError{e.Name, k}
	}
	return c.OpenDirectory(e.Cap())
}

// LookupDirectory follows a path to a directory: *NotDirectoryError when it ends at something else.
func (c *Client) LookupDirectory(ctx context.Context, root caps.Cap, path []string) (*Directory, error) {
	e, err := c.Lookup(ctx, root, path)
	if err != nil {
		return nil, err
	}
	return c.directory(e)
}

// LookupParent follows a path, which has at least one name, to the directory of the last, and returns that name. It need not
// be there.
func (c *Client) LookupParent(ctx context.Context, root caps.Cap, path []string) (*Directory, string, error) {
	if len(path) == 0 {
		return nil, "", ErrBadName
	}
	last := len(path) - 1
	d, err := c.LookupDirectory(ctx, root, path[:last])
	return d, path[last], err
}

// MakePath follows a path to a directory, and makes the directories that are missing. They appear all at once.
func (c *Client) MakePath(ctx context.Context, root caps.Cap, path []string, o MkdirOptions) (*Directory, error) {
	d, err := c.LookupDirectory(ctx, root, nil)
	for err == nil && len(path) > 0 {
		var next *Directory
		next, err = c.LookupDirectory(ctx, d.cap, path[:1])
		if errors.Is(err, ErrNoChild) {
			next, err = c.makePath(ctx, d, path, o)
			if errors.Is(err, ErrChildExists) {
				err = nil // somebody made it meanwhile
				continue
			}
			return next, err
		}
		d, path = next, path[1:]
	}
	return d, err
}

// makePath makes directories for a path of which nothing is there, the last one first, and links the first in d.
func (c *Client) makePath(ctx context.Context, d *Directory, path []string, o MkdirOptions) (*Directory, error) {
	if !d.Writeable() {
		return nil, ErrReadOnly
	}
	var last, next *Directory
	for i := len(path) - 1; i >= 0; i-- {
		var children []NewChild
		if next != nil {
			children = []NewChild{{Name: path[i+1], Child: next.Child(), Metadata: dirnode.LinkedAt(c.c.Clock.Now())}}
		}
		made, err := c.Mkdir(ctx, children, o)
		if err != nil {
			return nil, err
		}
		if last == nil {
			last = made
		}
		next, o.Key = made, nil // a key is for one directory
	}
	_, err := d.Set(ctx, NewChild{Name: path[0], Child: next.Child()}, ReplaceNever)
	return last, err
}

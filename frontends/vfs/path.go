package vfs

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"tahoe/caps"
	"tahoe/storage"
)

// A place is a name in a directory, whoever looks at it and however he came there.
type place struct {
	dir  storage.Index
	name string // "": the file itself that the index is of, reached without a directory
}

func placeIn(dir caps.Read, name string) place {
	if v, ok := dir.Verify(); ok {
		return place{v.Index(), name}
	}
	return place{name: name} // in a literal directory, where nothing can be written
}

// A spot is where a path leads.
type spot struct {
	place
	parent  caps.Read // the directory; nil for a root
	child   Child     // what the grid has there; its Cap is nil when there is nothing
	display string    // the path without capabilities
}

func (s spot) exists() bool { return s.child.Cap != nil }
func (s spot) isDir() bool  { return s.child.Cap != nil && caps.IsDirectory(s.child.Cap) }

// writable is the parent, for a change in it.
func (s spot) writable() (caps.Write, error) {
	if s.parent == nil {
		return nil, fs.ErrPermission // a root has no name that could be changed
	}
	w, ok := s.parent.(caps.Write)
	if !ok {
		return nil, ErrReadOnly
	}
	return w, nil
}

const maxPath = 64 << 10

// split cuts a path into names: NFC, as directories keep them.
func split(p string) ([]string, error) {
	if !utf8.ValidString(p) || len(p) > maxPath {
		return nil, fs.ErrNotExist
	}
	p = path.Clean("/" + norm.NFC.String(p))
	if p == "/" {
		return nil, nil
	}
	return strings.Split(p[1:], "/"), nil
}

// elsewhere begins the path, as people are shown it, of what is reached by a capability.
const elsewhere = "/uri/…"

// root finds where a path begins: at the account's root, or at the capability that it names.
func (v *View) root(names []string) (root caps.Cap, rest []string, display string) {
	if len(names) >= 2 && names[0] == "uri" && strings.HasPrefix(names[1], "URI:") && !v.account.NoPaths {
		if c, err := caps.Parse(names[1]); err == nil {
			return c, names[2:], elsewhere
		}
		return nil, nil, ""
	}
	return v.account.Root, names, ""
}

// find follows a path. A last name that is not there is no error; any other is.
func (v *View) find(ctx context.Context, p string) (spot, error) {
	names, err := split(p)
	if err != nil {
		return spot{}, err
	}
	at, rest, display := v.root(names)
	if at == nil {
		return spot{}, fs.ErrNotExist
	}
	if len(rest) == 0 {
		return rootSpot(at, display), nil
	}
	for _, name := range rest[:len(rest)-1] {
		dir, err := asDirectory(at)
		if err != nil {
			return spot{}, err
		}
		c, ok, err := v.fs.tree.child(ctx, dir, name)
		if err != nil {
			return spot{}, err
		}
		if !ok {
			if v.fs.visible(placeIn(dir, name)) {
				return spot{}, ErrNotDirectory
			}
			return spot{}, fs.ErrNotExist
		}
		at = c.Cap
	}
	return v.last(ctx, at, rest, display)
}

// lockAt follows a path, and takes the lock of the place to which it leads.
func (v *View) lockAt(ctx context.Context, p string) (s spot, unlock func(), err error) {
	for {
		if s, err = v.find(ctx, p); err != nil {
			return s, nil, err
		}
		if unlock, err = v.fs.places.lock(ctx, s.place); err != nil {
			return s, nil, err
		}
		at := s.place
		if s, err = v.find(ctx, p); err == nil && s.place == at {
			return s, unlock, nil
		}
		unlock() // it has changed while the lock was waited for
		if err != nil {
			return s, nil, err
		}
	}
}

// look follows a path, and finds what the grid does not have yet, if there is something at its end: then n is not nil, and c has one
// user more. The two are seen as they are at one moment: a file that arrives on the grid in between is not missed.
func (v *View) look(ctx context.Context, p string) (s spot, n *inode, c *content, err error) {
	for {
		arrived := v.fs.arrived.Load()
		if s, err = v.find(ctx, p); err != nil {
			return s, nil, nil, err
		}
		v.fs.mu.Lock()
		if n = v.fs.lookup(s.place); n != nil && n.visible() != nil {
			c = n.visible().hold()
			n.handles++
			v.fs.mu.Unlock()
			return s, n, c, nil
		}
		same := v.fs.arrived.Load() == arrived
		v.fs.mu.Unlock()
		if same {
			return s, nil, nil, nil
		}
	}
}

// unlook gives back what look has counted.
func (f *FS) unlook(n *inode, c *content) {
	f.mu.Lock()
	n.handles--
	f.tidy(n)
	f.mu.Unlock()
	f.drop(c)
}

func (v *View) last(ctx context.Context, at caps.Cap, rest []string, display string) (spot, error) {
	dir, err := asDirectory(at)
	if err != nil {
		return spot{}, err
	}
	name := rest[len(rest)-1]
	c, _, err := v.fs.tree.child(ctx, dir, name)
	if err != nil {
		return spot{}, err
	}
	return spot{place: placeIn(dir, name), parent: dir, child: c, display: display + "/" + strings.Join(rest, "/")}, nil
}

func rootSpot(at caps.Cap, display string) spot {
	s := spot{child: Child{Name: "/", Cap: at}, display: display}
	if display == "" {
		s.display = "/"
	}
	if v, ok := caps.VerifyOnly(at); ok {
		s.place = place{dir: v.Index()}
	}
	return s
}

func asDirectory(c caps.Cap) (caps.Read, error) {
	r, ok := c.(caps.Read)
	if !ok || !caps.IsDirectory(c) {
		return nil, ErrNotDirectory
	}
	return r, nil
}

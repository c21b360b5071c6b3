package vfs

import (
	"cmp"
	"context"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
)

// MaxFiles is how many files one session may have open.
const MaxFiles = 4096

// A View is one session's sight of an account's tree. Paths begin at the account's root, are separated by slashes, and are cleaned: no ..
// leads out of it. /uri/CAP/… is the tree of any capability, for accounts that may. It may be used by several goroutines at once.
type View struct {
	fs      *FS
	account auth.Account

	mu     sync.Mutex
	files  map[*File]struct{} // that are open
	closed bool
}

// Close abandons what is open. What was closed before goes its way.
func (v *View) Close() {
	v.mu.Lock()
	v.closed = true
	var open []*File
	for f := range v.files {
		open = append(open, f)
	}
	v.mu.Unlock()
	for _, f := range open {
		f.Abandon()
	}
	v.fs.mu.Lock()
	defer v.fs.mu.Unlock()
	delete(v.fs.views, v)
}

// Account is whose tree it is.
func (v *View) Account() auth.Account { return v.account }

// canWrite says whether a child may be changed through this view, in a directory or as a root.
func (v *View) canWrite(parent caps.Read, c caps.Cap) bool {
	if v.account.ReadOnly {
		return false
	}
	if caps.IsMutable(c) {
		_, ok := c.(caps.Write)
		return ok
	}
	_, ok := parent.(caps.Write)
	return ok
}

// Stat describes what is at a path.
func (v *View) Stat(ctx context.Context, path string) (Info, error) {
	s, n, c, err := v.look(ctx, path)
	if err != nil {
		return Info{}, err
	}
	if c != nil {
		defer v.fs.unlook(n, c)
		return c.info(cmp.Or(s.name, s.child.Name)), nil
	}
	if !s.exists() {
		return Info{}, fs.ErrNotExist
	}
	return v.sized(ctx, s.parent, s.child)
}

func (c *content) info(name string) Info {
	mtime, mode, set := c.attrs()
	if !set {
		mode = fileMode
	}
	return Info{name: name, size: c.file.Size(), mode: mode, modTime: mtime, created: mtime, waiting: true}
}

// infoOf describes a child as far as that can be told without asking anybody.
func (v *View) infoOf(parent caps.Read, c Child) Info {
	m := parseMetadata(c.Metadata)
	i := Info{name: c.Name, mode: modeOf(c.Cap, m, v.canWrite(parent, c.Cap)), modTime: m.modTime(c.Cap), created: m.created()}
	switch c.Cap.(type) {
	case caps.CHK, caps.Literal:
		i.size, i.tag = sizeIn(c.Cap), tagOf(c.Cap)
	}
	return i
}

// sized is infoOf with the size of a mutable file, which servers know.
func (v *View) sized(ctx context.Context, parent caps.Read, c Child) (Info, error) {
	i := v.infoOf(parent, c)
	if file, ok := c.Cap.(caps.Read); ok && caps.IsMutable(file) && !i.IsDir() {
		size, err := v.fs.c.Grid.Size(ctx, file)
		if err != nil {
			return Info{}, err
		}
		i.size = size
	}
	return i, nil
}

// List describes what is in a directory, sorted by name. The sequence asks servers for the sizes of mutable files as it
// goes on; it does not fail.
func (v *View) List(ctx context.Context, path string) (iter.Seq[Info], error) {
	s, err := v.find(ctx, path)
	if err != nil {
		return nil, err
	}
	if !s.isDir() {
		if s.exists() || v.fs.visible(s.place) {
			return nil, ErrNotDirectory
		}
		return nil, fs.ErrNotExist
	}
	dir, err := asDirectory(s.child.Cap)
	if err != nil {
		return nil, err
	}
	waiting := v.fs.waitingIn(dir) // first: what arrives in between is then in both
	children, err := v.fs.tree.list(ctx, dir)
	if err != nil {
		return nil, err
	}
	return v.listing(ctx, dir, children, waiting), nil
}

// waitingIn describes the files in a directory that the grid does not have yet.
func (f *FS) waitingIn(dir caps.Read) []Info {
	index := placeIn(dir, "").dir
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Info
	for name, n := range f.nodes[index] {
		if c := n.visible(); c != nil && name != "" {
			all = append(all, c.info(name))
		}
	}
	slices.SortFunc(all, func(a, b Info) int { return cmp.Compare(a.name, b.name) })
	return all
}

// listing merges two sorted lists; what waits hides what the grid has.
func (v *View) listing(ctx context.Context, dir caps.Read, children []Child, waiting []Info) iter.Seq[Info] {
	return func(yield func(Info) bool) {
		w := waiting
		for _, c := range children {
			for len(w) > 0 && w[0].name < c.Name {
				if !yield(w[0]) {
					return
				}
				w = w[1:]
			}
			if len(w) > 0 && w[0].name == c.Name {
				continue // it comes next
			}
			i, err := v.sized(ctx, dir, c)
			if err != nil {
				i = v.infoOf(dir, c)
			}
			if !yield(i) {
				return
			}
		}
		for _, i := range w {
			if !yield(i) {
				return
			}
		}
	}
}

// Statfs says how much room there is for this account: its quota and what is left of it, or what the grid has.
func (v *View) Statfs(ctx context.Context) (Space, error) {
	var s Space
	if v.fs.c.Free != nil {
		var err error
		if s, err = v.fs.c.Free(ctx); err != nil {
			return Space{}, err
		}
	}
	if q := v.account.Quota; q > 0 {
		used, err := v.fs.used(ctx, v.account)
		if err != nil {
			return Space{}, err
		}
		left := max(0, q-used)
		if s.Total > 0 {
			left = min(left, s.Free)
		}
		s = Space{Total: q, Free: left}
	}
	return s, nil
}

func (v *View) add(f *File) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed:
		return fs.ErrClosed
	case len(v.files) >= MaxFiles:
		return ErrTooManyFiles
	}
	v.files[f] = struct{}{}
	return nil
}

func (v *View) remove(f *File) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.files, f)
}

// now is the time for what is written.
func (v *View) now() time.Time { return v.fs.clock.Now() }

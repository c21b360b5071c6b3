package copier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/text/unicode/norm"

	"tahoe/frontends/web/wapi"
)

// batch is how many entries a directory is given with one request. Each request writes the whole directory.
const batch = 2000

// A gridTarget is a directory on the grid. A new one is made when all that shall be in it is there.
type gridTarget struct {
	c    *copying
	path string                              // for messages and the journal
	cap  string                              // empty: there is none yet
	have map[string]wapi.Node                // what was in it
	link func(context.Context, string) error // gives a new one its name

	mu  sync.Mutex
	set wapi.NewChildren // what shall be in it
}

func gridKey(name string) string { return norm.NFC.String(name) }

func (t *gridTarget) key(name string) string { return gridKey(name) }

// gridTop is the target of a copy. When nothing is there, it is made at its place, with the directories that lead to it.
func (c *copying) gridTop(end *item, to Place) (target, error) {
	if end != nil {
		return c.gridDir(to.Arg, end.node)
	}
	t := c.newGridDir(to.Arg)
	t.link = func(ctx context.Context, capability string) error {
		return c.Gateway.PutURI(ctx, to.On.Root, to.On.Path, capability, wapi.ReplaceNever)
	}
	return t, nil
}

var errReadOnly = errors.New("the directory on the grid can only be read with the capability that leads to it")

// gridDir is a directory that is there, as a node with its children.
func (c *copying) gridDir(path string, n wapi.Node) (*gridTarget, error) {
	if n.WriteURI == "" {
		return nil, fmt.Errorf("%s: %w", path, errReadOnly)
	}
	t := c.newGridDir(path)
	t.cap = n.WriteURI
	for _, child := range n.Children {
		t.have[gridKey(child.Name)] = child.Node
	}
	return t, nil
}

func (c *copying) newGridDir(path string) *gridTarget {
	return &gridTarget{c: c, path: path, have: map[string]wapi.Node{}, set: wapi.NewChildren{}}
}

func (t *gridTarget) dir(ctx context.Context, it *item) (target, error) {
	name := gridKey(it.name)
	path := t.path + "/" + name
	was, there := t.have[name]
	if !there {
		sub := t.c.newGridDir(path)
		sub.link = func(_ context.Context, capability string) error {
			t.add(name, wapi.NewChild{Kind: wapi.KindDirectory, WriteURI: capability})
			return nil
		}
		return sub, nil
	}
	if was.Kind != wapi.KindDirectory {
		return nil, fmt.Errorf("%s is not a directory on the grid, and a directory cannot take its place", path)
	}
	if was.WriteURI == "" {
		return nil, errReadOnly
	}
	n, err := t.c.Gateway.Node(ctx, was.WriteURI, nil)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", path, err)
	}
	return t.c.gridDir(path, n)
}

func (t *gridTarget) put(ctx context.Context, it *item) error {
	name := gridKey(it.name)
	was, there := t.have[name]
	switch {
	case there && was.Kind != wapi.KindFile:
		return fmt.Errorf("%s/%s is not a file on the grid, and a file cannot take its place", t.path, name)
	case there && was.IsMutable() && was.WriteURI == "":
		return errMutableReadOnly
	case there && was.IsMutable():
		return t.c.overwrite(ctx, it, was.WriteURI, nil)
	}
	capability, what, bytes, err := t.c.toGrid(ctx, it)
	if err != nil {
		return err
	}
	if was.ReadURI == capability {
		t.c.done(Unchanged, it, 0)
		return nil
	}
	t.add(name, wapi.NewChild{Kind: wapi.KindFile, ReadURI: capability})
	t.c.done(what, it, bytes)
	return nil
}

var errMutableReadOnly = errors.New("replace or update requested with read-only cap: the mutable file on the grid can only be read")

func (t *gridTarget) add(name string, child wapi.NewChild) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set[name] = child
}

// finish writes the entries. Nobody adds to them any more.
func (t *gridTarget) finish(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(t.set))
	isNew := t.cap == ""
	if isNew {
		first := names[:min(batch, len(names))]
		capability, err := t.make(ctx, t.part(first))
		if err != nil {
			return err
		}
		t.cap, names = capability, names[len(first):]
	}
	for part := range slices.Chunk(names, batch) {
		if err := t.c.Gateway.SetChildren(ctx, t.cap, nil, t.part(part), wapi.ReplaceOnlyFiles); err != nil {
			return err
		}
	}
	if isNew {
		return t.link(ctx, t.cap)
	}
	return t.named()
}

// named forgets the directories that have a name now: users may change them and give them other names, so that they can no more be taken
// for what this copy made.
func (t *gridTarget) named() error {
	for name, child := range t.set {
		if child.Kind != wapi.KindDirectory {
			continue
		}
		if err := t.c.forgetMade(t.path + "/" + name); err != nil {
			return err
		}
	}
	return nil
}

func (t *gridTarget) part(names []string) wapi.NewChildren {
	part := make(wapi.NewChildren, len(names))
	for _, name := range names {
		part[name] = t.set[name]
	}
	return part
}

// make makes the directory, unless an earlier run of this copy did, which nobody can have seen, since it had no name.
func (t *gridTarget) make(ctx context.Context, children wapi.NewChildren) (string, error) {
	contents, err := digest(children)
	if err != nil {
		return "", err
	}
	if known, ok, err := t.c.madeBefore(t.path, contents); ok || err != nil {
		return known, err
	}
	capability, err := t.c.Gateway.MkdirWith(ctx, children)
	if err != nil {
		return "", err
	}
	t.c.count(func(r *Result) { r.Directories++ })
	t.c.Note(Made, t.path)
	if len(t.set) > len(children) {
		return capability, nil // more will be in it
	}
	return capability, t.c.noteMade(t.path, contents, capability)
}

func digest(children wapi.NewChildren) (string, error) {
	b, err := json.Marshal(children) // in the order of names
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

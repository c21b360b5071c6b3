package copier

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"tahoe/cmd/tahoe/internal/treejobs"
)

// toDirectory copies things into a directory.
func (c *copying) toDirectory(ctx context.Context, items []*item, end *item, to Place) error {
	if len(items) > 1 {
		if err := c.quiet().collide(ctx, items, to.Local != ""); err != nil {
			return err
		}
	}
	if to.Local != "" && slices.ContainsFunc(items, func(it *item) bool { return it.dir && !it.onGrid() && contains(it, to.Local) }) {
		return errOwn
	}
	top, err := c.top(end, to)
	if err != nil {
		return err
	}
	r := treejobs.New(ctx, c.Parallel)
	var counting sync.WaitGroup
	counting.Go(func() { c.foresee(r.Context(), items) })
	d := r.Enter(nil, top.finish)
	r.Fail(c.into(r, d, top, c.unwrap(r.Context(), items)))
	r.Leave(d)
	err = r.Wait()
	counting.Wait()
	return err
}

// top is the directory that is copied into.
func (c *copying) top(end *item, to Place) (target, error) {
	if to.Local == "" {
		return c.gridTop(end, to)
	}
	if err := os.MkdirAll(to.Local, 0o777); err != nil {
		return nil, err
	}
	info, err := os.Stat(to.Local)
	if err != nil {
		return nil, err
	}
	if end == nil {
		c.count(func(r *Result) { r.Directories++ })
	}
	c.root = &item{local: to.Local, info: info}
	return &localTarget{c: c, path: to.Local}, nil
}

// contains says whether a path is that of a local directory, or leads into it.
func contains(dir *item, path string) bool {
	for {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if info, err := os.Stat(path); err == nil && os.SameFile(info, dir.info) {
			return true
		}
		up := filepath.Dir(path)
		if up == path {
			return false
		}
		path = up
	}
}

// unwrap puts what is in a directory without a name in its place.
func (c *copying) unwrap(ctx context.Context, items []*item) func(yield func(*item, error) bool) {
	return func(yield func(*item, error) bool) {
		for _, it := range items {
			if it.name != "" {
				if !yield(it, nil) {
					return
				}
				continue
			}
			children, err := c.children(ctx, it)
			if err != nil && !yield(nil, c.problem(ctx, it.path, err)) {
				return
			}
			for _, child := range children {
				if !yield(child, nil) {
					return
				}
			}
		}
	}
}

// group is what shall have one name in a target: one file, or directories that become one.
type group []*item

func (g group) allDirs() bool { return !slices.ContainsFunc(g, func(it *item) bool { return !it.dir }) }

// grouped puts things that would have the same name together, in the order in which they come.
func grouped(items []*item, key func(string) string) []group {
	var all []group
	at := make(map[string]int, len(items))
	for _, it := range items {
		k := key(it.name)
		if i, ok := at[k]; ok {
			all[i] = append(all[i], it)
			continue
		}
		at[k] = len(all)
		all = append(all, group{it})
	}
	return all
}

// collide looks through directories that would become one for names that more than one thing would get, before anything is copied.
func (c *copying) collide(ctx context.Context, items []*item, local bool) error {
	var all []*item
	for it, err := range c.unwrap(ctx, items) {
		if err != nil {
			return err
		}
		if it != nil {
			all = append(all, it)
		}
	}
	key := gridKey
	if local {
		key = localKey
	}
	for _, g := range grouped(all, key) {
		switch {
		case len(g) == 1:
			continue
		case !g.allDirs():
			return errCollision
		}
		inside := make([]*item, len(g))
		for i, it := range g {
			bare := *it
			bare.name = ""
			inside[i] = &bare
		}
		if err := c.collide(ctx, inside, local); err != nil {
			return err
		}
	}
	return nil
}

// into copies things into a target that was entered as d.
func (c *copying) into(r *treejobs.Runner, d *treejobs.Dir, t target, items func(yield func(*item, error) bool)) error {
	var all []*item
	for it, err := range items {
		if err != nil {
			return err
		}
		if it != nil {
			all = append(all, it)
		}
	}
	groups := grouped(all, t.key)
	ahead := c.lookAhead(r.Context(), groups)
	for _, g := range groups {
		if g.allDirs() {
			if err := c.intoDir(r, d, t, g, ahead); err != nil {
				return err
			}
			continue
		}
		for _, extra := range g[1:] {
			if err := c.problem(r.Context(), extra.path, errSameName); err != nil {
				return err
			}
		}
		if g[0].onGrid() {
			c.Tally.Find(1, g[0].size())
		}
		if err := r.Do(d, func(ctx context.Context) error { return c.file(ctx, t, g[0]) }); err != nil {
			return err
		}
	}
	return nil
}

var errSameName = errors.New("something else in the same directory has the same name where it should be copied to")

// file copies one file.
func (c *copying) file(ctx context.Context, t target, it *item) error {
	return c.problem(ctx, it.path, t.put(ctx, it))
}

// intoDir copies directories into the one that stands for all of them in a target.
func (c *copying) intoDir(r *treejobs.Runner, d *treejobs.Dir, t target, g group, list lister) error {
	ctx := r.Context()
	var children []*item
	listed := 0
	for _, it := range g {
		in, err := list(it)
		if err != nil {
			if err := c.problem(ctx, it.path, err); err != nil {
				return err
			}
			continue
		}
		listed++
		children = append(children, in...)
	}
	if listed == 0 {
		return nil
	}
	sub, err := t.dir(ctx, g[0])
	if err != nil {
		return c.problem(ctx, g[0].path, err)
	}
	inner := r.Enter(d, func(ctx context.Context) error { return c.problem(ctx, g[0].path, sub.finish(ctx)) })
	defer r.Leave(inner)
	return c.into(r, inner, sub, each(children))
}

func each(items []*item) func(yield func(*item, error) bool) {
	return func(yield func(*item, error) bool) {
		for _, it := range items {
			if !yield(it, nil) {
				return
			}
		}
	}
}

// foresee counts what there is to copy on this machine, ahead of the walk. What is on the grid is counted as it is found.
func (c *copying) foresee(ctx context.Context, items []*item) {
	quiet := c.quiet()
	for _, it := range items {
		quiet.foreseeOne(ctx, it)
	}
	if !slices.ContainsFunc(items, func(it *item) bool { return it.onGrid() }) {
		c.Tally.Found()
	}
}

func (c *copying) foreseeOne(ctx context.Context, it *item) {
	if it.onGrid() || ctx.Err() != nil {
		return
	}
	if !it.dir {
		c.Tally.Find(1, it.size())
		return
	}
	children, err := c.children(ctx, it)
	if err != nil {
		return // the walk will say so
	}
	for _, child := range children {
		c.foreseeOne(ctx, child)
	}
}

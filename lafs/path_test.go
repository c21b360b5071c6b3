package lafs_test

import (
	"errors"
	"sync"
	"testing"

	"tahoe/caps"
	"tahoe/lafs"
)

func TestLookup(t *testing.T) {
	c, _ := newMemoryClient(t)
	inner := mkdir(t, c, literal(t, "file", "text"))
	future := lafs.Child{Write: parse(t, "x-future:w"), Read: parse(t, "x-future:r")}
	root := mkdir(t, c, lafs.NewChild{Name: "e\u0301", Child: inner.Child()}, lafs.NewChild{Name: "future", Child: future})
	for _, x := range []struct {
		name string
		path []string
		kind lafs.Kind
		want error
	}{
		{name: "root", kind: lafs.KindDirectory},
		{name: "directory", path: []string{"\u00e9"}, kind: lafs.KindDirectory},
		{name: "file", path: []string{"e\u0301", "file"}, kind: lafs.KindFile},
		{name: "future", path: []string{"future"}, kind: lafs.KindUnknown},
		{name: "nobody", path: []string{"\u00e9", "nobody"}, want: lafs.ErrNoChild},
		{name: "nobody on the way", path: []string{"nobody", "file"}, want: lafs.ErrNoChild},
		{name: "through a file", path: []string{"\u00e9", "file", "x"}, want: lafs.ErrNotDirectory},
		{name: "through the future", path: []string{"future", "x"}, want: lafs.ErrNotDirectory},
	} {
		e, err := c.Lookup(t.Context(), root.Cap(), x.path)
		if !errors.Is(err, x.want) || e.Kind() != x.kind {
			t.Errorf("%s: got %v, %v; want %v, %v", x.name, e.Kind(), err, x.kind, x.want)
		}
	}
	d, name, err := c.LookupParent(t.Context(), root.Cap(), []string{"\u00e9", "new"})
	if err != nil || name != "new" || d.Cap() != inner.Cap() {
		t.Errorf("got %v, %q, %v", d, name, err)
	}
}

// TestPowerIsNotGained: what is reached through a capability to read cannot be written.
func TestPowerIsNotGained(t *testing.T) {
	c, _ := newMemoryClient(t)
	inner := mkdir(t, c)
	root := mkdir(t, c, lafs.NewChild{Name: "inner", Child: inner.Child()})
	e, err := c.Lookup(t.Context(), root.Child().Read, []string{"inner"})
	if err != nil || e.Write != nil || e.Cap() != inner.Child().Read {
		t.Errorf("got %+v, %v", e, err)
	}
	if e, err = c.Lookup(t.Context(), root.Cap(), []string{"inner"}); err != nil || e.Write != inner.Cap() {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestMakePath(t *testing.T) {
	c, _ := newMemoryClient(t)
	root := mkdir(t, c, literal(t, "file", "x"))
	path := []string{"a", "b", "c"}
	made := make([]caps.Cap, 8)
	var running sync.WaitGroup
	for i := range made {
		running.Go(func() {
			d, err := c.MakePath(t.Context(), root.Cap(), path, lafs.MkdirOptions{Format: lafs.MDMF})
			if err != nil {
				t.Error(err)
				return
			}
			made[i] = d.Cap()
		})
	}
	running.Wait()
	e, err := c.Lookup(t.Context(), root.Cap(), path)
	if err != nil || lafs.FormatOf(e.Cap()) != lafs.MDMF {
		t.Fatalf("got %+v, %v", e, err)
	}
	for i := range path {
		step, err := c.Lookup(t.Context(), root.Cap(), path[:i+1])
		created, ok := step.Metadata.LinkCreated()
		if modified, is := step.Metadata.LinkModified(); err != nil || !ok || !is || !created.Equal(modified) {
			t.Errorf("%v: got metadata %v, %v; want the time of its making", path[:i+1], step.Metadata, err)
		}
	}
	for i, k := range made {
		if k != e.Cap() {
			t.Errorf("maker %d got another directory than the one that is there", i)
		}
	}
	if _, err := c.MakePath(t.Context(), root.Cap(), []string{"file", "x"}, lafs.MkdirOptions{}); !errors.Is(err, lafs.ErrNotDirectory) {
		t.Errorf("got %v, want %v", err, lafs.ErrNotDirectory)
	}
	if _, err := c.MakePath(t.Context(), root.Child().Read, []string{"new"}, lafs.MkdirOptions{}); !errors.Is(err, lafs.ErrReadOnly) {
		t.Errorf("got %v, want %v", err, lafs.ErrReadOnly)
	}
	if d, err := c.MakePath(t.Context(), root.Cap(), nil, lafs.MkdirOptions{}); err != nil || d.Cap() != root.Cap() {
		t.Errorf("got %v, %v", d, err)
	}
}

package vfs_test

import (
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

// Several sessions use names of their own in directories that they share, and each compares all that it sees with a plain file system in
// memory. Afterwards the grid has what these have.
func TestModel(t *testing.T) {
	for seed := range uint64(seeds(t, 6)) {
		d := sit(t, vfs.Config{Clock: hasty{time.Now()}, Memory: reactor.NewBudget(3 << 20)})
		d.grid.Hook(moody(seed))
		for _, dir := range modelDirs {
			if err := d.view.Mkdir(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
		}
		var players sync.WaitGroup
		all := make([]*player, 5)
		for k := range all {
			p := &player{t: t, id: k, r: rand.New(rand.NewPCG(seed, uint64(k))), view: d.fs.View(d.view.Account()), names: make(map[string]*modelName)}
			all[k] = p
			players.Go(p.play)
		}
		players.Wait()
		d.settle()
		want := make(map[string]string)
		for _, dir := range modelDirs {
			want[dir[1:]+"/"] = ""
		}
		for _, p := range all {
			p.view.Close()
			for name, n := range p.names {
				if n.pub != nil {
					want[name[1:]] = string(n.pub)
				}
			}
		}
		if got := d.grid.Tree(d.root); !maps.Equal(got, want) {
			t.Errorf("the grid has %v, want %v", sizes(got), sizes(want))
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

var modelDirs = []string{"/a", "/b"}

func sizes(m map[string]string) map[string]int {
	out := make(map[string]int)
	for k, v := range m {
		out[k] = len(v)
	}
	return out
}

// A modelName is a file of the plain file system: what was closed, and what is being written.
type modelName struct {
	pub     []byte // nil: nothing
	cur     *modelContent
	writers int
	gone    bool
}

type modelContent struct {
	data  []byte
	dirty bool
}

// shown is what a reader sees; nil: there is nothing.
func (n *modelName) shown() []byte {
	if n == nil {
		return nil
	}
	if n.cur != nil {
		return n.cur.data
	}
	return n.pub
}

type modelHandle struct {
	f      *vfs.File
	path   string
	n      *modelName
	c      *modelContent
	writes bool
}

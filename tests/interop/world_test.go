package interop_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// perMaker is how many storage nodes of each maker a world has.
const perMaker = 5

// A world is the storage nodes of one test, and introducers for those of each maker: one by each maker. Who joins those of both
// makers' nodes has all.
type world struct {
	t           *testing.T
	dir         string
	storage     map[maker][]*peer
	introducers map[maker]map[maker]*peer // by whose nodes it introduces, and by its own maker
}

func newWorld(t *testing.T) *world {
	t.Helper()
	needsOriginal(t)
	w := &world{t: t, dir: t.TempDir(), storage: map[maker][]*peer{ours: make([]*peer, perMaker), original: make([]*peer, perMaker)}}
	w.startIntroducers()
	var start []func()
	for _, m := range makers {
		for i := range w.storage[m] {
			start = append(start, func() {
				p := newStorage(t, m, filepath.Join(w.dir, fmt.Sprintf("storage-%s-%d", m, i+1)))
				p.joins(slices.Collect(maps.Values(w.introducers[m]))...)
				p.start()
				w.storage[m][i] = p
			})
		}
	}
	together(t, start...)
	return w
}

func (w *world) startIntroducers() {
	w.introducers = map[maker]map[maker]*peer{ours: {}, original: {}}
	var mu sync.Mutex
	var start []func()
	for _, of := range makers {
		for _, by := range introducers() {
			start = append(start, func() {
				p := newIntroducer(w.t, maker(by), filepath.Join(w.dir, fmt.Sprintf("introducer-%s-of-%s", by, of)))
				mu.Lock()
				defer mu.Unlock()
				w.introducers[of][maker(by)] = p
			})
		}
	}
	together(w.t, start...)
}

// servers are the storage nodes of a choice: a maker's, or "mixed".
func (w *world) servers(choice string) []*peer {
	if choice == mixed {
		return append(w.servers(string(ours)), w.servers(string(original))...)
	}
	return append([]*peer(nil), w.storage[maker(choice)]...)
}

const mixed = "mixed"

// A cell of the matrix: what a client of each maker has in common with that of the other.
type cell struct {
	servers    string // whose
	introducer string // whose; "none": servers.yaml
	protocol   string
}

const (
	none     = "none"
	gbs      = "GBS"
	foolscap = "Foolscap"
)

func (c cell) String() string {
	return fmt.Sprintf("servers=%s/introducer=%s/protocol=%s", c.servers, c.introducer, c.protocol)
}

// encoding is needed, happy and total.
func (c cell) encoding() (needed, happy, total int) {
	if c.servers == mixed {
		return 3, 7, 10
	}
	return 3, 3, perMaker
}

// clients runs a client of each maker, and waits until they are connected to the servers of the cell that run.
func (w *world) clients(t *testing.T, c cell) map[maker]*peer {
	t.Helper()
	dir := t.TempDir()
	both := [2]*peer{}
	var start []func()
	for i, m := range makers {
		start = append(start, func() {
			p := newClient(t, m, filepath.Join(dir, "client-"+string(m)))
			both[i] = p
			needed, happy, total := c.encoding()
			p.set("client/shares.needed", strconv.Itoa(needed), "client/shares.happy", strconv.Itoa(happy),
				"client/shares.total", strconv.Itoa(total), "client/force_foolscap", strconv.FormatBool(c.protocol == foolscap))
			p.setPrivate("convergence", "fqfl2bjy3khd3vhxz4hujm62fvzy4mbzc57cwz6zfsgsc6dqjobq")
			w.introduce(p, c)
			p.start()
			p.waitConnected(w.running(c))
			p.mustSpeak(t, c.protocol)
		})
	}
	together(t, start...)
	return map[maker]*peer{both[0].maker: both[0], both[1].maker: both[1]}
}

// introduce tells a client where it finds its servers.
func (w *world) introduce(p *peer, c cell) {
	if c.introducer == none {
		p.knows(w.servers(c.servers)...)
		return
	}
	var of []*peer
	for _, m := range makers {
		if c.servers == string(m) || c.servers == mixed {
			of = append(of, w.introducers[m][maker(c.introducer)])
		}
	}
	p.joins(of...)
}

func (w *world) running(c cell) int {
	n := 0
	for _, s := range w.servers(c.servers) {
		if s.Running() {
			n++
		}
	}
	return n
}

// introducers are those of whom a cell may have one.
func introducers() []string { return []string{string(ours), string(original)} }

// protocols are those that the nodes of a cell may speak.
func protocols() []string { return []string{gbs, foolscap} }

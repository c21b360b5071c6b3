package interop_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"testing"
)

// TestMatrix stores files with a client of each maker, which that of the other reads and, where they are mutable, changes, over the
// servers, introducers and protocols of each; then it kills servers down to the three that it takes, and reads again.
func TestMatrix(t *testing.T) {
	t.Parallel()
	matrix(t, false)
}

// TestLongMatrix is the same with the full sizes everywhere.
func TestLongMatrix(t *testing.T) {
	needsLong(t)
	matrix(t, true)
}

func needsLong(t *testing.T) {
	t.Helper()
	if os.Getenv("TAHOE_LONG") == "" {
		t.Skip("full sizes: ./check -long runs this")
	}
}

func matrix(t *testing.T, long bool) {
	w := newWorld(t)
	var stored []storedFile
	for _, c := range cells() {
		if !long && c.spared() {
			continue
		}
		t.Run(c.String(), func(t *testing.T) {
			clients := w.clients(t, c)
			for _, m := range makers {
				t.Run("client="+string(m), func(t *testing.T) {
					stored = append(stored, transfers(t, c.sizes(long), c, clients[m], clients[m.other()])...)
					stored = append(stored, exchanges(t, c.slots(long), c, clients[m], clients[m.other()])...)
					common(t, clients[m], clients[m.other()])
				})
			}
		})
	}
	w.storage[ours][0].Kill()
	w.storage[ours][1].Kill()
	w.storage[original][0].Kill()
	w.storage[original][1].Kill()
	w.readBack(t, stored, string(ours), string(original))
	w.storage[ours][2].Kill()
	w.storage[original][2].Kill()
	w.storage[original][3].Kill()
	w.readBack(t, stored, mixed)
}

func cells() []cell {
	var out []cell
	for _, servers := range []string{string(ours), string(original), mixed} {
		for _, introducer := range introducers() {
			for _, protocol := range protocols() {
				out = append(out, cell{servers, introducer, protocol})
			}
		}
	}
	return out
}

// spared says whether the short form leaves a cell out: with the servers of one maker each introducer and each protocol is used
// once, and with those of both in all combinations.
func (c cell) spared() bool {
	return c.servers != mixed && (c.introducer == string(ours)) != (c.protocol == gbs)
}

// A storedFile is what somebody has stored in a cell.
type storedFile struct {
	cell cell
	by   maker
	cap  string
	data []byte
}

// The sizes of files: a literal, one small segment, several segments.
var sizes = []int{0, 55, 100, 3 << 20}

// full is the largest size, for some of the cells and, in the long form, for all.
const full = 40 << 20

// transfers stores files of all sizes by one client, and reads them by the other, who gets the same capability when it
// stores the same.
func transfers(t *testing.T, sizes []int, c cell, up, down *peer) []storedFile {
	var out []storedFile
	for _, size := range sizes {
		data := content(fmt.Sprint(c, up.maker, size), size)
		cap := up.put(t, data)
		down.mustRead(t, cap, data)
		if up.maker == ours && size == 3<<20 {
			_, _, total := c.encoding()
			down.verify(t, cap, total)
		}
		if size < full {
			if again := down.put(t, data); again != cap {
				t.Errorf("%d bytes: the %s client got %s, and the %s one %s", size, up.maker, cap, down.maker, again)
			}
		}
		out = append(out, storedFile{c, up.maker, cap, data})
	}
	return out
}

// common has one client make a directory, in which both put things that the other finds.
func common(t *testing.T, up, down *peer) {
	dir := up.mkdir(t, "t=mkdir", nil)
	data := content("shared", 100)
	for _, p := range []*peer{up, down} {
		p.do(t, http.MethodPut, "uri/"+dir+"/by-"+string(p.maker)+"/file", data)
	}
	for _, p := range []*peer{up, down} {
		p.mustRead(t, dir+"/by-"+string(p.maker.other())+"/file", data)
		kids := decode(t, p.do(t, http.MethodGet, "uri/"+dir+"?t=json", nil)).([]any)[1].(map[string]any)["children"].(map[string]any)
		if got, want := fmt.Sprint(slices.Sorted(maps.Keys(kids))), "[by-original by-ours]"; got != want {
			t.Errorf("the %s client lists %s, want %s", p.maker, got, want)
		}
	}
}

func (c cell) sizes(long bool) []int {
	if c.servers == mixed || long {
		return append(append([]int(nil), sizes...), full)
	}
	return sizes
}

// readBack reads what was stored on these servers, by clients that start now. Whoever introduces them and whatever they speak, the
// files are the same, so that each protocol goes with one of the introducers.
func (w *world) readBack(t *testing.T, stored []storedFile, choices ...string) {
	for _, servers := range choices {
		for i, protocol := range protocols() {
			c := cell{servers, introducers()[i], protocol}
			t.Run("killed/"+c.String(), func(t *testing.T) {
				clients := w.clients(t, c)
				for _, f := range stored {
					if f.cell.servers != servers || f.cell.protocol != protocol {
						continue
					}
					clients[f.by.other()].mustRead(t, f.cap, f.data)
					if len(f.data) < full {
						clients[f.by].mustRead(t, f.cap, f.data)
					}
				}
			})
		}
	}
}

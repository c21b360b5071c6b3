package interop_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A slotKind is what a client makes a mutable file of.
type slotKind struct {
	format string
	size   int
}

// The kinds of mutable files: nothing, little, much, and for MDMF also the ends of its segments of 128 KiB.
var (
	fewSlots = []slotKind{{"SDMF", 10}, {"MDMF", 300_000}}
	allSlots = []slotKind{{"SDMF", 0}, {"SDMF", 10}, {"SDMF", 100_000}, {"MDMF", 0}, {"MDMF", 10}, {"MDMF", 131072}, {"MDMF", 262144}, {"MDMF", 300_000}}
)

// slots are all kinds where everybody's servers meet, for one introducer.
func (c cell) slots(long bool) []slotKind {
	if long || c.servers == mixed && c.introducer == introducers()[0] {
		return allSlots
	}
	return fewSlots
}

// create makes a mutable file and returns its capability.
func (p *peer) create(t *testing.T, format string, data []byte) string {
	t.Helper()
	cap := strings.TrimSpace(string(p.do(t, http.MethodPut, "uri?format="+format, data)))
	if want := map[string]string{"SDMF": "URI:SSK:", "MDMF": "URI:MDMF:"}[format]; !strings.HasPrefix(cap, want) {
		t.Fatalf("%s client: the new file is %.12s…, want %s", p.maker, cap, want)
	}
	return cap
}

// overwrite gives a mutable file other contents.
func (p *peer) overwrite(t *testing.T, cap string, data []byte) []byte {
	t.Helper()
	p.do(t, http.MethodPut, "uri/"+cap, data)
	return data
}

// update changes bytes of a mutable file in place, and returns what it holds then. The original can do that to files that hold
// something: it divides by the size.
func (p *peer) update(t *testing.T, cap string, old []byte, offset int, patch []byte) []byte {
	t.Helper()
	if len(old) == 0 && p.maker == original {
		return p.overwrite(t, cap, patch)
	}
	p.do(t, http.MethodPut, fmt.Sprintf("uri/%s?offset=%d", cap, offset), patch)
	end := offset + len(patch)
	return append(append(bytes.Clone(old[:offset]), patch...), old[min(len(old), end):]...)
}

// exchanges has one client make mutable files. The other one reads and changes them in all ways, then the first one again; and the
// original checks every byte of every share.
func exchanges(t *testing.T, kinds []slotKind, c cell, up, down *peer) []storedFile {
	var out []storedFile
	checker := up
	if checker.maker != original {
		checker = down
	}
	_, _, total := c.encoding()
	for _, k := range kinds {
		t.Run(fmt.Sprintf("%s of %d", k.format, k.size), func(t *testing.T) {
			name := fmt.Sprint(c, up.maker, k)
			data := content(name, k.size)
			cap := up.create(t, k.format, data)
			down.mustRead(t, cap, data)
			checker.verify(t, cap, total)
			data = down.update(t, cap, data, k.size/2, content(name+"inside", k.size/3))
			up.mustRead(t, cap, data)
			data = up.update(t, cap, data, len(data), content(name+"at the end", 1000))
			down.mustRead(t, cap, data)
			checker.verify(t, cap, total)
			data = down.overwrite(t, cap, content(name+"other", k.size+k.size/4))
			up.mustRead(t, cap, data)
			data = up.overwrite(t, cap, content(name+"shorter", k.size-k.size/4))
			down.mustRead(t, cap, data)
			checker.verify(t, cap, total)
			out = append(out, storedFile{c, up.maker, cap, data})
		})
	}
	return out
}

package sim_test

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// Contents of the simulated file are cells of text: the slots, each of which one WriteAt replaces; the base, which says who
// wrote the file anew; filler that follows from the base; and a token for each Modify. So whoever reads them knows which operations they
// show, in which order, and whether they are from different versions.
const (
	cell  = 12
	slots = 4
	empty = "............"
)

// contents are parsed.
type contents struct {
	slots  [slots]string
	base   string
	tokens []string
}

// mark is the cell of operation n of a writer.
func mark(kind byte, writer, n int) string { return fmt.Sprintf("%c%d-%09d", kind, writer, n) }

// fresh are the contents with nothing in them but base and filler.
func fresh(base string, filler int) []byte {
	b := []byte(strings.Repeat(empty, slots) + base)
	return append(b, fillerOf(base, filler)...)
}

func fillerOf(base string, size int) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(base))
	seed := h.Sum64()
	b := make([]byte, size)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = byte(seed >> 56)
	}
	return b
}

// parse reads contents, all of them.
func parse(b []byte, filler int) (c contents, err error) {
	head := (slots + 1) * cell
	if len(b) < head+filler || (len(b)-head-filler)%cell != 0 {
		return c, fmt.Errorf("contents of %d bytes are none that anybody wrote", len(b))
	}
	for i := range c.slots {
		c.slots[i] = string(b[i*cell : (i+1)*cell])
	}
	c.base = string(b[slots*cell : head])
	if !bytes.Equal(b[head:head+filler], fillerOf(c.base, filler)) {
		return c, fmt.Errorf("contents are mixed from different versions: the filler is not that of %q", c.base)
	}
	for b = b[head+filler:]; len(b) > 0; b = b[cell:] {
		c.tokens = append(c.tokens, string(b[:cell]))
	}
	return c, nil
}

func (c contents) has(token string) bool { return slices.Contains(c.tokens, token) }

// index is where a token stands, -1 when it is not there.
func (c contents) index(token string) int { return slices.Index(c.tokens, token) }

func (c contents) String() string {
	return fmt.Sprintf("slots %v, base %s, tokens %v", c.slots, c.base, c.tokens)
}

package zfec

import (
	"fmt"
	"slices"

	"github.com/klauspost/reedsolomon"
)

// keptDecoders is how many erasure patterns a code remembers. A download works with one pattern for many segments.
const keptDecoders = 8

// A pattern is the set of blocks that a rebuild starts from, one bit for each.
type pattern [MaxBlocks / 8]byte

// Rebuild fills the missing ones of the first k blocks, given any k. blocks has n entries; a missing one is nil or empty, and
// if it is empty with enough capacity, its memory is used. Blocks from k on are not rebuilt.
// When more than k blocks are given, the first k of them are used.
func (c *Code) Rebuild(blocks [][]byte) error {
	size, err := c.checkRebuild(blocks)
	if err != nil {
		return err
	}
	// The k blocks to start from in ascending order, then those to fill.
	work := make([][]byte, 0, c.k+min(c.k, c.n-c.k))
	var used pattern
	for i, b := range blocks {
		if len(b) > 0 && len(work) < c.k {
			work = append(work, b)
			used[i/8] |= 1 << (i % 8)
		}
	}
	for i := range c.k {
		if len(blocks[i]) == 0 {
			blocks[i] = slices.Grow(blocks[i][:0], size)[:size]
			work = append(work, blocks[i])
		}
	}
	if len(work) == c.k {
		return nil
	}
	d, err := c.decoders.get(used, func() (reedsolomon.Encoder, error) { return c.newDecoder(used) })
	if err != nil {
		return err
	}
	return d.Encode(work)
}

// checkRebuild returns the size of a block.
func (c *Code) checkRebuild(blocks [][]byte) (size int, err error) {
	if len(blocks) != c.n {
		return 0, fmt.Errorf("rebuild %d of %d: %d blocks were given: %w", c.k, c.n, len(blocks), ErrBlocks)
	}
	have := 0
	for i, b := range blocks {
		if len(b) == 0 {
			continue
		}
		have++
		if size == 0 {
			size = len(b)
		}
		if len(b) != size {
			return 0, unequal("rebuild", c, i, len(b), size)
		}
	}
	if have < c.k {
		return 0, fmt.Errorf("rebuild %d of %d: %d needed and %d there: %w", c.k, c.n, c.k, have, ErrBlocks)
	}
	return size, nil
}

// newDecoder makes the encoder that computes the missing ones of the first k blocks from the used ones.
//
// Let the used parity blocks be P and the missing data blocks M, equally many. A parity block is the sum of its row's
// coefficients times all data blocks; moving the present ones to the other side leaves the square system A·M = P - B·(present data),
// so M = A⁻¹·P - A⁻¹·B·(present data), and in this field minus is plus.
func (c *Code) newDecoder(used pattern) (reedsolomon.Encoder, error) {
	has := func(i int) bool { return used[i/8]>>(i%8)&1 == 1 }
	var present, missing, rows []int
	for i := range c.n {
		switch {
		case i < c.k && has(i):
			present = append(present, i)
		case i < c.k:
			missing = append(missing, i)
		case has(i):
			rows = append(rows, i-c.k)
		}
	}
	a, b := newMatrix(len(rows), len(missing)), newMatrix(len(rows), len(present))
	for r, row := range rows {
		for j, m := range missing {
			a[r][j] = c.parity[row][m]
		}
		for j, p := range present {
			b[r][j] = c.parity[row][p]
		}
	}
	inverse := a.invert()
	onPresent := inverse.times(b)
	decode := newMatrix(len(missing), 0)
	for i := range decode {
		decode[i] = append(onPresent[i], inverse[i]...)
	}
	return c.multiplier(decode)
}

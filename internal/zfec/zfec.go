// Package zfec is the erasure code of the grid: any k of n blocks rebuild the first k. It is for upload, download and
// repair, and gives the bytes that zfec gives, at the speed of klauspost/reedsolomon.
//
// The invariant: the code is a function of (k, n) alone and never changes, for shares that were written with it exist. Blocks
// are only as good as their caller made sure: a wrong block rebuilds wrong data, so blocks are verified before.
package zfec

import (
	"errors"
	"fmt"

	"github.com/klauspost/reedsolomon"
)

// MaxBlocks is the most blocks that a code can have: one for each element of GF(2^8).
const MaxBlocks = 256

// ErrBlocks is the error of blocks that a code cannot work on: the wrong number of them, too few, empty ones, or ones of
// different sizes.
var ErrBlocks = errors.New("blocks do not fit the erasure code")

// A Code is the code for one k and n. It may be used by several goroutines at once; each call works on its caller's
// goroutine and starts none.
type Code struct {
	k, n     int
	parity   [][]byte            // rows of the generator matrix below the identity: n-k rows of k coefficients
	encoder  reedsolomon.Encoder // nil when there is nothing to compute
	decoders *recent[pattern, reedsolomon.Encoder]
	options  []reedsolomon.Option
}

// keptCodes bounds the memory of the codes that New keeps: a code with k = 128 of 256 has 16 KiB of coefficients, and at most
// keptDecoders decoders of the same size.
const keptCodes = 16

// codes remembers the codes used last. It holds nothing but values of a pure function.
var codes = newRecent[[2]int, *Code](keptCodes)

// New returns the code for k of n, 1 <= k <= n <= MaxBlocks. Making one costs up to some milliseconds for large k, so
// the codes used last are kept.
func New(k, n int) (*Code, error) {
	if k < 1 || k > n || n > MaxBlocks {
		return nil, fmt.Errorf("erasure code %d of %d: needed must be from 1 to total, and total at most %d", k, n, MaxBlocks)
	}
	return codes.get([2]int{k, n}, func() (*Code, error) { return newCode(k, n) })
}

func newCode(k, n int) (*Code, error) { return compute(k, n, parityRows(k, n)) }

// compute makes a code of its parity rows. Tests give options of the library, to try each way it computes.
func compute(k, n int, parity [][]byte, options ...reedsolomon.Option) (*Code, error) {
	c := &Code{
		k: k, n: n,
		parity:   parity,
		decoders: newRecent[pattern, reedsolomon.Encoder](keptDecoders),
		// Segments are encoded on several cores at once; splitting one segment over cores as well only costs.
		options: append([]reedsolomon.Option{reedsolomon.WithMaxGoroutines(1), reedsolomon.WithInversionCache(false)}, options...),
	}
	if n == k {
		return c, nil
	}
	var err error
	c.encoder, err = c.multiplier(c.parity)
	return c, err
}

// multiplier makes an encoder that takes k blocks and fills one block for each row.
func (c *Code) multiplier(rows [][]byte) (reedsolomon.Encoder, error) {
	e, err := reedsolomon.New(c.k, len(rows), append([]reedsolomon.Option{reedsolomon.WithCustomMatrix(rows)}, c.options...)...)
	if err != nil {
		return nil, fmt.Errorf("make erasure code %d of %d: %w", c.k, c.n, err)
	}
	return e, nil
}

// Encode fills blocks k to n-1 from the first k, which it leaves alone. All n blocks have the same size, at least 1.
func (c *Code) Encode(blocks [][]byte) error {
	if len(blocks) != c.n {
		return fmt.Errorf("encode %d of %d: %d blocks were given: %w", c.k, c.n, len(blocks), ErrBlocks)
	}
	size := len(blocks[0])
	for i, b := range blocks {
		if len(b) == 0 {
			return fmt.Errorf("encode %d of %d: block %d is empty: %w", c.k, c.n, i, ErrBlocks)
		}
		if len(b) != size {
			return unequal("encode", c, i, len(b), size)
		}
	}
	if c.encoder == nil {
		return nil
	}
	return c.encoder.Encode(blocks)
}

func unequal(verb string, c *Code, block, got, want int) error {
	return fmt.Errorf("%s %d of %d: block %d has %d bytes, but another has %d: %w", verb, c.k, c.n, block, got, want, ErrBlocks)
}

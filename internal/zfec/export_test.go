package zfec

import "github.com/klauspost/reedsolomon"

// NewUncached is New without looking for a code that was kept.
func NewUncached(k, n int) (*Code, error) { return newCode(k, n) }

// With is the same code computed with options of the library below.
func (c *Code) With(options ...reedsolomon.Option) (*Code, error) {
	return compute(c.k, c.n, c.parity, options...)
}

// Kept is how many codes New keeps, and KeptDecoders how many decoders c keeps.
func Kept() (now, most int) { return len(codes.keys), codes.most }

func (c *Code) KeptDecoders() (now, most int) { return len(c.decoders.keys), c.decoders.most }

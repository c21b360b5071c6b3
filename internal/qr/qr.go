// Package qr draws short texts as QR codes (ISO/IEC 18004), for pages that hand a capability to a telephone. Texts are
// encoded as bytes, with error correction of level M: a seventh of the picture may be lost.
//
// A code is drawn from its text alone: equal texts give equal pictures.
package qr

import (
	"errors"
	"strconv"
)

// ErrTooLong says that a text is longer than the largest code holds, which is 2331 bytes.
var ErrTooLong = errors.New("the text is too long for a QR code")

// A Code is a square of dark and light modules.
type Code struct {
	size  int
	dark  []bool
	fixed []bool // patterns that no mask changes
}

// Encode makes the smallest code that holds text.
func Encode(text []byte) (*Code, error) {
	v := 1
	for ; !fits(len(text), v); v++ {
		if v == maxVersion {
			return nil, ErrTooLong
		}
	}
	c := newCode(v)
	c.place(interleave(pack(text, v), v))
	c.chooseMask()
	return c, nil
}

// Size is how many modules a side has.
func (c *Code) Size() int { return c.size }

// Dark says whether the module of column x and row y is dark. Those outside are light.
func (c *Code) Dark(x, y int) bool {
	return 0 <= x && x < c.size && 0 <= y && y < c.size && c.dark[y*c.size+x]
}

// quiet is the light border that a reader needs, in modules.
const quiet = 4

// SVG is the code as a picture, dark on white whatever is around it.
func (c *Code) SVG() []byte {
	side := strconv.Itoa(c.size + 2*quiet)
	b := []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + side + ` ` + side + `" shape-rendering="crispEdges">` +
		`<path fill="#fff" d="M0 0h` + side + `v` + side + `H0z"/><path d="`)
	for y := range c.size {
		for x := 0; x < c.size; x++ {
			n := 0
			for c.Dark(x+n, y) {
				n++
			}
			if n == 0 {
				continue
			}
			b = append(b, 'M')
			b = strconv.AppendInt(b, int64(x+quiet), 10)
			b = append(b, ' ')
			b = strconv.AppendInt(b, int64(y+quiet), 10)
			b = append(b, 'h')
			b = strconv.AppendInt(b, int64(n), 10)
			b = append(b, "v1h-"...)
			b = strconv.AppendInt(b, int64(n), 10)
			b = append(b, 'z')
			x += n
		}
	}
	return append(b, `"/></svg>`...)
}

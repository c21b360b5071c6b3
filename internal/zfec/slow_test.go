package zfec_test

// A second implementation, as slow and as different as it may be. Here the k data blocks are the values of a polynomial of
// degree below k at the points 0, 1, 2, 4, … (0 and the powers of 2), and block i is its value at point i: encoding and
// rebuilding are both Lagrange's interpolation, with no matrix and no logarithm. It panics rather than to return an error.

// timesBits multiplies in GF(2^8) bit by bit.
func timesBits(a, b byte) (product byte) {
	for ; b != 0; b >>= 1 {
		if b&1 == 1 {
			product ^= a
		}
		carry := a & 0x80
		a <<= 1
		if carry != 0 {
			a ^= 0x1d
		}
	}
	return product
}

// products is timesBits of everything.
var products = func() (t [256][256]byte) {
	for a := range t {
		for b := range t[a] {
			t[a][b] = timesBits(byte(a), byte(b))
		}
	}
	return t
}()

func times(a, b byte) byte { return products[a][b] }

// inverse of a by trying.
func inverse(a byte) byte {
	for b := range 256 {
		if times(a, byte(b)) == 1 {
			return byte(b)
		}
	}
	panic("0 has no inverse")
}

func point(i int) byte {
	if i == 0 {
		return 0
	}
	x := byte(1)
	for range i - 1 {
		x = times(x, 2)
	}
	return x
}

// interpolate fills the blocks of the numbers in missing from those of the numbers in given.
func interpolate(blocks [][]byte, given, missing []int) {
	lower := make([]byte, len(given)) // 1/Π(x_i - x_j)
	for i, g := range given {
		p := byte(1)
		for j, h := range given {
			if i != j {
				p = times(p, point(g)^point(h))
			}
		}
		lower[i] = inverse(p)
	}
	for _, m := range missing {
		blocks[m] = make([]byte, len(blocks[given[0]]))
		all := byte(1) // Π(x - x_j)
		for _, g := range given {
			all = times(all, point(m)^point(g))
		}
		for i, g := range given {
			c := times(times(all, inverse(point(m)^point(g))), lower[i])
			for at, b := range blocks[g] {
				blocks[m][at] ^= times(c, b)
			}
		}
	}
}

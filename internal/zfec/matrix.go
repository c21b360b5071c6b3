package zfec

// field holds the logarithms of GF(2^8) with the polynomial x^8+x^4+x^3+x^2+1 and the generator 2. It is never changed.
var field = newField()

type gf struct {
	exp [510]byte // twice over, so that the sum of two logarithms needs no reduction
	log [256]int
}

func newField() (f gf) {
	x := 1
	for i := range 255 {
		f.exp[i], f.exp[i+255] = byte(x), byte(x)
		f.log[x] = i
		x <<= 1
		if x > 255 {
			x ^= 0x11d
		}
	}
	return f
}

func (f *gf) multiply(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return f.exp[f.log[a]+f.log[b]]
}

// inverse of a, which is not 0.
func (f *gf) inverse(a byte) byte { return f.exp[255-f.log[a]] }

// power is the generator to the e, e >= 0.
func (f *gf) power(e int) byte { return f.exp[e%255] }

type matrix [][]byte

func newMatrix(rows, columns int) matrix {
	m := make(matrix, rows)
	all := make([]byte, rows*columns)
	for i := range m {
		m[i] = all[i*columns : (i+1)*columns : (i+1)*columns]
	}
	return m
}

// parityRows are the rows of the generator matrix that belong to blocks k to n-1. The matrix is that of a Vandermonde
// code whose points are 0 and the powers of the generator, multiplied so that its first k rows become the identity.
func parityRows(k, n int) matrix {
	v := newMatrix(n, k)
	v[0][0] = 1
	for r := 1; r < n; r++ {
		for c := range k {
			v[r][c] = field.power((r - 1) * c)
		}
	}
	return v[k:].times(v[:k].invert())
}

func (m matrix) times(o matrix) matrix {
	if len(m) == 0 {
		return nil
	}
	product := newMatrix(len(m), len(o[0]))
	for i, row := range m {
		for j, x := range row {
			addScaled(product[i], o[j], x)
		}
	}
	return product
}

// addScaled adds x times src to dst.
func addScaled(dst, src []byte, x byte) {
	if x == 0 {
		return
	}
	l := field.log[x]
	for i, y := range src {
		if y != 0 {
			dst[i] ^= field.exp[l+field.log[y]]
		}
	}
}

func scale(row []byte, x byte) {
	for i, y := range row {
		row[i] = field.multiply(x, y)
	}
}

// invert returns the inverse of m, which has one: every square part of a Vandermonde matrix that is inverted here has
// distinct points. m itself is overwritten with the identity.
func (m matrix) invert() matrix {
	inv := newMatrix(len(m), len(m))
	for i := range inv {
		inv[i][i] = 1
	}
	for c := range m {
		p := c
		for m[p][c] == 0 {
			p++
		}
		m[c], m[p] = m[p], m[c]
		inv[c], inv[p] = inv[p], inv[c]
		x := field.inverse(m[c][c])
		scale(m[c], x)
		scale(inv[c], x)
		for r := range m {
			if r != c {
				x := m[r][c]
				addScaled(m[r], m[c], x)
				addScaled(inv[r], inv[c], x)
			}
		}
	}
	return inv
}

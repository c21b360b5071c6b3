package qr

const maxVersion = 40

// At level M, by version: how many check bytes a block has, and in how many blocks the bytes are.
var (
	checkBytes = [maxVersion + 1]int{0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
		26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28}
	blockCount = [maxVersion + 1]int{0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
		17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49}
)

// allBytes is how many bytes the free modules of a version hold.
func allBytes(v int) int {
	modules := (16*v+128)*v + 64
	if v >= 2 {
		n := v/7 + 2
		modules -= (25*n-10)*n - 55
	}
	if v >= 7 {
		modules -= 36
	}
	return modules / 8
}

func dataBytes(v int) int { return allBytes(v) - checkBytes[v]*blockCount[v] }

// lengthBits is how long the length of the text is written.
func lengthBits(v int) int {
	if v < 10 {
		return 8
	}
	return 16
}

func fits(n, v int) bool { return 4+lengthBits(v)+8*n <= 8*dataBytes(v) }

// pack writes the mode, the length, the text, and what fills up the rest.
func pack(text []byte, v int) []byte {
	const byteMode = 4
	out, free := make([]byte, 0, dataBytes(v)), 0
	put := func(value, bits int) {
		for i := bits - 1; i >= 0; i-- {
			if free == 0 {
				out, free = append(out, 0), 8
			}
			free--
			out[len(out)-1] |= byte(value>>i&1) << free
		}
	}
	put(byteMode, 4)
	put(len(text), lengthBits(v))
	for _, c := range text {
		put(int(c), 8)
	}
	// Mode and length leave four bits free in the last byte, just the room that the end mark takes.
	for fill := byte(0xec); len(out) < dataBytes(v); fill ^= 0xec ^ 0x11 {
		out = append(out, fill)
	}
	return out
}

// interleave cuts data into blocks, adds the check bytes of each, and mixes them so that a spot hurts all of them a little.
func interleave(data []byte, v int) []byte {
	n, all := blockCount[v], allBytes(v)
	short := all/n - checkBytes[v]
	longer := all % n // so many blocks, the last ones, have a byte more
	divisor := checkDivisor(checkBytes[v])
	var blocks, checks [][]byte
	for i := range n {
		size := short
		if i >= n-longer {
			size++
		}
		blocks, checks = append(blocks, data[:size]), append(checks, checkOf(data[:size], divisor))
		data = data[size:]
	}
	return append(mix(blocks), mix(checks)...)
}

// mix takes the first bytes of all, then the second ones, and so on.
func mix(blocks [][]byte) []byte {
	var out []byte
	for i := range len(blocks[len(blocks)-1]) {
		for _, b := range blocks {
			if i < len(b) {
				out = append(out, b[i])
			}
		}
	}
	return out
}

// times multiplies in GF(2^8) with the polynomial 0x11d.
func times(a, b byte) byte {
	product := 0
	for i := 7; i >= 0; i-- {
		product = product<<1 ^ product>>7*0x11d
		product ^= int(b>>i&1) * int(a)
	}
	return byte(product)
}

// checkDivisor is the product of (x - 2^i) for i below degree, without its first coefficient, which is 1.
func checkDivisor(degree int) []byte {
	d := make([]byte, degree)
	d[degree-1] = 1
	root := byte(1)
	for range degree {
		for i := range d {
			d[i] = times(d[i], root)
			if i+1 < degree {
				d[i] ^= d[i+1]
			}
		}
		root = times(root, 2)
	}
	return d
}

// checkOf is the rest of data, with zeros behind it, divided by the divisor.
func checkOf(data, divisor []byte) []byte {
	rest := make([]byte, len(divisor))
	for _, b := range data {
		factor := b ^ rest[0]
		copy(rest, rest[1:])
		rest[len(rest)-1] = 0
		for i, d := range divisor {
			rest[i] ^= times(d, factor)
		}
	}
	return rest
}

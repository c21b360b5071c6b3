package qr

// newCode draws what every code of a version has.
func newCode(v int) *Code {
	size := 17 + 4*v
	c := &Code{size: size, dark: make([]bool, size*size), fixed: make([]bool, size*size)}
	for i := range size {
		c.fix(i, 6, i%2 == 0)
		c.fix(6, i, i%2 == 0)
	}
	for _, at := range [][2]int{{3, 3}, {size - 4, 3}, {3, size - 4}} {
		c.finder(at[0], at[1])
	}
	c.alignments(v)
	c.format(0)
	c.version(v)
	return c
}

// fix draws a module that belongs to a pattern.
func (c *Code) fix(x, y int, dark bool) {
	if 0 <= x && x < c.size && 0 <= y && y < c.size {
		c.dark[y*c.size+x], c.fixed[y*c.size+x] = dark, true
	}
}

// rings draws nested squares around a middle.
func (c *Code) rings(x, y, radius int, dark func(distance int) bool) {
	for dy := -radius; dy <= radius; dy++ {
		for dx := -radius; dx <= radius; dx++ {
			c.fix(x+dx, y+dy, dark(max(dx, -dx, dy, -dy)))
		}
	}
}

func (c *Code) finder(x, y int) {
	c.rings(x, y, 4, func(d int) bool { return d != 2 && d != 4 })
}

// alignments draws the small squares, where no large one is.
func (c *Code) alignments(v int) {
	at := alignmentsAt(v)
	last := len(at) - 1
	for i, x := range at {
		for j, y := range at {
			corner := i == 0 && j == 0 || i == 0 && j == last || i == last && j == 0
			if !corner {
				c.rings(x, y, 2, func(d int) bool { return d != 1 })
			}
		}
	}
}

// alignmentsAt are the columns, and the rows, in which alignment squares are.
func alignmentsAt(v int) []int {
	if v == 1 {
		return nil
	}
	n := v/7 + 2
	step := (v*4 + n*2 + 1) / (n*2 - 2) * 2
	if v == 32 {
		step = 26
	}
	at := make([]int, n)
	at[0] = 6
	for i, x := n-1, 4*v+10; i > 0; i, x = i-1, x-step {
		at[i] = x
	}
	return at
}

// format writes the level and the mask, twice.
func (c *Code) format(mask int) {
	const levelM = 0
	data := levelM<<3 | mask
	bits := (data<<10 | remainder(data, 10, 0x537)) ^ 0x5412
	bit := func(i int) bool { return bits>>i&1 == 1 }
	for i := range 15 {
		x, y := 8, i // downwards, over the timing row
		switch {
		case i == 6 || i == 7:
			y++
		case i == 8:
			x, y = 7, 8
		case i > 8:
			x, y = 14-i, 8
		}
		c.fix(x, y, bit(i))
		if i < 8 {
			c.fix(c.size-1-i, 8, bit(i))
		} else {
			c.fix(8, c.size-15+i, bit(i))
		}
	}
	c.fix(8, c.size-8, true)
}

// version writes the version, twice, into the codes that are large enough to need it.
func (c *Code) version(v int) {
	if v < 7 {
		return
	}
	bits := v<<12 | remainder(v, 12, 0x1f25)
	for i := range 18 {
		dark := bits>>i&1 == 1
		c.fix(c.size-11+i%3, i/3, dark)
		c.fix(i/3, c.size-11+i%3, dark)
	}
}

// remainder is the rest of value, with so many zero bits behind it, divided by a polynomial of that degree.
func remainder(value, degree, divisor int) int {
	rest := value
	for range degree {
		rest = rest<<1 ^ rest>>(degree-1)*divisor
	}
	return rest
}

// place writes bits into the free modules: in pairs of columns from the right, up and down in turn, past the timing column.
func (c *Code) place(data []byte) {
	i := 0
	for right := c.size - 1; right >= 1; right -= 2 {
		if right == 6 {
			right--
		}
		for step := range c.size {
			y := step
			if (right+1)&2 == 0 {
				y = c.size - 1 - step
			}
			for x := right; x > right-2; x-- {
				if at := y*c.size + x; !c.fixed[at] && i < 8*len(data) {
					c.dark[at] = data[i/8]>>(7-i%8)&1 == 1
					i++
				}
			}
		}
	}
}

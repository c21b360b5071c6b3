package qr

// masks say which modules are turned over.
var masks = [8]func(x, y int) bool{
	func(x, y int) bool { return (x+y)%2 == 0 },
	func(_, y int) bool { return y%2 == 0 },
	func(x, _ int) bool { return x%3 == 0 },
	func(x, y int) bool { return (x+y)%3 == 0 },
	func(x, y int) bool { return (x/3+y/2)%2 == 0 },
	func(x, y int) bool { return x*y%2+x*y%3 == 0 },
	func(x, y int) bool { return (x*y%2+x*y%3)%2 == 0 },
	func(x, y int) bool { return ((x+y)%2+x*y%3)%2 == 0 },
}

// chooseMask turns modules over so that readers are confused least.
func (c *Code) chooseMask() {
	best, least := 0, 0
	for m := range masks {
		c.mask(m)
		if p := c.penalty(); m == 0 || p < least {
			best, least = m, p
		}
		c.mask(m)
	}
	c.mask(best)
}

// mask applies a mask; a second time undoes it.
func (c *Code) mask(m int) {
	for y := range c.size {
		for x := range c.size {
			if at := y*c.size + x; !c.fixed[at] && masks[m](x, y) {
				c.dark[at] = !c.dark[at]
			}
		}
	}
	c.format(m)
}

// penalty counts what confuses readers: long runs, blocks of one shade, what looks like a finder, too much of one shade.
func (c *Code) penalty() int {
	total, dark := 0, 0
	for y := range c.size {
		total += c.line(func(i int) bool { return c.Dark(i, y) }) + c.line(func(i int) bool { return c.Dark(y, i) })
		for x := range c.size {
			shade := c.Dark(x, y)
			if shade {
				dark++
			}
			if x > 0 && y > 0 && shade == c.Dark(x-1, y) && shade == c.Dark(x, y-1) && shade == c.Dark(x-1, y-1) {
				total += 3
			}
		}
	}
	all := c.size * c.size
	away := max(20*dark-10*all, 10*all-20*dark) // twenty times the distance from half
	return total + max(0, (away-1)/all)*10
}

// line counts the runs and finder-like patterns of a row or column.
func (c *Code) line(at func(int) bool) int {
	const finder, finderLeft = 0b10111010000, 0b00001011101
	total, run, window := 0, 0, 0
	for i := range c.size {
		if i > 0 && at(i) == at(i-1) {
			run++
		} else {
			run = 1
		}
		switch {
		case run == 5:
			total += 3
		case run > 5:
			total++
		}
		window = window << 1 & 0x7ff
		if at(i) {
			window |= 1
		}
		if i >= 10 && (window == finder || window == finderLeft) {
			total += 40
		}
	}
	return total
}

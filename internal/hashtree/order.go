package hashtree

// The order of a share's hash chain in a share file. Readers take any, but the original writes the one in which its
// hash set of node numbers happens to lie in memory, and share files are the same byte for byte. A set is a table of
// slots: a number goes to the slot of its lowest bits, or where probing leads from there, and when three fifths of the
// slots are taken, all move to a larger table. Numbers are added from the leaf's sibling up to the root's child, then
// the leaf.

const (
	firstSlots = 8 // of a new table
	growth     = 4 // slots per number of a new table, at least
	linear     = 9 // so many slots behind the first are tried in turn, where the table has them
)

// setOrder puts numbers, all of them different and above 0, in the order of a set that they were added to.
func setOrder(numbers []int) []int {
	table := make([]int, firstSlots)
	for i, n := range numbers {
		table[freeSlot(table, n)] = n
		if taken := i + 1; taken*5 >= (len(table)-1)*3 {
			table = grown(table, taken)
		}
	}
	return appendTaken(numbers[:0], table)
}

func grown(old []int, taken int) []int {
	slots := firstSlots
	for slots <= taken*growth {
		slots *= 2
	}
	table := make([]int, slots)
	for _, n := range appendTaken(nil, old) {
		table[freeSlot(table, n)] = n
	}
	return table
}

func appendTaken(to, table []int) []int {
	for _, n := range table {
		if n != 0 {
			to = append(to, n)
		}
	}
	return to
}

// freeSlot probes for the slot of n.
func freeSlot(table []int, n int) int {
	mask := len(table) - 1
	for i, rest := n&mask, n; ; i = (i*5 + 1 + rest) & mask {
		last := i
		if i+linear <= mask {
			last = i + linear
		}
		for at := i; at <= last; at++ {
			if table[at] == 0 {
				return at
			}
		}
		rest >>= 5
	}
}

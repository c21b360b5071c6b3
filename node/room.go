package node

import (
	"cmp"
	"context"
	"math"
	"slices"

	"tahoe/frontends/vfs"
	"tahoe/lafs/grid"
)

// room tells how much the grid can take of this node's files, by what the servers that it is connected to have announced. Servers
// say what they have left, and not what they had: the total is what is left. With no server there is nothing to tell.
func (n *Node) room(broker *grid.Broker) func(context.Context) (vfs.Space, error) {
	c := n.settings.Client
	return func(context.Context) (vfs.Space, error) {
		var free []uint64
		for _, s := range broker.Statuses() {
			if s.State == grid.Connected && s.Version.MaxImmutableShare > 0 {
				free = append(free, s.Version.Available)
			}
		}
		if len(free) == 0 {
			return vfs.Space{}, nil
		}
		left := roomFor(free, c.Needed, c.Happy, c.Total)
		return vfs.Space{Total: max(left, 1), Free: left}, nil
	}
}

// roomFor is how many bytes of files servers with so much space each can take, by what is known: the most for which all shares find a
// place on as many servers as make an upload happy. Each of total shares is a needed-th of the files.
func roomFor(free []uint64, needed, happy, total int) int64 {
	slices.SortFunc(free, func(a, b uint64) int { return cmp.Compare(b, a) })
	var best uint64
	for m := max(1, happy); m <= min(len(free), total); m++ {
		best = max(best, sharesFor(free[:m], total))
	}
	if len(free) > max(total, happy) {
		best = max(best, sharesFor(free, total))
	}
	return int64(best) * int64(needed)
}

// sharesFor is how many bytes each of total shares may have on servers of which none takes more shares of a file than it must.
func sharesFor(free []uint64, total int) uint64 {
	each := uint64((total + len(free) - 1) / len(free)) // shares of one file on a server
	const most = math.MaxInt64 / 256 / 256              // so that no product below overflows
	fits := func(share uint64) bool {
		var sum uint64
		for _, f := range free {
			sum += min(f, each*share, most)
			if sum >= uint64(total)*share {
				return true
			}
		}
		return false
	}
	low, high := uint64(0), uint64(most)
	for low < high { // low fits, and nothing above high does
		middle := low + (high-low+1)/2
		if fits(middle) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

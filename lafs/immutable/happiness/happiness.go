// Package happiness says how well the shares of a file are spread over servers, and where new shares should go. It is
// for the uploader, the checker and the repairer.
//
// The invariant: a placement's happiness is the size of a maximum matching between servers and shares, so that any k
// of that many servers hold k different shares and can rebuild the file. Everything here is a pure function of small
// values: servers are numbered by their place in the permuted order, best first, and shares from 0.
package happiness

import (
	"math"
	"slices"
)

// Nowhere stands for the server of a share that has none.
const Nowhere = -1

// Measure is the happiness of a layout: holds lists the shares of each server.
func Measure(holds [][]int) int {
	m := newMatching(len(holds), math.MaxInt)
	m.augmentAll(func(int) bool { return true }, func(server int) []int { return holds[server] })
	return m.size
}

// A Server is what is known of a server when shares are placed.
type Server struct {
	Holds    []int // shares that it has
	Granted  []int // shares that it has promised room for
	Writable bool  // it may be asked for room for any share but the refused ones
	Refused  []int // shares that it takes no more
}

// Place gives each of the shares 0 to total-1 a server, or Nowhere when no server has it and none can take it. The
// result is as happy as a placement can be; of those, it keeps shares where they are, prefers read-only servers for these
// (a writable one can take something else), then promised room, then servers that come early. Shares beyond the matching
// stay where they are, or go to the writable servers with the fewest shares.
func Place(servers []Server, total int) []int {
	m := newMatching(len(servers), total)
	readOnly := func(s int) bool { return !servers[s].Writable }
	writable := func(s int) bool { return servers[s].Writable }
	anyone := func(int) bool { return true }
	held := func(s int) []int { return within(servers[s].Holds, total) }
	granted := func(s int) []int { return within(servers[s].Granted, total) }
	all := missingFirst(servers, total)
	wanted := func(s int) []int { return without(all, servers[s].Refused) }

	// An augmenting path never unmatches a server, so each step keeps the servers matched by the steps before it.
	m.augmentAll(readOnly, held)
	m.augmentAll(writable, held)
	// What is matched now stays where it is: the next steps leave these shares alone.
	m.augmentAll(anyone, m.but(granted))
	m.augmentAll(writable, m.but(wanted))
	// Rarely, more is possible when something moves.
	m.augmentAll(anyone, func(s int) []int {
		if servers[s].Writable {
			return wanted(s)
		}
		return append(held(s), granted(s)...)
	})
	p := m.placement(total)
	fill(p, servers)
	return p
}

// missingFirst is all shares, those that nobody holds first: they have to go somewhere anyway.
func missingFirst(servers []Server, total int) []int {
	var missing, existing []int
	for share := range total {
		if holder(servers, share) == Nowhere {
			missing = append(missing, share)
		} else {
			existing = append(existing, share)
		}
	}
	return append(missing, existing...)
}

// without is shares but for the refused ones.
func without(shares, refused []int) []int {
	if len(refused) == 0 {
		return shares
	}
	return slices.DeleteFunc(slices.Clone(shares), func(n int) bool { return slices.Contains(refused, n) })
}

// within is the numbers of shares below total, once each.
func within(shares []int, total int) []int {
	out := make([]int, 0, len(shares))
	for _, n := range shares {
		if n >= 0 && n < total && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// fill finds a server for the shares beyond the matching: these make the file no happier, but let it lose more servers
// that hold several shares.
func fill(p []int, servers []Server) {
	load := loads(p, servers)
	for share := range p {
		if p[share] != Nowhere {
			continue
		}
		s := holder(servers, share)
		if s == Nowhere {
			s = granter(servers, share)
		}
		if s == Nowhere {
			s = lightest(load, servers, share)
		}
		if s != Nowhere {
			p[share] = s
			load[s]++
		}
	}
}

func loads(p []int, servers []Server) []int {
	load := make([]int, len(servers))
	for s, server := range servers {
		load[s] = len(server.Holds)
	}
	for share, s := range p {
		if s != Nowhere && !slices.Contains(servers[s].Holds, share) {
			load[s]++
		}
	}
	return load
}

func holder(servers []Server, share int) int {
	return slices.IndexFunc(servers, func(s Server) bool { return slices.Contains(s.Holds, share) })
}

func granter(servers []Server, share int) int {
	return slices.IndexFunc(servers, func(s Server) bool { return slices.Contains(s.Granted, share) })
}

// lightest is the server that takes share and has the fewest shares, the earliest of them.
func lightest(load []int, servers []Server, share int) int {
	best := Nowhere
	for s, server := range servers {
		if server.Writable && !slices.Contains(server.Refused, share) && (best == Nowhere || load[s] < load[best]) {
			best = s
		}
	}
	return best
}

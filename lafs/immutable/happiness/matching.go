package happiness

import "maps"

// A matching pairs servers with shares, one to one. It grows by augmenting paths, which rearrange it but never
// unmatch a server.
type matching struct {
	servers  int
	shares   int
	shareOf  map[int]int // server → share
	serverOf map[int]int // share → server
	size     int
}

func newMatching(servers, shares int) *matching {
	return &matching{servers: servers, shares: shares, shareOf: make(map[int]int, servers), serverOf: make(map[int]int, servers)}
}

// augmentAll tries to match each of the chosen servers over the given edges, in order.
func (m *matching) augmentAll(chosen func(server int) bool, edges func(server int) []int) {
	for s := range m.servers {
		if m.size == m.shares {
			return
		}
		if _, matched := m.shareOf[s]; !matched && chosen(s) {
			m.augment(s, edges)
		}
	}
}

// but is edges without those to shares that are matched now.
func (m *matching) but(edges func(server int) []int) func(server int) []int {
	taken := maps.Clone(m.serverOf)
	return func(server int) []int {
		var out []int
		for _, share := range edges(server) {
			if _, ok := taken[share]; !ok {
				out = append(out, share)
			}
		}
		return out
	}
}

// augment matches server s if it can: breadth first, so that no depth of rearrangement costs stack.
func (m *matching) augment(s int, edges func(server int) []int) bool {
	from := map[int]int{} // share → the server that would take it
	queue := []int{s}
	for len(queue) > 0 {
		server := queue[0]
		queue = queue[1:]
		for _, share := range edges(server) {
			if _, seen := from[share]; seen {
				continue
			}
			from[share] = server
			owner, taken := m.serverOf[share]
			if !taken {
				m.flip(s, share, from)
				return true
			}
			queue = append(queue, owner)
		}
	}
	return false
}

// flip hands the shares along the path that ends at share back to server s.
func (m *matching) flip(s, share int, from map[int]int) {
	for {
		server := from[share]
		previous, had := m.shareOf[server]
		m.shareOf[server], m.serverOf[share] = share, server
		if server == s || !had {
			m.size++
			return
		}
		share = previous
	}
}

// placement is the matching as a list of servers by share.
func (m *matching) placement(total int) []int {
	p := make([]int, total)
	for share := range p {
		p[share] = Nowhere
		if s, ok := m.serverOf[share]; ok {
			p[share] = s
		}
	}
	return p
}

package auth

import "sync"

// Gates bound how many requests a door serves at once: in all, and of each visitor. They may be used by several goroutines at once.
type Gates struct {
	Total, Each int

	mu   sync.Mutex
	sum  int
	in   map[string]int
	idle chan struct{} // non-nil once nobody may enter
}

// Enter lets a visitor in, unless there are too many. The caller calls leave.
func (g *Gates) Enter(who string) (leave func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle != nil || g.sum >= g.Total || g.in[who] >= g.Each {
		return nil, false
	}
	if g.in == nil {
		g.in = make(map[string]int)
	}
	g.sum++
	g.in[who]++
	return func() { g.leave(who) }, true
}

func (g *Gates) leave(who string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sum--
	if g.in[who]--; g.in[who] == 0 {
		delete(g.in, who)
	}
	if g.sum == 0 && g.idle != nil {
		close(g.idle)
	}
}

// Shut lets nobody in any more, and waits for those who are in. It is called once.
func (g *Gates) Shut() {
	g.mu.Lock()
	g.idle = make(chan struct{})
	if g.sum == 0 {
		close(g.idle)
	}
	g.mu.Unlock()
	<-g.idle
}

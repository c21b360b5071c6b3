package vfs

import "sync"

// readers are all that are open.
type readers struct {
	mu  sync.Mutex
	all map[*reader]struct{}
}

func (rs *readers) add(r *reader) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.all == nil {
		rs.all = make(map[*reader]struct{})
	}
	rs.all[r] = struct{}{}
}

func (rs *readers) remove(r *reader) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.all, r)
}

// wanted lets the idle ones rest.
func (rs *readers) wanted() {
	rs.mu.Lock()
	all := make([]*reader, 0, len(rs.all))
	for r := range rs.all {
		all = append(all, r)
	}
	rs.mu.Unlock()
	for _, r := range all {
		r.rest(false)
	}
}

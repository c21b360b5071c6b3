package gbs

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// places counts the open connections of a server, and knows which of them wait for their next request. Clients keep
// connections for a day, so when there are as many as there may be, most of them do nothing, and the one that has done nothing
// for longest makes place for a new one: its client needs it least, and makes another when it does.
type places struct {
	most int

	mu     sync.Mutex
	open   int
	idle   *list.List // of net.Conn, the one that has been idle longest first
	waiter map[net.Conn]*list.Element
}

func newPlaces(most int) *places {
	return &places{most: most, idle: list.New(), waiter: map[net.Conn]*list.Element{}}
}

// take takes a place, and says whether there was one. The caller closes victim, if it is not nil, whose place this was.
func (p *places) take() (victim net.Conn, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= p.most {
		first := p.idle.Front()
		if first == nil {
			return nil, false
		}
		victim = first.Value.(net.Conn)
		p.forget(victim)
	}
	p.open++ // and one less when the victim is closed, which is soon
	return victim, true
}

// leave gives a place back.
func (p *places) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
}

// changed is what the HTTP server tells of its connections.
func (p *places) changed(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(c)
	if state == http.StateIdle {
		p.waiter[c] = p.idle.PushBack(c)
	}
}

// forget takes c out of those that are idle. Its caller holds p.mu.
func (p *places) forget(c net.Conn) {
	if e := p.waiter[c]; e != nil {
		p.idle.Remove(e)
		delete(p.waiter, c)
	}
}

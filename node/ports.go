package node

import (
	"net"
	"sync"

	"tahoe/internal/freeport"
	"tahoe/node/config"
)

// A portSet hands out free ports of the loopback interface. It listens on all of them until it is closed, so that none is
// handed out twice. Its zero value works.
type portSet struct {
	mu   sync.Mutex
	open map[int]*heldPort
}

type heldPort struct {
	listener net.Listener
	claimed  bool
}

// take finds a free port. One that is not claimed with it may be claimed once.
func (p *portSet) take(claimed bool) (int, error) {
	l, err := freeport.Listen("tcp4", "127.0.0.1")
	if err != nil {
		return 0, err
	}
	p.keep(l, claimed)
	return l.Addr().(*net.TCPAddr).Port, nil
}

// claim says whether a port is free for whoever has it in its configuration.
func (p *portSet) claim(e config.Endpoint) bool {
	p.mu.Lock()
	held := p.open[e.Port]
	ok := held != nil && !held.claimed
	if held != nil {
		held.claimed = true
	}
	p.mu.Unlock()
	if held != nil {
		return ok
	}
	l, err := listenAt(e)
	if err != nil {
		return false
	}
	p.keep(l, true)
	return true
}

func (p *portSet) keep(l net.Listener, claimed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[int]*heldPort{}
	}
	p.open[l.Addr().(*net.TCPAddr).Port] = &heldPort{l, claimed}
}

func (p *portSet) close() {
	for _, held := range p.open {
		_ = held.listener.Close() // nobody was ever accepted on it
	}
}

package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"tahoe/reactor"
)

// A Demo is a whole grid in one process: an introducer, DemoServers storage nodes and a client.
type Demo struct {
	dir        string
	introducer *Node
	client     *Node
	servers    []*switched
	access     DemoAccess // once the grid is ready
}

// OpenDemo makes the grid in dir, the first time, and opens all its nodes.
func OpenDemo(dir string, shared *Shared) (*Demo, error) {
	if err := PrepareDemo(dir, shared.Clock.Now()); err != nil {
		return nil, err
	}
	var ports portSet
	err := openDemoDoors(DemoClient(dir), &ports)
	ports.close()
	if err != nil {
		return nil, err
	}
	d := &Demo{dir: dir}
	if d.introducer, err = Open(DemoIntroducer(dir), shared); err != nil {
		return nil, err
	}
	for i := range DemoServers {
		s, err := newSwitched(DemoStorage(dir, i+1), shared)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		d.servers = append(d.servers, s)
	}
	if d.client, err = Open(DemoClient(dir), shared); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close gives up a grid that was not run.
func (d *Demo) Close() error {
	errs := []error{d.introducer.Close()}
	for _, s := range d.servers {
		errs = append(errs, s.node.Close())
	}
	if d.client != nil {
		errs = append(errs, d.client.Close())
	}
	return errors.Join(errs...)
}

// Run runs the grid until ctx ends. The client stops first, so that what it has under way still reaches the servers.
func (d *Demo) Run(ctx context.Context, ready func()) error {
	host := reactor.NewHost(nil)
	for i, s := range d.servers {
		host.Add("storage-"+strconv.Itoa(i+1), s)
	}
	tree := reactor.NewTree("demo", reactor.Child{Name: "introducer", Service: d.introducer},
		reactor.Child{Name: "servers", Service: host}, reactor.Child{Name: "client", Service: d.client},
		reactor.Child{Name: "connections", Service: reactor.ServiceFunc(d.connections)},
		reactor.Child{Name: "account", Service: reactor.ServiceFunc(d.account)})
	err := tree.Run(ctx, ready)
	return errors.Join(err, d.Close())
}

// connections is ready when the client can reach all servers, or some time has passed.
func (d *Demo) connections(ctx context.Context, ready func()) error {
	const patience = 5 * time.Second
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = d.client.WaitConnected(waiting, DemoServers) // a grid with fewer serves too
	ready()
	<-ctx.Done()
	return nil
}

// WebURL is the address of the client's web port.
func (d *Demo) WebURL() string { return d.client.WebURL() }

// Dir is where the grid is kept.
func (d *Demo) Dir() string { return d.dir }

// Switch stops storage node i, from 1 on, or starts it again, and returns whether it is to run now. It does not wait.
func (d *Demo) Switch(i int) (on bool, err error) {
	if i < 1 || i > len(d.servers) {
		return false, fmt.Errorf("there is no storage node %d; they are 1 to %d", i, len(d.servers))
	}
	return d.servers[i-1].toggle(), nil
}

// Running counts the storage nodes that are to run.
func (d *Demo) Running() int {
	n := 0
	for _, s := range d.servers {
		if !s.off.Load() {
			n++
		}
	}
	return n
}

// switched is a node that can be stopped and started while it is part of a running tree.
type switched struct {
	path    string
	shared  *Shared
	node    *Node // the one to run first
	off     atomic.Bool
	changed chan struct{}
}

func newSwitched(path string, shared *Shared) (*switched, error) {
	n, err := Open(path, shared)
	return &switched{path: path, shared: shared, node: n, changed: make(chan struct{}, 1)}, err
}

// toggle is called by one goroutine.
func (s *switched) toggle() (on bool) {
	on = s.off.Load()
	s.off.Store(!on)
	select {
	case s.changed <- struct{}{}:
	default: // a change that has not been seen yet covers this one
	}
	return on
}

// Run runs the node whenever it is on.
func (s *switched) Run(ctx context.Context, ready func()) error {
	n := s.node
	for {
		if n != nil {
			if err := s.while(ctx, n, ready); err != nil || ctx.Err() != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if n = nil; s.off.Load() {
			ready()
			select {
			case <-s.changed:
			case <-ctx.Done():
			}
			continue
		}
		var err error
		if n, err = Open(s.path, s.shared); err != nil {
			return err
		}
	}
}

// while runs n until ctx ends or the node is switched off.
func (s *switched) while(ctx context.Context, n *Node, ready func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx, ready) }() // received below
	for {
		select {
		case err := <-done:
			return err
		case <-s.changed:
			if s.off.Load() {
				cancel(reactor.ErrStopping)
			}
		}
	}
}

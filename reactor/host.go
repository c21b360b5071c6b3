package reactor

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A Host runs several nodes in one process. They start together, since none needs another in order to start, and stop
// together; the host is ready when all are. A node that ends stops all of them: with its error, by name.
type Host struct {
	log   *slog.Logger
	nodes []Child
}

// NewHost makes a host without nodes. What goes wrong while stopping is told to log; nil is the log around the host.
func NewHost(log *slog.Logger) *Host { return &Host{log: log} }

// Add adds a node. It is called before Run.
func (h *Host) Add(name string, s Service) {
	h.nodes = append(h.nodes, Child{Name: name, Service: s})
}

// Grace is the longest that a node may take.
func (h *Host) Grace() time.Duration {
	d := DefaultGrace
	for _, n := range h.nodes {
		d = max(d, n.grace())
	}
	return d
}

// Run runs all nodes until ctx ends or one of them does.
func (h *Host) Run(ctx context.Context, ready func()) error {
	ctx = withLog(ctx, h.log)
	ended := make(chan *running, len(h.nodes))
	nodes := make([]*running, len(h.nodes))
	for i, n := range h.nodes {
		nodes[i] = start(ctx, "host", n, ended)
	}
	up := true
	for _, n := range nodes {
		if up = awaitReady(ctx, n, ended); !up {
			break
		}
	}
	if up {
		ready()
		awaitEnd(ctx, ended)
	}
	return haltAll(nodes, ended)
}

// haltAll stops all nodes at the same time. The error of the node that ended first comes first.
func haltAll(nodes []*running, ended <-chan *running) error {
	first, err := firstEnded(ended)
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { errs[i] = n.halt() })
	}
	wg.Wait()
	for i, n := range nodes {
		if n != first {
			err = and(err, errs[i])
		}
	}
	return err
}

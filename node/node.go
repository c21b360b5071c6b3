// Package node makes nodes of node directories: it reads tahoe.cfg, opens ports, and joins the packages below to a
// service that a reactor runs. It is for cmd/tahoe and for whoever embeds a node, and the only package besides cmd/tahoe
// that reads configuration or environment.
//
// The invariant: a directory is one node's at a time. Open takes it, with its ports, before anything else is touched;
// Close or the end of Run gives it back.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"tahoe/internal/foolscap"
	"tahoe/internal/logstream"
	"tahoe/introducer"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/helper"
	"tahoe/lafs/helper/rihelper"
	"tahoe/lafs/keeper"
	"tahoe/node/basedir"
	"tahoe/node/config"
	"tahoe/reactor"
)

// A Node is a storage server, a client with a web port, or both; or it is an introducer.
type Node struct {
	dir      basedir.Dir
	kind     basedir.Kind
	settings config.Settings
	identity basedir.Identity
	shared   *Shared
	log      *slog.Logger
	logs     logstream.Hub   // for those who read the log by the web port
	token    func() string   // of private/api_auth_token, behind a function, which nothing prints; nil: there is none
	seed     string          // of its place in the permuted order, if it has storage
	storage  basedir.Storage // where its storage is, if it has any
	shares   *shares         // nil: it has none
	hints    []config.Hint   // where its Tub is reached; nil: it does not listen yet
	grid     *grid.Broker    // nil: the node is no client
	files    *lafs.Client    // nil likewise
	keeper   *keeper.Keeper  // nil likewise, and when it is switched off
	web      net.Listener    // nil: none
	sftp     net.Listener    // nil likewise
	doors    []Door          // that have ports of their own
	tub      *foolscap.Tub   // nil: nobody needs it

	helper *helper.Helper   // that others upload through; nil: it offers none
	helped *rihelper.Client // that it uploads through; nil: it uploads directly

	introducers *introducer.Client // nil: it uses none

	children []reactor.Child
	warnings []string

	closers []io.Closer // in the order in which they were opened
	close   sync.Once
}

// Open takes a node directory and opens the ports of its node. The error is one sentence: *basedir.RunningError,
// *config.Error, *BusyPortError, or one that wraps basedir.ErrNotNode, or that says what else is wrong and where.
func Open(path string, shared *Shared) (*Node, error) {
	dir, kind, err := basedir.Open(path)
	if err != nil {
		return nil, err
	}
	n := &Node{dir: dir, kind: kind, shared: shared}
	if err := n.open(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) open() error {
	lock, err := n.dir.Lock()
	if err != nil {
		return err
	}
	n.closers = append(n.closers, lock)
	if err := n.loadSettings(); err != nil {
		return err
	}
	n.log = slog.New(n.logs.Handler(n.shared.Log.Handler())).With("node", n.Name())
	n.warnings = slices.Clone(n.settings.Ignored)
	if err := n.dir.Repair(); err != nil {
		return err
	}
	if n.identity, err = n.dir.Identity(n.shared.Clock.Now()); err != nil {
		return err
	}
	for _, part := range n.parts() {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// Run runs the node until ctx ends, and gives the directory back.
func (n *Node) Run(ctx context.Context, ready func()) error {
	tree := n.tree()
	tree.Log = n.log
	err := tree.Run(ctx, ready)
	return errors.Join(err, n.Close())
}

// Grace is how long the node may take to stop.
func (n *Node) Grace() time.Duration { return n.tree().Grace() }

func (n *Node) tree() *reactor.Tree { return reactor.NewTree(n.Name(), n.children...) }

// Close gives up a node that was not run.
func (n *Node) Close() error {
	var errs []error
	n.close.Do(func() {
		for _, c := range slices.Backward(n.closers) {
			if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	})
	return errors.Join(errs...)
}

// Name is the nickname, or the last part of the directory's name when there is none.
func (n *Node) Name() string { return nameOf(n.dir, n.settings) }

// Dir is the node's directory.
func (n *Node) Dir() string { return string(n.dir) }

// Warnings are sentences about what the configuration asks for in vain.
func (n *Node) Warnings() []string { return slices.Clone(n.warnings) }

// WebURL is the address of the web port; "" when there is none.
func (n *Node) WebURL() string { return webURL(n.web, n.settings.WebTLS != nil) }

// Files is the file store of a client, for programs that embed one; nil when the node is no client.
func (n *Node) Files() *lafs.Client { return n.files }

// WaitConnected waits until the node, a client that runs, is connected to so many servers.
func (n *Node) WaitConnected(ctx context.Context, servers int) error {
	if n.grid == nil {
		return fmt.Errorf("node %s has no web port, so it uses no servers", n.Name())
	}
	return n.grid.WaitConnected(ctx, servers)
}

// openTrigger heeds a file exit_trigger.
func (n *Node) openTrigger() error {
	path := n.dir.Path("exit_trigger")
	if exists(path) {
		n.children = append(n.children, reactor.Child{Name: "exit trigger", Service: exitTrigger(path, n.shared.Clock, n.log)})
	}
	return nil
}

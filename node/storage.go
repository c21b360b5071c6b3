package node

import (
	"fmt"
	"net/http"

	"tahoe/node/basedir"
	"tahoe/reactor"
	"tahoe/storage/disk"
	"tahoe/storage/gbs"
)

// openStorage opens the storage server, if the node has one, and its ports.
func (n *Node) openStorage() error {
	s := n.settings.Storage
	if !s.Enabled || !n.settings.Tub.Enabled {
		return nil
	}
	seed, err := n.dir.PermutationSeed(n.identity, s.Dir)
	if err != nil {
		return err
	}
	listeners, hints, err := n.listenTub()
	if err != nil || !s.Anonymous {
		return err
	}
	n.seed, n.hints = seed, hints
	if n.storage, err = n.dir.StorageAddress(n.identity, hints); err != nil {
		return err
	}
	if s.ForceFoolscap {
		n.storage.NURLs = nil
	}
	server, err := disk.Open(disk.Config{
		Dir: s.Dir, Now: n.shared.Clock.Now, NodeID: n.identity.TubID, Application: application,
		ReservedSpace: uint64(s.Reserved), ReadOnly: s.ReadOnly, Discard: s.Discard, Log: n.log,
	})
	if err != nil {
		return fmt.Errorf("%s: storage_dir: %w", n.dir.Path("tahoe.cfg"), err)
	}
	if entry, ok := n.Static(); ok {
		if err := n.dir.WriteForClients(entry); err != nil {
			return err
		}
	}
	if err := gbs.RemoveSpools(s.Dir); err != nil {
		n.log.Warn("storage", "err", err) // they take room, and no more than that
	}
	n.children = append(n.children, reactor.Child{Name: "shares", Service: server})
	n.offerFoolscap(server)
	var handler http.Handler
	if !s.ForceFoolscap {
		handler = gbs.NewHandler(server, n.storage.Swiss, gbs.HandlerConfig{
			SpoolDir: s.Dir, SpoolRoom: server.Free, Now: n.shared.Clock.Now, Log: n.log,
		})
	}
	for _, l := range listeners {
		n.children = append(n.children, reactor.Child{Name: "storage port", Service: n.storagePort(l, handler)})
	}
	return nil
}

// ForClients is the path of the file that says how clients reach the node's storage; "" when it has none.
func (n *Node) ForClients() string {
	if n.seed == "" {
		return ""
	}
	return n.dir.Private(basedir.ForClients)
}

// Static is the node's storage as an entry of a client's servers.yaml. It is false when the node has none.
func (n *Node) Static() (basedir.Static, bool) {
	if n.seed == "" {
		return basedir.Static{}, false
	}
	return basedir.Static{ID: n.identity.ServerID(), Nickname: n.Name(), Seed: n.seed, Address: n.storage}, true
}

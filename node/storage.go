package node

import (
	"fmt"
	"net/http"
	"path/filepath"

	"tahoe/internal/crawlerstate"
	"tahoe/node/basedir"
	"tahoe/node/config"
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
	grants, err := n.dir.Grants()
	if err != nil {
		return err
	}
	if !s.Anonymous && len(grants) == 0 {
		n.warnings = append(n.warnings, "[storage] anonymous is false, and private/grants.yaml grants nobody anything, so nobody can reach this node's storage")
		return nil
	}
	listeners, hints, err := n.listenTub()
	if err != nil {
		return err
	}
	n.hints = hints
	shares, err := n.openShares(grants)
	if err != nil {
		return err
	}
	var handlers []*gbs.Handler
	offer := func(address basedir.Storage, g disk.Grant) {
		view := shares.meter.Server(shares.disk.For(g))
		n.offerFoolscap(address, view)
		if !s.ForceFoolscap {
			handlers = append(handlers, gbs.NewHandler(view, address.Swiss, gbs.HandlerConfig{
				SpoolDir: s.Dir, SpoolRoom: shares.disk.Free, Now: n.shared.Clock.Now, Log: n.log,
			}))
		}
	}
	if s.Anonymous {
		if err := n.openAnonymous(seed, hints, offer); err != nil {
			return err
		}
	}
	if err := n.openGrants(grants, seed, hints, offer); err != nil {
		return err
	}
	if err := gbs.RemoveSpools(s.Dir); err != nil {
		n.log.Warn("storage", "err", err) // they take room, and no more than that
	}
	var handler http.Handler
	if len(handlers) > 0 {
		handler = gbs.Join(handlers...)
	}
	for _, l := range listeners {
		n.children = append(n.children, reactor.Child{Name: "storage port", Service: n.storagePort(l, handler)})
	}
	return nil
}

// An offer makes shares reachable by an address, as the client of a grant sees them.
type offer func(basedir.Storage, disk.Grant)

// openAnonymous offers the storage to everybody who hears of it.
func (n *Node) openAnonymous(seed string, hints []config.Hint, offer offer) error {
	var err error
	n.seed = seed
	if n.storage, err = n.dir.StorageAddress(n.identity, hints); err != nil {
		return err
	}
	if n.settings.Storage.ForceFoolscap {
		n.storage.NURLs = nil
	}
	offer(n.storage, disk.Grant{})
	if entry, ok := n.Static(); ok {
		return n.dir.WriteForClients(entry)
	}
	return nil
}

// openGrants offers the storage to those who have an address of their own.
func (n *Node) openGrants(grants []basedir.Grant, seed string, hints []config.Hint, offer offer) error {
	for _, g := range grants {
		address, err := n.dir.GrantAddress(g.Name, n.identity, hints)
		if err != nil {
			return err
		}
		if n.settings.Storage.ForceFoolscap {
			address.NURLs = nil
		}
		offer(address, disk.Grant{Client: g.Name, ReadOnly: g.ReadOnly, Frozen: g.ReadOnly})
		entry := basedir.Static{ID: n.identity.ServerID(), Nickname: n.Name(), Seed: seed, Address: address}
		if err := n.dir.WriteForGrant(g.Name, entry); err != nil {
			return err
		}
	}
	return nil
}

// migrateCrawlers converts the state that old versions of the original left as pickles, which are read without being run.
func (n *Node) migrateCrawlers(dir string) error {
	for _, name := range crawlerstate.Names() {
		path := filepath.Join(dir, name)
		result, err := crawlerstate.Migrate(path)
		if err != nil {
			return fmt.Errorf("convert the state of a crawler: %w", err)
		}
		if result == crawlerstate.Converted {
			n.log.Info("state of a crawler converted", "from", path, "to", path+".json")
		}
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

package node

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"tahoe/frontends/web"
	"tahoe/internal/foolscap"
	"tahoe/internal/nurl"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/node/basedir"
	"tahoe/node/config"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/ristorage"
)

// openClient opens the file store, its web port and its other doors. A node without any has nobody who would use a file store.
func (n *Node) openClient() error {
	lease, err := n.dir.LeaseSecret()
	if err != nil {
		return err
	}
	convergence, err := n.dir.Convergence()
	if err != nil {
		return err
	}
	token, err := n.dir.NewAuthToken()
	if err != nil {
		return err
	}
	n.token = func() string { return token }
	if n.settings.Web == nil && !n.settings.Doors.Any() && !n.settings.Helper {
		return nil
	}
	broker, err := n.openBroker()
	if err != nil {
		return err
	}
	if err := n.openHelper(broker, lease); err != nil {
		return err
	}
	if n.settings.Web == nil && !n.settings.Doors.Any() {
		return nil
	}
	if err := n.useHelper(); err != nil {
		return err
	}
	if err := os.MkdirAll(n.settings.TempDir, 0o700); err != nil {
		return fmt.Errorf("%s: tempdir: %w", n.dir.Path("tahoe.cfg"), err)
	}
	n.files = n.newFiles(broker, lease, convergence)
	n.openKeeper(broker)
	under, err := n.openUploads(lease)
	if err != nil {
		return err
	}
	inside, err := n.openTrees(broker, lease)
	if err != nil {
		return err
	}
	if n.settings.Web != nil {
		if err := n.openWeb(func(c web.Config) *web.Server {
			return web.New(n.files, broker, withUploads(inside.onWeb(n.helpersOnWeb(c)), under))
		}); err != nil {
			return err
		}
	}
	return inside.open()
}

func (n *Node) encoding() immutable.Encoding {
	c := n.settings.Client
	return immutable.Encoding{Needed: c.Needed, Happy: c.Happy, Total: c.Total, MaxSegment: c.MaxSegment}
}

// openBroker makes the client's view of the servers that private/servers.yaml names.
func (n *Node) openBroker() (*grid.Broker, error) {
	servers, warning, err := n.dir.StaticServers()
	if err != nil {
		return nil, err
	}
	c := grid.BrokerConfig{Enough: n.settings.Client.Total, Managers: n.settings.Client.Managers, Clock: n.shared.Clock, Log: n.log}
	for _, id := range n.settings.Client.Preferred {
		c.Preferred = append(c.Preferred, grid.ServerID(id))
	}
	broker := grid.NewBroker(Connector(n.settings, n.openTub()), c)
	for _, w := range []error{warning, broker.Set(grid.Static, servers)} {
		if w != nil {
			n.warnings = append(n.warnings, w.Error())
		}
	}
	n.grid = broker
	n.children = append(n.children, reactor.Child{Name: "grid", Service: broker})
	return broker, nil
}

// Connector reaches servers as a node with these settings does: by GBS, and by Foolscap, over the Tub, those that are announced
// without a NURL.
func Connector(s config.Settings, tub *foolscap.Tub) grid.Connector {
	return func(a grid.Announcement, events grid.Events) (grid.Conn, error) {
		if !s.DialTCP || a.Connections["tcp"] == "disabled" {
			return nil, errors.New("connections by TCP are switched off")
		}
		if a.Connections["tcp"] == "tor" {
			return nil, errors.New("it is to be reached by Tor, which is not supported yet")
		}
		if len(a.NURLs) == 0 || s.Client.ForceFoolscap {
			return ristorage.NewClient(tub, a.FURL, ristorage.ClientConfig{OnDisconnect: events.Disconnected})
		}
		address, err := mergeNURLs(a.NURLs)
		if err != nil {
			return nil, err
		}
		return gbs.NewClient(address, gbs.ClientConfig{OnDisconnect: events.Disconnected})
	}
}

var errNoNURL = errors.New("it is announced without a NURL")

// mergeNURLs makes one NURL of those of a server: they differ in their addresses. Others are left out, and so are those
// for Tor.
func mergeNURLs(texts []string) (nurl.NURL, error) {
	var first nurl.NURL
	var addrs []string
	var bad error
	for _, text := range texts {
		n, err := nurl.Parse(text)
		switch {
		case err != nil:
			bad = err
		case n.Tor():
			bad = errors.New("it is reached through Tor, which is not supported yet")
		case len(addrs) == 0:
			first, addrs = n, n.Addrs()
		case n.SPKI() == first.SPKI() && n.Swissnum().Equal(first.Swissnum()):
			addrs = append(addrs, n.Addrs()...)
		}
	}
	if len(addrs) == 0 {
		return nurl.NURL{}, cmp.Or(bad, errNoNURL)
	}
	slices.Sort(addrs)
	addrs = slices.Compact(addrs)
	const most = 16
	return nurl.New(first.SPKI(), addrs[:min(len(addrs), most)], first.Swissnum(), false)
}

// openWeb opens the web port, and notes its address in node.url.
func (n *Node) openWeb(make func(web.Config) *web.Server) error {
	l, err := n.listen("web.port", *n.settings.Web)
	if err != nil {
		return err
	}
	n.web = l
	if files := n.settings.WebTLS; files != nil {
		if l, err = n.secure(l, *files); err != nil {
			return err
		}
	}
	c := n.settings.Client
	config := web.Config{
		Nickname: n.Name(), NodeID: n.identity.ServerID(), Version: Version(), Hosts: n.hosts(),
		Encoding:  web.Encoding{Needed: c.Needed, Happy: c.Happy, Total: c.Total},
		StaticDir: n.settings.WebStatic, TempDir: n.settings.TempDir, Log: n.log, Clock: n.shared.Clock, Introducers: n.introducerStatuses,
		Private: n.private(),
	}
	if n.keeper != nil {
		config.Keeper = keeping{n.keeper, n.shared.Clock.Now}
	}
	if n.shares != nil {
		config.Storage = n.shares
	}
	server := make(config)
	n.children = append(n.children, reactor.Child{Name: "web port", Service: server.Service(l)})
	return basedir.WriteNote(n.dir.Path("node.url"), []byte(n.WebURL()+"\n"), 0o644)
}

// private is what the web port gives to who shows the node's token.
func (n *Node) private() *web.Private {
	if n.token == nil {
		return nil
	}
	return &web.Private{Token: n.token, Listen: func() (<-chan []byte, func()) {
		l := n.logs.Listen()
		return l.Records(), l.Leave
	}}
}

// hosts are names by which the web port may be asked for when it is not on this machine alone.
func (n *Node) hosts() []string {
	e := n.settings.Web
	if e.Host == "localhost" || e.Host != "" && isLoopback(e.Host) {
		return nil
	}
	var names []string
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	for _, h := range n.settings.Tub.Locations {
		names = append(names, h.Host)
	}
	return names
}

// leases derives the node's lease secrets.
func leases(master []byte) func(storage.Index, [20]byte) storage.LeaseSecrets {
	return func(i storage.Index, tub [20]byte) storage.LeaseSecrets { return taghash.Lease(master, i, tub) }
}

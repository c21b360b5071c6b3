package node

import (
	"errors"

	"tahoe/frontends/web"
	"tahoe/internal/foolscap"
	"tahoe/introducer"
	"tahoe/node/basedir"
	"tahoe/node/config"
	"tahoe/reactor"
)

// introducerLimits are for strangers who send an announcement at a time, and get batches of bounded size.
func introducerLimits() foolscap.Limits {
	return foolscap.Limits{Message: 1 << 20, Buffered: 2 << 20, Unsent: 2 << 20, Pending: 32, References: 16384}
}

// loadSettings reads what tahoe.cfg says about a node of this kind.
func (n *Node) loadSettings() (err error) {
	load := config.Load
	if n.kind == basedir.Introducer {
		load = config.LoadIntroducer
	}
	_, n.settings, err = load(string(n.dir))
	return err
}

// parts are what a node of this kind consists of, in the order in which they are opened.
func (n *Node) parts() []func() error {
	if n.kind == basedir.Introducer {
		return []func() error{n.openIntroducer, n.openTrigger}
	}
	return []func() error{n.openStorage, n.openClient, n.openIntroducers, n.openTrigger}
}

// openIntroducer opens the node of an introducer: its port, and its page.
func (n *Node) openIntroducer() error {
	listeners, hints, err := n.listenTub()
	if err != nil {
		return err
	}
	if len(hints) == 0 {
		return errors.New(n.dir.Path("tahoe.cfg") + ": tub.location names no place where the introducer can be reached; write one such as tcp:example.org:12345")
	}
	address, err := n.dir.IntroducerAddress(n.identity, hints)
	if err != nil {
		return err
	}
	server := introducer.NewServer(introducer.ServerConfig{Clock: n.shared.Clock, Log: n.log})
	n.openTub().Register(address.Swiss.Reveal(), server.Object(application))
	n.children = append(n.children, reactor.Child{Name: "introducer", Service: server})
	for _, l := range listeners {
		n.children = append(n.children, reactor.Child{Name: "introducer port", Service: n.storagePort(l, nil)})
	}
	if n.settings.Web == nil {
		return nil
	}
	return n.openWeb(func(c web.Config) *web.Server { return web.NewIntroducer(server, c) })
}

// IntroducerFURL is the path of the file that says how nodes reach the introducer; "" when the node is none.
func (n *Node) IntroducerFURL() string {
	if n.kind != basedir.Introducer {
		return ""
	}
	return n.dir.Private("introducer.furl")
}

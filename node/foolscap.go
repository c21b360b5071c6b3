package node

import (
	"context"
	"net"
	"net/http"

	"tahoe/internal/foolscap"
	"tahoe/node/basedir"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/ristorage"
)

// maxMessage is how large a Foolscap message may be. A client of the original changes a mutable share by one message that
// holds all of it.
const maxMessage = 128 << 20

// openTub returns the node's Tub, which runs before whatever is opened from now on. The first to need it makes it.
func (n *Node) openTub() *foolscap.Tub {
	if n.tub == nil {
		limits := foolscap.Limits{Message: maxMessage, Buffered: maxMessage, Unsent: maxMessage, Pending: 64}
		if n.kind == basedir.Introducer {
			limits = introducerLimits()
		}
		n.tub = foolscap.NewTub(n.identity.Cert, foolscap.Config{
			Log: n.log, Clock: n.shared.Clock, Limits: limits,
			Keepalive: n.settings.Tub.Keepalive, Disconnect: n.settings.Tub.Disconnect,
		})
		n.children = append(n.children, reactor.Child{Name: "tub", Service: n.tub})
	}
	return n.tub
}

// storagePort serves both storage protocols on a listener. With a nil handler it serves Foolscap alone.
func (n *Node) storagePort(l net.Listener, handler http.Handler) reactor.Service {
	tub := n.openTub()
	return reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		c := gbs.ServerConfig{Log: n.log, OnFoolscap: func(conn net.Conn) {
			if err := tub.Serve(ctx, conn); err != nil && ctx.Err() == nil {
				n.log.DebugContext(ctx, "Foolscap connection", "from", conn.RemoteAddr(), "err", err)
			}
		}}
		return gbs.NewServer(l, n.identity.Cert, handler, c).Run(ctx, ready)
	})
}

// offerFoolscap makes shares reachable by the FURL of an address.
func (n *Node) offerFoolscap(address basedir.Storage, shares storage.Server) {
	n.openTub().Register(address.Swiss.Reveal(), ristorage.NewServer(shares))
}

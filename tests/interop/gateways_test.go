package interop_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
)

// A gateways is a client of each maker on the same storage nodes, some of each maker.
type gateways struct {
	servers []*peer
	clients map[maker]*peer
}

// The storage nodes of a gateways; three shares give a file back.
const gatewayServers = 5

// newGateways starts the nodes. Clients know their servers by servers.yaml, and have one convergence secret.
func newGateways(t *testing.T, protocol string) *gateways {
	t.Helper()
	needsOriginal(t)
	dir := t.TempDir()
	g := &gateways{servers: make([]*peer, gatewayServers), clients: map[maker]*peer{}}
	both := [2]*peer{}
	var start []func()
	for i := range g.servers {
		start = append(start, func() {
			g.servers[i] = newStorage(t, makers[i%2], filepath.Join(dir, "storage-"+strconv.Itoa(i+1)))
			g.servers[i].start()
		})
	}
	for i, m := range makers {
		start = append(start, func() { both[i] = newClient(t, m, filepath.Join(dir, "client-"+string(m))) })
	}
	together(t, start...)
	start = nil
	for i, m := range makers {
		p := both[i]
		g.clients[m] = p
		p.set("client/shares.happy", "3", "client/shares.total", strconv.Itoa(gatewayServers),
			"client/force_foolscap", strconv.FormatBool(protocol == foolscap))
		p.setPrivate("convergence", "fqfl2bjy3khd3vhxz4hujm62fvzy4mbzc57cwz6zfsgsc6dqjobq")
		p.knows(g.servers...)
		start = append(start, func() {
			p.start()
			p.waitConnected(gatewayServers)
			p.mustSpeak(t, protocol)
		})
	}
	together(t, start...)
	return g
}

// TestGateways has a client of each maker work on the same directories.
func TestGateways(t *testing.T) {
	t.Parallel()
	newGateways(t, gbs).run(t)
}

// TestLongGateways is the same by Foolscap, and by both protocols the commands of each maker at the gateway of the other, and backups.
func TestLongGateways(t *testing.T) {
	needsLong(t)
	for _, p := range []string{gbs, foolscap} {
		g := newGateways(t, p)
		if p == foolscap {
			g.run(t)
		}
		for _, m := range makers {
			t.Run(fmt.Sprintf("%s/commands=%s/gateway=%s", p, m, m.other()), func(t *testing.T) { g.commands(t, m) })
		}
		t.Run(fmt.Sprintf("%s/backup", p), g.backup)
	}
}

func (g *gateways) run(t *testing.T) {
	for _, m := range makers {
		t.Run("made by="+string(m), func(t *testing.T) {
			t.Run("directories", func(t *testing.T) { g.directories(t, m) })
			t.Run("tree", func(t *testing.T) { g.tree(t, m) })
		})
	}
	t.Run("web API", g.webAPI)
	t.Run("tools", g.tools)
	t.Run("in turns", g.inTurns)
	t.Run("at once", g.atOnce)
	t.Run("file at once", g.fileAtOnce)
}

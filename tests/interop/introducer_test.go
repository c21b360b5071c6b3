package interop_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
)

// TestIntroducer has an introducer die and return, run by either maker's program on the same directory, and servers change their
// addresses. The clients of both makers find their servers throughout.
func TestIntroducer(t *testing.T) {
	t.Parallel()
	needsOriginal(t)
	for _, by := range introducers() {
		t.Run("introducer="+by, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, maker(by))
			v.works(t, "at first")

			furl := v.introducer.private("introducer.furl")
			v.introducer.Kill()
			together(t, v.clients[ours].restart, v.clients[original].restart)
			v.works(t, "clients that start without the introducer")

			v.introducer.maker = v.introducer.maker.other()
			v.introducer.start()
			if got := v.introducer.private("introducer.furl"); got != furl {
				t.Error("the introducer's FURL changed when another program ran its directory")
			}
			v.move()
			v.works(t, "servers that move, with the introducer run by the other program")

			v.introducer.Stop()
			v.introducer.maker = v.introducer.maker.other()
			v.introducer.start()
			v.move()
			v.works(t, "servers that move, with the introducer run by its own program")

			for _, p := range v.storage { // the other program counts the announcements on
				p.maker = p.maker.other()
			}
			v.move()
			v.works(t, "servers that move and are run by the other program")
		})
	}
}

// A village is an introducer, and a storage node and a client of each maker.
type village struct {
	introducer       *peer
	storage, clients map[maker]*peer
	protocol         string
}

func newVillage(t *testing.T, by maker) *village {
	t.Helper()
	dir := t.TempDir()
	v := &village{introducer: newIntroducer(t, by, filepath.Join(dir, "introducer")), storage: map[maker]*peer{}, clients: map[maker]*peer{},
		protocol: map[maker]string{ours: gbs, original: foolscap}[by]}
	for _, m := range makers {
		v.storage[m] = newStorage(t, m, filepath.Join(dir, "storage-"+string(m)))
		// The servers of one village have no NURL to announce: clients that would rather speak GBS do without.
		v.storage[m].set("storage/force_foolscap", strconv.FormatBool(v.protocol == foolscap))
		v.clients[m] = newClient(t, m, filepath.Join(dir, "client-"+string(m)))
		v.clients[m].set("client/shares.happy", "2")
	}
	var start []func()
	for _, m := range makers {
		for _, p := range []*peer{v.storage[m], v.clients[m]} {
			p.joins(v.introducer)
			start = append(start, p.start)
		}
	}
	together(t, start...)
	return v
}

// works has each client store a file on both servers, which the other reads.
func (v *village) works(t *testing.T, when string) {
	t.Helper()
	waitConnected(t, 2, v.clients[ours], v.clients[original])
	v.clients[original].mustSpeak(t, v.protocol)
	for _, m := range makers {
		data := content(fmt.Sprint(when, m), 300_000)
		v.clients[m.other()].mustRead(t, v.clients[m].put(t, data), data)
	}
	if t.Failed() {
		t.Fatal("failed with " + when)
	}
}

// move gives the storage nodes other ports.
func (v *village) move() {
	for _, p := range v.storage {
		p.Stop()
		p.port = freePort(p.t)
		p.set("node/tub.port", fmt.Sprintf("tcp:%d:interface=127.0.0.1", p.port), "node/tub.location", fmt.Sprintf("tcp:127.0.0.1:%d", p.port))
	}
	waitConnected(v.introducer.t, 0, v.clients[ours], v.clients[original])
	together(v.introducer.t, v.storage[ours].start, v.storage[original].start)
}

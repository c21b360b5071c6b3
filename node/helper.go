package node

import (
	"errors"
	"fmt"
	"math"

	"tahoe/frontends/web"
	"tahoe/lafs/grid"
	"tahoe/lafs/helper"
	"tahoe/lafs/helper/rihelper"
	"tahoe/lafs/immutable"
	"tahoe/reactor"
	"tahoe/storage/disk"
)

// helperDir is where the helper keeps ciphertext, in the node's directory.
const helperDir = "helper"

// openHelper opens the helper that others upload through, if the node offers one.
func (n *Node) openHelper(servers grid.Servers, leaseMaster []byte) error {
	if !n.settings.Helper {
		return nil
	}
	up := immutable.NewUploader(immutable.UploaderConfig{
		Servers: servers, Lease: leases(leaseMaster), Pool: n.shared.Pool, Budget: n.shared.Uploads, Encoding: n.encoding(),
		Clock: n.shared.Clock, Log: n.log,
	})
	h, err := helper.Open(helper.Config{
		Uploader: up, Dir: n.dir.Path(helperDir), Room: n.helperRoom, Clock: n.shared.Clock, Log: n.log,
	})
	if err != nil {
		return err
	}
	if n.hints == nil {
		if err := n.listenForHelper(); err != nil {
			return err
		}
	}
	swiss, err := n.dir.HelperFURL(n.identity, n.hints)
	if err != nil {
		return err
	}
	n.openTub().Register(swiss.Reveal(), rihelper.NewServer(h, application))
	n.helper = h
	n.children = append(n.children, reactor.Child{Name: "helper", Service: h})
	return nil
}

// listenForHelper opens the node's Tub to others, where it has no storage that did.
func (n *Node) listenForHelper() error {
	if n.settings.Storage.Enabled {
		return fmt.Errorf("%s: [helper] enabled is true, but [storage] anonymous is false, so that nobody reaches this node; change one of them", n.dir.Path("tahoe.cfg"))
	}
	listeners, hints, err := n.listenTub()
	if err != nil {
		return err
	}
	if len(hints) == 0 {
		return errors.New(n.dir.Path("tahoe.cfg") + ": tub.location names no place where the helper can be reached; write one such as tcp:example.org:12345")
	}
	n.hints = hints
	for _, l := range listeners {
		n.children = append(n.children, reactor.Child{Name: "helper port", Service: n.storagePort(l, nil)})
	}
	return nil
}

// helperRoom is how much more ciphertext the disk takes, without what storage keeps free.
func (n *Node) helperRoom() uint64 {
	free, err := disk.FreeSpace(n.dir.Path(helperDir))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return math.MaxUint64
	case err != nil:
		n.log.Warn("asking for free space", "dir", n.dir.Path(helperDir), "error", err)
		return 0
	}
	return free - min(free, uint64(n.settings.Storage.Reserved))
}

// useHelper opens the way to the helper that uploads go through, if there is to be one.
func (n *Node) useHelper() error {
	furl := n.settings.Client.HelperFURL
	if furl == "" {
		return nil
	}
	if !n.settings.DialTCP {
		n.warnings = append(n.warnings, "connections by TCP are switched off, so the helper is not used")
		return nil
	}
	c, err := rihelper.NewClient(n.openTub(), furl, rihelper.ClientConfig{Clock: n.shared.Clock, Log: n.log})
	if err != nil {
		return fmt.Errorf("%s: [client] helper.furl: %w", n.dir.Path("tahoe.cfg"), err)
	}
	n.helped = c
	n.children = append(n.children, reactor.Child{Name: "way to the helper", Service: c})
	return nil
}

// assistant is what uploads go through; nil: nothing.
func (n *Node) assistant() immutable.Helper {
	if n.helped == nil {
		return nil
	}
	return n.helped
}

// helpersOnWeb adds to the web port what it shows of helpers.
func (n *Node) helpersOnWeb(c web.Config) web.Config {
	if n.helper != nil {
		c.Helper = n.helper
	}
	if n.helped != nil {
		c.Helped = n.helped.Connected
	}
	return c
}

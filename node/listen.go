package node

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"tahoe/node/basedir"
	"tahoe/node/config"
)

// A BusyPortError says that somebody else listens on a port of a node.
type BusyPortError struct {
	File, Key string
	Endpoint  config.Endpoint
}

func (e *BusyPortError) Error() string {
	return fmt.Sprintf("%s: %s is %s, but another program listens on that port; stop it, or choose another port", e.File, e.Key, e.Endpoint)
}

// listen opens the port that a key of tahoe.cfg names.
func (n *Node) listen(key string, e config.Endpoint) (net.Listener, error) {
	l, err := listenAt(e)
	switch {
	case err == nil:
		n.closers = append(n.closers, l)
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE) || isWindowsInUse(err):
		return nil, &BusyPortError{File: n.dir.Path("tahoe.cfg"), Key: key, Endpoint: e}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: %s is %s, but this machine has no such address; write one that it has", n.dir.Path("tahoe.cfg"), key, e)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: %s is %s, which only the administrator may listen on; choose a port above 1023", n.dir.Path("tahoe.cfg"), key, e)
	}
	return nil, fmt.Errorf("%s: %s is %s: %w", n.dir.Path("tahoe.cfg"), key, e, err)
}

// Listen listens as a node does.
func Listen(e config.Endpoint) (net.Listener, error) { return listenAt(e) }

// listenAt listens. Without an interface, "tcp6" means all addresses, IPv4 ones too, as it does to the original.
func listenAt(e config.Endpoint) (net.Listener, error) {
	if e.Network == "tcp6" && e.Host == "" {
		return net.Listen("tcp", config.Endpoint{Host: "::", Port: e.Port}.Address())
	}
	return net.Listen(e.Network, e.Address())
}

// isWindowsInUse knows the number that Windows has for a port in use.
func isWindowsInUse(err error) bool {
	const inUse = 10048
	no, ok := errors.AsType[syscall.Errno](err)
	return ok && no == inUse
}

// listenTub opens the storage ports, and returns where others reach them.
func (n *Node) listenTub() ([]net.Listener, []config.Hint, error) {
	endpoints := n.settings.Tub.Listen
	remembered := len(endpoints) == 0
	if remembered {
		e, err := n.rememberedPort()
		if err != nil {
			return nil, nil, err
		}
		endpoints = []config.Endpoint{e}
	}
	var all []net.Listener
	for _, e := range endpoints {
		l, err := n.listen("tub.port", e)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, l)
	}
	port := all[0].Addr().(*net.TCPAddr).Port
	if remembered {
		if err := basedir.WriteNote(n.dir.Path("client.port"), fmt.Appendf(nil, "tcp:%d\n", port), 0o644); err != nil {
			return nil, nil, err
		}
	}
	addrs, err := localAddresses()
	return all, n.settings.Tub.Hints(addrs, port), err
}

// rememberedPort is the port of client.port; 0 when there is none yet.
func (n *Node) rememberedPort() (config.Endpoint, error) {
	b, err := os.ReadFile(n.dir.Path("client.port"))
	if errors.Is(err, fs.ErrNotExist) {
		return config.ParseEndpoint("tcp:0")
	}
	if err != nil {
		return config.Endpoint{}, err
	}
	e, err := config.ParseEndpoint(strings.TrimSpace(string(b)))
	if err != nil {
		return e, fmt.Errorf("%s: the port %w", n.dir.Path("client.port"), err)
	}
	return e, nil
}

// localAddresses are the addresses of this machine.
func localAddresses() ([]netip.Addr, error) {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("find this machine's addresses: %w", err)
	}
	var addrs []netip.Addr
	for _, a := range nets {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, p.Addr().Unmap())
		}
	}
	return addrs, nil
}

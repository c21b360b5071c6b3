package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"tahoe/node"
	"tahoe/node/basedir"
	"tahoe/node/config"
)

// A port is one that the node listens on.
type port struct {
	setting string
	config.Endpoint
}

// portsOf are the ports of the node that are known.
func (x *examination) portsOf() (all []port) {
	add := func(setting string, e *config.Endpoint) {
		if e != nil && e.Port != 0 {
			all = append(all, port{setting, *e})
		}
	}
	s := x.settings
	add("web.port", s.Web)
	if s.Tub.Enabled && (x.kind == basedir.Introducer || s.Storage.Enabled || s.Helper) {
		for _, e := range s.Tub.Listen {
			add("tub.port", &e)
		}
		if b, err := os.ReadFile(x.dir.Path("client.port")); err == nil && len(s.Tub.Listen) == 0 {
			if e, err := config.ParseEndpoint(strings.TrimSpace(string(b))); err == nil {
				add("client.port", &e)
			} else {
				x.add(Problem, areaPorts, fmt.Sprintf("%s holds no port.", x.dir.Path("client.port")), "Remove the file, or write a port into it such as tcp:12345.")
			}
		}
	}
	if d := s.Doors; d.SFTP.Enabled {
		add("[sftpd] port", &d.SFTP.Port)
	}
	if d := s.Doors; d.FTP.Enabled {
		add("[ftpd] port", d.FTP.Port)
		add("[ftpd] implicit.port", d.FTP.Implicit)
	}
	if d := s.Doors; d.WebDAV.Enabled {
		add("[webdav] port", d.WebDAV.Port)
	}
	return all
}

// ports looks whether the node's ports answer, or could be opened.
func (x *examination) ports(ctx context.Context) {
	for _, p := range x.portsOf() {
		if x.report.Running {
			x.dial(ctx, p)
		} else {
			x.tryListen(p)
		}
	}
	if x.settings.Tub.Enabled && (x.kind == basedir.Introducer || x.settings.Storage.Enabled || x.settings.Helper) {
		x.locations(ctx)
	}
}

const dialPatience = 5 * time.Second

func reach(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, "tcp", address)
	if err == nil {
		err = conn.Close()
	}
	return err
}

func (x *examination) dial(ctx context.Context, p port) {
	host := p.Host
	switch {
	case host == "" && p.Network == "tcp6":
		host = "::1"
	case host == "":
		host = "127.0.0.1"
	}
	address := config.Endpoint{Host: host, Port: p.Port}.Address()
	if err := reach(ctx, address); err != nil {
		x.add(Problem, areaPorts, fmt.Sprintf("The node runs, but nobody answers at %s (%s): %s.", address, p.setting, netReason(err)),
			"Restart the node if tahoe.cfg was changed since it started; otherwise read its log.")
		return
	}
	x.ok(areaPorts, "%s answers at %s.", p.setting, address)
}

func (x *examination) tryListen(p port) {
	l, err := node.Listen(p.Endpoint)
	switch {
	case err == nil:
		_ = l.Close()
		x.ok(areaPorts, "The port of %s (%s) is free.", p.setting, p.Endpoint)
	case errors.Is(err, syscall.EADDRINUSE):
		x.add(Problem, areaPorts, fmt.Sprintf("Another program listens on the port of %s (%s).", p.setting, p.Endpoint), "Stop that program, or choose another port.")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		x.add(Problem, areaPorts, fmt.Sprintf("This machine has no such address as that of %s (%s).", p.setting, p.Endpoint), "Write one that it has.")
	case errors.Is(err, fs.ErrPermission):
		x.add(Problem, areaPorts, fmt.Sprintf("The port of %s (%s) is only for the administrator.", p.setting, p.Endpoint), "Choose a port above 1023.")
	default:
		x.add(Problem, areaPorts, fmt.Sprintf("The port of %s (%s) cannot be opened: %s.", p.setting, p.Endpoint, netReason(err)), "Choose another port.")
	}
}

// netReason is why a connection failed, without its addresses.
func netReason(err error) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name " + e.Name + " is not known here"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		if e.Timeout() {
			return "no answer in time"
		}
		return strings.TrimPrefix(oneLine(e.Err), "connect: ")
	}
	return oneLine(err)
}

// locations looks whether others could find the node where it says that it is.
func (x *examination) locations(ctx context.Context) {
	t := x.settings.Tub
	if t.Auto {
		x.auto()
	}
	for _, h := range t.Locations {
		if h.Kind != "tcp" {
			continue
		}
		if _, err := net.DefaultResolver.LookupHost(ctx, h.Host); err != nil {
			x.add(Problem, areaPorts, fmt.Sprintf("tub.location says %s, a name that is not known here.", h), "Correct the name, or have it entered in the DNS: others find the node by it.")
			continue
		}
		if !x.report.Running {
			continue
		}
		if err := reach(ctx, h.Address()); err != nil {
			x.add(Warning, areaPorts, fmt.Sprintf("tub.location says %s, where this machine does not reach the node: %s.", h, netReason(err)),
				"Try from another machine: if it is not reached from there either, forward the port to this machine, or correct tub.location.")
			continue
		}
		x.ok(areaPorts, "The node is reached at %s, as tub.location says.", h)
	}
}

// auto looks at the addresses that "AUTO" stands for.
func (x *examination) auto() {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return
	}
	loopback := true
	for _, a := range nets {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil || ip.To4() == nil || ip.IsLoopback() {
			continue
		}
		loopback = false
		if !ip.IsPrivate() && !ip.IsLinkLocalUnicast() {
			return
		}
	}
	what := "only addresses of its local network"
	if loopback {
		what = "no address but the loopback one"
	}
	x.add(Note, areaPorts, "tub.location is AUTO, and this machine has "+what+", so that nodes elsewhere do not reach it.", "Name an address that others reach in tub.location if the grid is larger than that.")
}

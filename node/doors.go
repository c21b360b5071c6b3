package node

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"tahoe/frontends/auth"
	"tahoe/frontends/ftp"
	"tahoe/frontends/vfs"
	"tahoe/frontends/webdav"
	"tahoe/internal/taghash"
	"tahoe/node/config"
	"tahoe/reactor"
)

// doors are what the front ends that people sign in to have in common.
type doors struct {
	fs    *vfs.FS
	guard *auth.Guard
	files map[string]*auth.AccountFile // by path
}

// davMemory is how long a password that was right is not hashed again: WebDAV shows it with each request.
const davMemory = 5 * time.Minute

// openDoors opens the front ends that are switched on.
func (n *Node) openDoors(leaseMaster []byte) error {
	if n.settings.FTPD == nil && n.settings.WebDAV == nil {
		return nil
	}
	// The journal is sealed under what derives from the node's secret, and from nothing else.
	secret := taghash.Sum("tahoe vfs journal", leaseMaster)
	fs, err := vfs.Open(vfs.Config{
		Grid: vfs.NewGrid(n.files), Dir: n.dir.Private("staged"), Secret: secret[:], Clock: n.shared.Clock, Log: n.log,
	})
	if err != nil {
		return fmt.Errorf("open the files on their way to the grid: %w", err)
	}
	n.closers = append(n.closers, fs)
	n.children = append(n.children, reactor.Child{Name: "write-back", Service: fs})
	d := &doors{fs: fs, guard: auth.NewGuard(n.shared.Clock), files: make(map[string]*auth.AccountFile)}
	if c := n.settings.FTPD; c != nil {
		if err := n.openFTP(d, c); err != nil {
			return err
		}
	}
	if c := n.settings.WebDAV; c != nil {
		return n.openWebDAV(d, c)
	}
	return nil
}

// checkers know the accounts of a section.
func (n *Node) checkers(d *doors, section string, c config.Door) ([]auth.Checker, error) {
	var all []auth.Checker
	if c.AccountsFile != "" {
		f := d.files[c.AccountsFile]
		if f == nil {
			var err error
			if f, err = auth.OpenAccountFile(c.AccountsFile, auth.FileConfig{Pool: n.shared.Pool, Clock: n.shared.Clock, Log: n.log}); err != nil {
				return nil, fmt.Errorf("[%s] accounts.file %s: %w", section, c.AccountsFile, err)
			}
			d.files[c.AccountsFile] = f
		}
		all = append(all, f)
	}
	if c.AccountsURL != "" {
		u, err := auth.NewAccountURL(c.AccountsURL, auth.URLConfig{})
		if err != nil {
			return nil, fmt.Errorf("%s: [%s] %w", n.dir.Path("tahoe.cfg"), section, err)
		}
		n.closers = append(n.closers, closer(u.Close))
		all = append(all, u)
	}
	return all, nil
}

type closer func()

func (c closer) Close() error {
	c()
	return nil
}

var _ io.Closer = closer(nil)

// certificate is the one that a section names, or the node's own.
func (n *Node) certificate(section string, c config.Door) (*tls.Config, error) {
	if c.Certificate == "" {
		return &tls.Config{Certificates: []tls.Certificate{n.identity.Cert}}, nil
	}
	cert, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("[%s] tls.certificate: %w", section, err)
	case err != nil:
		return nil, fmt.Errorf("[%s] tls.certificate and tls.key cannot be read, or do not belong together; write PEM files", section)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
}

// openFTP opens the ports of FTP.
func (n *Node) openFTP(d *doors, c *config.FTPD) error {
	people, err := n.checkers(d, "ftpd", c.Door)
	if err != nil {
		return err
	}
	cert, err := n.certificate("ftpd", c.Door)
	if err != nil {
		return err
	}
	portal := &auth.Portal[*vfs.View]{Realm: d.fs.Realm(), Checkers: people, Guard: d.guard, Clock: n.shared.Clock, Log: n.log}
	plain := map[string]ftp.Plain{"never": ftp.PlainNever, "loopback": ftp.PlainLoopback, "always": ftp.PlainAlways}
	server := ftp.New(portal, ftp.Config{
		TLS: cert, Plain: plain[c.Plain], Ports: ftp.Ports{First: c.FirstPort, Last: c.LastPort}, Public: c.Public, Active: c.Active, Clock: n.shared.Clock, Log: n.log,
	})
	return n.openPorts("ftpd", c.Door, func(l net.Listener, implicit bool) reactor.Service { return server.Service(l, implicit) })
}

// openWebDAV opens the ports of WebDAV.
func (n *Node) openWebDAV(d *doors, c *config.WebDAV) error {
	people, err := n.checkers(d, "webdav", c.Door)
	if err != nil {
		return err
	}
	for k := range people {
		people[k] = auth.Remember(people[k], davMemory, n.shared.Clock)
	}
	cert, err := n.certificate("webdav", c.Door)
	if err != nil {
		return err
	}
	portal := &auth.Portal[*vfs.View]{Realm: webdav.Realm(d.fs), Checkers: people, Guard: d.guard, Clock: n.shared.Clock, Log: n.log}
	plain := map[string]webdav.Plain{"never": webdav.PlainNever, "loopback": webdav.PlainLoopback, "always": webdav.PlainAlways}
	return n.openPorts("webdav", c.Door, func(l net.Listener, implicit bool) reactor.Service {
		server := webdav.New(portal, webdav.Config{Plain: plain[c.Plain], Clock: n.shared.Clock, Log: n.log})
		if implicit {
			return server.Service(l, cert)
		}
		return server.Service(l, nil)
	})
}

// openPorts listens at the ports of a section.
func (n *Node) openPorts(section string, c config.Door, serve func(l net.Listener, implicit bool) reactor.Service) error {
	for _, p := range []struct {
		key      string
		at       *config.Endpoint
		implicit bool
	}{{"port", c.Port, false}, {"tls.port", c.TLSPort, true}} {
		if p.at == nil {
			continue
		}
		l, err := n.listen("["+section+"] "+p.key, *p.at)
		if err != nil {
			return err
		}
		n.listening[section+" "+p.key] = l.Addr()
		n.children = append(n.children, reactor.Child{Name: section + " " + p.key, Service: serve(l, p.implicit)})
	}
	return nil
}

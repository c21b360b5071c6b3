package node

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"tahoe/frontends/auth"
	"tahoe/frontends/ftp"
	"tahoe/frontends/sftp"
	"tahoe/frontends/vfs"
	"tahoe/frontends/web"
	"tahoe/frontends/webdav"
	"tahoe/internal/durable"
	"tahoe/lafs/grid"
	"tahoe/node/config"
	"tahoe/reactor"
)

// doors are the ways into a node for people with a name and a password or key: one file system, and what serves it. When none is
// switched on all its fields are nil.
type doors struct {
	n        *Node
	settings config.Doors
	fs       *vfs.FS
	guard    *auth.Guard // who is locked out of one door is locked out of all
	files    map[string]*auth.AccountFile
	tls      *tls.Config
	dav      http.Handler    // at the web port
	home     *web.HomeConfig // nil: nobody can sign in on the pages
}

// openTrees opens the file system behind the doors. Files that were on their way to the grid when the node stopped go on.
func (n *Node) openTrees(broker *grid.Broker, leaseMaster []byte) (*doors, error) {
	d := &doors{n: n, settings: n.settings.Doors}
	if !d.settings.Any() {
		return d, nil
	}
	d.guard, d.files = auth.NewGuard(n.shared.Clock), map[string]*auth.AccountFile{}
	c := vfs.Config{
		Grid: vfs.NewGrid(n.files), Dir: d.settings.StagingDir, Secret: leaseMaster, Limit: d.settings.StagingLimit,
		Memory: n.shared.Doors, Free: n.room(broker), Clock: n.shared.Clock, Log: n.log,
	}
	if d.settings.CommitOnClose {
		c.Commit = vfs.OnClose
	}
	var err error
	if d.fs, err = vfs.Open(c); err != nil {
		return nil, fmt.Errorf("%s: [doors] staging.dir: %w", n.dir.Path("tahoe.cfg"), err)
	}
	n.closers = append(n.closers, d.fs)
	n.children = append(n.children, reactor.Child{Name: "files on their way", Service: d.fs})
	if w := d.settings.WebDAV; w.Enabled && n.settings.Web != nil {
		if d.dav, err = d.davOnWeb(w); err != nil {
			return nil, err
		}
	}
	if l := d.settings.Login; l.Enabled {
		people, err := d.people("[login]", l.Accounts)
		if err != nil {
			return nil, err
		}
		plain := map[string]web.Plain{config.PlainNever: web.PlainNever, config.PlainAlways: web.PlainAlways}[l.Plain]
		d.home = &web.HomeConfig{FS: d.fs, Checkers: people, Guard: d.guard, Plain: plain, Ways: d.ways}
	}
	return d, nil
}

// ways are the doors that people are told of who have signed in on the pages.
func (d *doors) ways() []web.Way {
	var all []web.Way
	for _, door := range d.n.Doors() {
		all = append(all, web.Way{Protocol: door.Protocol, Address: door.Address, Note: door.note})
	}
	if d.dav != nil {
		all = append(all, web.Way{Protocol: "WebDAV"}) // at the web port
	}
	return all
}

// onWeb adds to the web port what it shows of the doors.
func (d *doors) onWeb(c web.Config) web.Config {
	if d.fs != nil {
		c.Waiting, c.DAV, c.Home = d.waiting, d.dav, d.home
	}
	return c
}

// open opens the doors that have ports of their own.
func (d *doors) open() error {
	for _, door := range []struct {
		on   bool
		open func() error
	}{
		{d.settings.SFTP.Enabled, d.openSFTP},
		{d.settings.FTP.Enabled, d.openFTP},
		{d.settings.WebDAV.Enabled && d.settings.WebDAV.Port != nil, d.openWebDAV},
	} {
		if door.on {
			if err := door.open(); err != nil {
				return err
			}
		}
	}
	return nil
}

// problem is an error about a setting.
func (d *doors) problem(setting string, err error) error {
	return fmt.Errorf("%s: %s: %w", d.n.dir.Path("tahoe.cfg"), setting, err)
}

// people are who know the accounts of a door. Doors with the same file share what is known of it. The node's own file is made when
// it is not there.
func (d *doors) people(section string, a config.Accounts) ([]auth.Checker, error) {
	var all []auth.Checker
	if a.File != "" {
		f, err := d.accountFile(a)
		if err != nil {
			return nil, d.problem(section+" accounts.file", err)
		}
		all = append(all, f)
	}
	if a.URL != "" {
		u, err := auth.NewAccountURL(a.URL, auth.URLConfig{})
		if err != nil {
			return nil, d.problem(section, err)
		}
		d.n.closers = append(d.n.closers, closer(u.Close))
		all = append(all, u)
	}
	return all, nil
}

// noAccounts is the accounts file of a node that has none yet.
const noAccounts = "# Who may sign in. \"tahoe account add NAME\" adds a line; changes count at once.\n"

func (d *doors) accountFile(a config.Accounts) (*auth.AccountFile, error) {
	if f := d.files[a.File]; f != nil {
		return f, nil
	}
	if a.Own && !exists(a.File) {
		var disk durable.FS
		if err := disk.WriteFile(a.File, []byte(noAccounts), 0o600); err != nil {
			return nil, err
		}
	}
	f, err := auth.OpenAccountFile(a.File, auth.FileConfig{Clock: d.n.shared.Clock, Log: d.n.log})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s; \"tahoe account add NAME\" makes it, with an account", a.File)
	case errors.Is(err, auth.ErrPlainPassword):
		return nil, fmt.Errorf("%w; \"tahoe account hash --convert\" replaces it by its hash", err)
	case err != nil:
		return nil, err
	}
	if len(f.Names()) == 0 {
		d.n.warnings = append(d.n.warnings, "nobody can sign in yet, because "+a.File+" has no accounts; \"tahoe account add NAME\" adds one")
	}
	d.files[a.File] = f
	return f, nil
}

// portal is what a door asks who is there.
func (d *doors) portal(realm auth.Realm[*vfs.View], people []auth.Checker) *auth.Portal[*vfs.View] {
	return &auth.Portal[*vfs.View]{Realm: realm, Checkers: people, Guard: d.guard, Clock: d.n.shared.Clock, Log: d.n.log}
}

func (d *doors) openSFTP() error {
	s := d.settings.SFTP
	people, err := d.people("[sftpd]", s.Accounts)
	if err != nil {
		return err
	}
	key, err := d.hostKey(s)
	if err != nil {
		return err
	}
	server, err := sftp.New(sftp.Config{
		Portal: d.portal(d.fs.Realm(), people), HostKeys: []ssh.Signer{key}, Connections: s.Connections, Clock: d.n.shared.Clock, Log: d.n.log,
	})
	if err != nil {
		return err
	}
	l, err := d.n.listenDoor("SFTP", "[sftpd] port", s.Port)
	if err != nil {
		return err
	}
	d.n.sftp = l
	d.n.doors[len(d.n.doors)-1].note = "The first time, a client shows the key of this node: " + ssh.FingerprintSHA256(key.PublicKey()) + "."
	d.n.children = append(d.n.children, reactor.Child{Name: "SFTP port", Service: server.Service(l)})
	return nil
}

// hostKey is the key by which clients know this node again. Its public half goes to the file that is named for it.
func (d *doors) hostKey(s config.SFTP) (ssh.Signer, error) {
	if s.PublicKey != "" && exists(s.PublicKey) && !exists(s.PrivateKey) {
		return nil, d.problem("[sftpd] host_privkey_file", fmt.Errorf("there is no file %s, but there is its public half %s; restore it, "+
			"or remove the public half too and the node makes a new key", s.PrivateKey, s.PublicKey))
	}
	key, err := sftp.LoadHostKey(s.PrivateKey)
	if err != nil {
		return nil, d.problem("[sftpd] host_privkey_file", err)
	}
	if s.PublicKey == "" {
		return key, nil
	}
	text, err := os.ReadFile(s.PublicKey)
	if errors.Is(err, fs.ErrNotExist) {
		var disk durable.FS
		return key, disk.WriteFile(s.PublicKey, ssh.MarshalAuthorizedKey(key.PublicKey()), 0o644)
	}
	if err != nil {
		return nil, d.problem("[sftpd] host_pubkey_file", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil || !bytes.Equal(public.Marshal(), key.PublicKey().Marshal()) {
		return nil, d.problem("[sftpd] host_pubkey_file", fmt.Errorf("%s is not the public half of %s", s.PublicKey, s.PrivateKey))
	}
	return key, nil
}

func (d *doors) openFTP() error {
	s := d.settings.FTP
	people, err := d.people("[ftpd]", s.Accounts)
	if err != nil {
		return err
	}
	cert, err := d.certificate()
	if err != nil {
		return err
	}
	public, _ := netip.ParseAddr(s.Public) // checked; the zero value when there is none
	plain := map[string]ftp.Plain{config.PlainLoopback: ftp.PlainLoopback, config.PlainAlways: ftp.PlainAlways}[s.Plain]
	server := ftp.New(d.portal(d.fs.Realm(), people), ftp.Config{
		TLS: cert, Plain: plain, Ports: ftp.Ports{First: s.First, Last: s.Last}, Public: public, Active: s.Active,
		Clock: d.n.shared.Clock, Log: d.n.log,
	})
	for _, port := range []struct {
		protocol, key string
		endpoint      *config.Endpoint
		implicit      bool
	}{{"FTP", "port", s.Port, false}, {"FTPS", "implicit.port", s.Implicit, true}} {
		if port.endpoint == nil {
			continue
		}
		l, err := d.n.listenDoor(port.protocol, "[ftpd] "+port.key, *port.endpoint)
		if err != nil {
			return err
		}
		d.n.children = append(d.n.children, reactor.Child{Name: port.protocol + " port", Service: server.Service(l, port.implicit)})
	}
	return nil
}

// davPath is where WebDAV is on the web port.
const davPath = "/dav"

// remembered is for how long a right password is not hashed again: with WebDAV each request has it.
const remembered = time.Minute

func (d *doors) davPortal() (*auth.Portal[*vfs.View], error) {
	people, err := d.people("[webdav]", d.settings.WebDAV.Accounts)
	if err != nil {
		return nil, err
	}
	for i, p := range people {
		people[i] = auth.Remember(p, remembered, d.n.shared.Clock)
	}
	return d.portal(webdav.Realm(d.fs), people), nil
}

func (d *doors) davOnWeb(s config.WebDAV) (http.Handler, error) {
	p, err := d.davPortal()
	if err != nil {
		return nil, err
	}
	plain := map[string]webdav.Plain{config.PlainNever: webdav.PlainNever, config.PlainAlways: webdav.PlainAlways}[s.Plain]
	server := webdav.New(p, webdav.Config{Prefix: davPath, Plain: plain, Clock: d.n.shared.Clock, Log: d.n.log})
	d.n.closers = append(d.n.closers, closer(server.Close))
	return server, nil
}

func (d *doors) openWebDAV() error {
	p, err := d.davPortal()
	if err != nil {
		return err
	}
	cert, err := d.certificate()
	if err != nil {
		return err
	}
	l, err := d.n.listenDoor("WebDAV", "[webdav] port", *d.settings.WebDAV.Port)
	if err != nil {
		return err
	}
	server := webdav.New(p, webdav.Config{Clock: d.n.shared.Clock, Log: d.n.log})
	d.n.children = append(d.n.children, reactor.Child{Name: "WebDAV port", Service: server.Service(l, cert)})
	return nil
}

// A Door is a way into a node for people with a name and a password or key.
type Door struct {
	Protocol, Address string

	note string // what a client shows at the first time
}

// Doors lists those that are open, by their addresses.
func (n *Node) Doors() []Door { return slices.Clone(n.doors) }

// listenDoor opens the port of a door.
func (n *Node) listenDoor(protocol, key string, e config.Endpoint) (net.Listener, error) {
	l, err := n.listen(key, e)
	if err == nil {
		n.doors = append(n.doors, Door{Protocol: protocol, Address: l.Addr().String()})
	}
	return l, err
}

// A closer is a function that cannot fail, as an io.Closer.
type closer func()

func (c closer) Close() error { c(); return nil }

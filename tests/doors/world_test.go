package doors_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"tahoe/frontends/auth"
	"tahoe/frontends/doortest"
	"tahoe/frontends/ftp"
	"tahoe/frontends/sftp"
	"tahoe/frontends/vfs"
	"tahoe/frontends/web"
	"tahoe/frontends/webdav"
	"tahoe/lafs/grid"
	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is that of all doors' tests with all doors to it, and with the account carol, who has a quota that df can count.
type world struct {
	*doortest.World
	t         *testing.T
	carol     auth.Account
	sftp, ftp string // addresses
	web       *httptest.Server
}

func openWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: doortest.New(t, vfs.Config{}), t: t}
	w.carol = w.Grid.Account("carol")
	w.carol.Quota = 10_240
	guard := auth.NewGuard(nil)
	portal := func(r auth.Realm[*vfs.View]) *auth.Portal[*vfs.View] {
		p := w.Portal(r)
		p.Guard, p.Checkers = guard, append(p.Checkers, only(w.carol))
		return p
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sftp.New(sftp.Config{Portal: portal(w.FS.Realm()), HostKeys: []ssh.Signer{host}})
	if err != nil {
		t.Fatal(err)
	}
	w.sftp, _ = w.Serve(grace, func(l net.Listener) reactor.Service { return s.Service(l) })
	f := ftp.New(portal(w.FS.Realm()), ftp.Config{Plain: ftp.PlainLoopback})
	w.ftp, _ = w.Serve(grace, func(l net.Listener) reactor.Service { return f.Service(l, false) })
	dav := webdav.New(portal(webdav.Realm(w.FS)), webdav.Config{Prefix: "/dav"})
	t.Cleanup(dav.Close)
	pages := web.New(nil, noServers{}, web.Config{DAV: dav, Home: &web.HomeConfig{FS: w.FS, Checkers: portal(nil).Checkers, Guard: guard}})
	t.Cleanup(pages.Close)
	w.web = httptest.NewServer(pages)
	t.Cleanup(w.web.Close)
	return w
}

// only knows one account.
type only auth.Account

func (o only) Check(_ context.Context, l auth.Login) (auth.Account, error) {
	pw, ok := l.Proof.(auth.Password)
	switch {
	case l.Name != o.Name:
		return auth.Account{}, auth.ErrUnhandled
	case !ok || pw.Reveal() != doortest.Password:
		return auth.Account{}, auth.ErrDenied
	}
	return auth.Account(o), nil
}

const grace = 5 * time.Second

// noServers is a grid of which nothing is known.
type noServers struct{}

func (noServers) Statuses() []grid.Status { return nil }

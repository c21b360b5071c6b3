package sftp_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"context"
	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/sftp"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a server with accounts, on a grid in memory.
type world struct {
	t    testing.TB
	grid *vfstest.Grid
	fs   *vfs.FS
	root caps.DirectoryWrite
	addr string
	key  ssh.Signer
}

func signer(t testing.TB, seed string) ssh.Signer {
	t.Helper()
	h := sha256.Sum256([]byte(seed))
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(h[:]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// people are the accounts: alice has the password "wonderland" and a key, reader the same and changes nothing.
type people struct {
	root caps.Read
	key  ssh.Signer
}

func (p people) Check(_ context.Context, l auth.Login) (auth.Account, error) {
	if l.Name != "alice" && l.Name != "reader" {
		return auth.Account{}, auth.ErrUnhandled
	}
	switch proof := l.Proof.(type) {
	case auth.Password:
		if proof.Reveal() != "wonderland" {
			return auth.Account{}, auth.ErrDenied
		}
	case auth.PublicKey:
		if string(proof) != string(p.key.PublicKey().Marshal()) {
			return auth.Account{}, auth.ErrDenied
		}
	}
	return auth.Account{Name: l.Name, Root: p.root, ReadOnly: l.Name == "reader"}, nil
}

func newWorld(t testing.TB, c vfs.Config) *world {
	t.Helper()
	g := vfstest.NewGrid()
	w := &world{t: t, grid: g, root: g.NewDir(), key: signer(t, "alice")}
	w.fs = vfstest.Open(t, g, c)
	s, err := sftp.New(sftp.Config{
		Portal: &auth.Portal[*vfs.View]{
			Realm: w.fs.Realm(), Checkers: []auth.Checker{people{w.root, w.key}}, Guard: auth.NewGuard(nil),
		},
		HostKeys: []ssh.Signer{signer(t, "host")},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Service(l).Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	w.addr = l.Addr().String()
	return w
}

func (w *world) config(user string, methods ...ssh.AuthMethod) *ssh.ClientConfig {
	return &ssh.ClientConfig{User: user, Auth: methods, HostKeyCallback: ssh.FixedHostKey(signer(w.t, "host").PublicKey()), Timeout: 10 * time.Second}
}

func (w *world) dial(user string) *ssh.Client {
	w.t.Helper()
	c, err := ssh.Dial("tcp", w.addr, w.config(user, ssh.Password("wonderland")))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *world) client(user string) *pkgsftp.Client {
	w.t.Helper()
	c, err := pkgsftp.NewClient(w.dial(user))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *world) settle() {
	w.t.Helper()
	for range 10_000 {
		if len(w.fs.Queue()) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("still on their way: %+v", w.fs.Queue())
}

func unix(n int64) time.Time { return time.Unix(n, 0) }

func pattern(n int, seed int) string {
	line := fmt.Sprintf("%d: what is in a file, again and again and again\n", seed)
	return strings.Repeat(line, n/len(line)+1)[:n]
}

package sftp_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/doortest"
	"tahoe/frontends/sftp"
	"tahoe/frontends/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a server with accounts of its own, because they have keys.
type world struct {
	*doortest.World
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
	w := &world{World: doortest.New(t, c), key: signer(t, "alice")}
	s, err := sftp.New(sftp.Config{
		Portal: &auth.Portal[*vfs.View]{
			Realm: w.FS.Realm(), Checkers: []auth.Checker{people{w.Root, w.key}}, Guard: auth.NewGuard(nil),
		},
		HostKeys: []ssh.Signer{signer(t, "host")},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.addr, _ = w.Serve(0, s.Service)
	return w
}

func (w *world) config(user string, methods ...ssh.AuthMethod) *ssh.ClientConfig {
	return &ssh.ClientConfig{User: user, Auth: methods, HostKeyCallback: ssh.FixedHostKey(signer(w.T, "host").PublicKey()), Timeout: 10 * time.Second}
}

func (w *world) dial(user string) *ssh.Client {
	w.T.Helper()
	c, err := ssh.Dial("tcp", w.addr, w.config(user, ssh.Password("wonderland")))
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *world) client(user string) *pkgsftp.Client {
	w.T.Helper()
	c, err := pkgsftp.NewClient(w.dial(user))
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = c.Close() })
	return c
}

// raw is a channel that speaks SFTP, for tests that send bytes of their own.
func (w *world) raw(conn *ssh.Client) (s *ssh.Session, in io.WriteCloser, out io.Reader) {
	w.T.Helper()
	s, err := conn.NewSession()
	if err != nil {
		w.T.Fatal(err)
	}
	if in, err = s.StdinPipe(); err != nil {
		w.T.Fatal(err)
	}
	if out, err = s.StdoutPipe(); err != nil {
		w.T.Fatal(err)
	}
	if err := s.RequestSubsystem("sftp"); err != nil {
		w.T.Fatal(err)
	}
	return s, in, out
}

func unix(n int64) time.Time { return time.Unix(n, 0) }

func pattern(n int, seed int) string {
	line := fmt.Sprintf("%d: what is in a file, again and again and again\n", seed)
	return strings.Repeat(line, n/len(line)+1)[:n]
}

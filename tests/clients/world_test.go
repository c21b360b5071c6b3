package clients_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	randv2 "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/frontends/auth"
	"tahoe/frontends/doortest"
	"tahoe/frontends/ftp"
	"tahoe/frontends/vfs"
	"tahoe/frontends/webdav"
	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user     = "alice"
	password = "correct horse"
)

// A checker knows alice.
type checker struct{ alice auth.Account }

func (c checker) Check(_ context.Context, l auth.Login) (auth.Account, error) {
	if pw, ok := l.Proof.(auth.Password); l.Name != user || !ok || pw.Reveal() != password {
		return auth.Account{}, auth.ErrDenied
	}
	return c.alice, nil
}

// A world is alice's tree with all doors: FTP, FTPS, WebDAV and WebDAV over TLS.
type world struct {
	*doortest.World
	dir       string // for files of this machine
	patience  time.Duration
	dies      func() bool // says when a program is killed; nil: it is not
	cert      string
	ftp, ftps string // addresses
	dav, davs string
}

func open(t *testing.T) *world {
	t.Helper()
	free := func(context.Context) (vfs.Space, error) { return vfs.Space{Total: 5 << 30, Free: 3 << 30}, nil }
	w := &world{World: doortest.New(t, vfs.Config{Free: free}), dir: t.TempDir()}
	cert := doortest.Certificate()
	w.cert = filepath.Join(t.TempDir(), "cert.pem")
	w.save(w.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	people := []auth.Checker{auth.Remember(checker{auth.Account{Name: user, Root: w.Root}}, time.Minute, nil)}
	f := ftp.New(&auth.Portal[*vfs.View]{Realm: w.FS.Realm(), Checkers: people}, ftp.Config{TLS: config, Plain: ftp.PlainLoopback, Active: true})
	d := func() *webdav.Server {
		return webdav.New(&auth.Portal[*vfs.View]{Realm: webdav.Realm(w.FS), Checkers: people}, webdav.Config{})
	}
	w.ftp = w.serve(func(l net.Listener) reactor.Service { return f.Service(l, false) })
	w.ftps = w.serve(func(l net.Listener) reactor.Service { return f.Service(l, true) })
	w.dav = w.serve(func(l net.Listener) reactor.Service { return d().Service(l, nil) })
	w.davs = w.serve(func(l net.Listener) reactor.Service { return d().Service(l, config) })
	return w
}

func (w *world) serve(door func(net.Listener) reactor.Service) string {
	w.T.Helper()
	addr, _ := w.Serve(time.Second, door)
	return addr
}

func (w *world) save(path string, b []byte) {
	w.T.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.T.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		w.T.Fatal(err)
	}
}

// file makes a file of this machine.
func (w *world) file(name, content string) string {
	w.T.Helper()
	p := filepath.Join(w.dir, name)
	w.save(p, []byte(content))
	return p
}

func (w *world) read(name string) string {
	w.T.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.T.Error(err)
	}
	return string(b)
}

// run runs a program, which ends within two minutes, or as long as this world has patience.
func (w *world) run(stdin, program string, args ...string) (string, error) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.T.Context(), cmp.Or(w.patience, 2*time.Minute))
	defer cancel()
	if w.dies != nil {
		go func() {
			for ctx.Err() == nil && !w.dies() {
				time.Sleep(5 * time.Millisecond)
			}
			cancel()
		}()
	}
	c := exec.CommandContext(ctx, program, args...)
	c.Dir = w.dir
	c.WaitDelay = 5 * time.Second
	c.Env = append(os.Environ(), "HOME="+w.dir, "RCLONE_CONFIG=", "SSL_CERT_FILE="+w.cert, "LC_ALL=C.UTF-8")
	c.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}

// must fails the test unless the program ends well.
func (w *world) must(stdin, program string, args ...string) string {
	w.T.Helper()
	out, err := w.run(stdin, program, args...)
	if err != nil {
		w.T.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return out
}

// has fails unless the account holds exactly these files.
func (w *world) has(want map[string]string) {
	w.T.Helper()
	w.Settle()
	got := w.Grid.Tree(w.Root)
	for name, content := range want {
		if got[name] != content {
			w.T.Errorf("%q: got %d bytes %.40q, want %d bytes", name, len(got[name]), got[name], len(content))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			w.T.Errorf("there is %q, which should not be", name)
		}
	}
}

// noise is a text of n bytes.
func noise(n int) string {
	b := make([]byte, n)
	r := randv2.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b)
	return string(b)
}

// sample makes a folder of this machine with what is hard about names and sizes.
func (w *world) sample(dir string, many int) map[string]string {
	w.T.Helper()
	all := map[string]string{
		"empty": "", "with blanks in it": "blanks", "-dash": "dash", "üñî 漢字": "unicode", "sub/deep/file.txt": "deep",
		"large.bin": noise(3_000_001), "100%&#?+;'.txt": "signs",
	}
	for k := range many {
		all[fmt.Sprintf("many/f%04d", k)] = fmt.Sprint("number ", k)
	}
	for name, content := range all {
		w.file(filepath.Join(dir, name), content)
	}
	return all
}

// inTree is a sample as the account holds it, below a folder.
func inTree(dir string, all map[string]string) map[string]string {
	out := make(map[string]string)
	for name, content := range all {
		name = filepath.Join(dir, name)
		out[name] = content
		for d := filepath.Dir(name); d != "."; d = filepath.Dir(d) {
			out[d+"/"] = ""
		}
	}
	return out
}

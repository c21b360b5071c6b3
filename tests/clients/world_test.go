package clients_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	randv2 "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/ftp"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
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
	t         *testing.T
	grid      *vfstest.Grid
	fs        *vfs.FS
	root      caps.DirectoryWrite
	dir       string // for files of this machine
	cert      string
	ftp, ftps string // addresses
	dav, davs string
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, grid: vfstest.NewGrid(), dir: t.TempDir()}
	a := w.grid.Account(user)
	w.root = a.Root.(caps.DirectoryWrite)
	w.fs = vfstest.Open(t, w.grid, vfs.Config{Free: func(context.Context) (vfs.Space, error) { return vfs.Space{Total: 5 << 30, Free: 3 << 30}, nil }})
	config := w.certify()
	people := []auth.Checker{auth.Remember(checker{a}, time.Minute, nil)}
	f := ftp.New(&auth.Portal[*vfs.View]{Realm: w.fs.Realm(), Checkers: people}, ftp.Config{TLS: config, Plain: ftp.PlainLoopback, Active: true})
	d := func() *webdav.Server {
		return webdav.New(&auth.Portal[*vfs.View]{Realm: webdav.Realm(w.fs), Checkers: people}, webdav.Config{})
	}
	w.ftp = w.serve(func(l net.Listener) reactor.Service { return f.Service(l, false) })
	w.ftps = w.serve(func(l net.Listener) reactor.Service { return f.Service(l, true) })
	w.dav = w.serve(func(l net.Listener) reactor.Service { return d().Service(l, nil) })
	w.davs = w.serve(func(l net.Listener) reactor.Service { return d().Service(l, config) })
	return w
}

func (w *world) serve(door func(net.Listener) reactor.Service) string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- reactor.NewTree("test", reactor.Child{Name: "door", Service: door(l), Grace: time.Second}).Run(ctx, func() {})
	}()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	return l.Addr().String()
}

// certify makes a certificate for 127.0.0.1, and writes it down for clients.
func (w *world) certify() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cert = filepath.Join(w.t.TempDir(), "cert.pem")
	w.save(w.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func (w *world) save(path string, b []byte) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// file makes a file of this machine.
func (w *world) file(name, content string) string {
	w.t.Helper()
	p := filepath.Join(w.dir, name)
	w.save(p, []byte(content))
	return p
}

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Error(err)
	}
	return string(b)
}

// need skips a test whose program is not installed.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
}

// run runs a program, which ends within two minutes.
func (w *world) run(stdin, program string, args ...string) (string, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
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
	w.t.Helper()
	out, err := w.run(stdin, program, args...)
	if err != nil {
		w.t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return out
}

// settle waits until all that was closed is on the grid.
func (w *world) settle() {
	w.t.Helper()
	for range 2000 {
		if len(w.fs.Queue()) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatal("the queue is not empty")
}

// has fails unless the account holds exactly these files.
func (w *world) has(want map[string]string) {
	w.t.Helper()
	w.settle()
	got := w.grid.Tree(w.root)
	for name, content := range want {
		if got[name] != content {
			w.t.Errorf("%q: got %d bytes %.40q, want %d bytes", name, len(got[name]), got[name], len(content))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			w.t.Errorf("there is %q, which should not be", name)
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
	w.t.Helper()
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

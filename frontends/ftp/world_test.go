package ftp_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/ftp"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// people knows accounts with the password "secret".
type people map[string]auth.Account

func (p people) Check(_ context.Context, l auth.Login) (auth.Account, error) {
	a, ok := p[l.Name]
	pw, isPW := l.Proof.(auth.Password)
	switch {
	case !ok:
		return auth.Account{}, auth.ErrUnhandled
	case !isPW || pw.Reveal() != "secret":
		return auth.Account{}, auth.ErrDenied
	}
	return a, nil
}

// A world is a door with accounts: alice; bob, who may only read what she has; small, who has a quota of 1000 bytes.
type world struct {
	t    testing.TB
	grid *vfstest.Grid
	fs   *vfs.FS
	root caps.DirectoryWrite
	log  *lines
	addr string
	stop func()
}

// lines is a log that tests look into.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// certificate makes one for 127.0.0.1.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func open(t testing.TB, c ftp.Config, v vfs.Config) *world {
	t.Helper()
	return openPort(t, c, v, false)
}

func openPort(t testing.TB, c ftp.Config, v vfs.Config, implicit bool) *world {
	t.Helper()
	w := &world{t: t, grid: vfstest.NewGrid(), log: &lines{}}
	alice := w.grid.Account("alice")
	w.root = alice.Root.(caps.DirectoryWrite)
	bob := auth.Account{Name: "bob", Root: alice.Root, ReadOnly: true}
	small := w.grid.Account("small")
	small.Quota = 1000
	w.fs = vfstest.Open(t, w.grid, v)
	log := slog.New(slog.NewTextHandler(w.log, nil))
	c.Log = log
	s := ftp.New(&auth.Portal[*vfs.View]{Realm: w.fs.Realm(), Checkers: []auth.Checker{people{"alice": alice, "bob": bob, "small": small}}, Log: log}, c)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- reactor.NewTree("test", reactor.Child{Name: "ftp", Service: s.Service(ln, implicit), Grace: 5 * time.Second}).Run(ctx, func() {})
	}()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

// settle waits until all that was closed is on the grid.
func (w *world) settle() {
	w.t.Helper()
	for range 1000 {
		if len(w.fs.Queue()) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatal("the queue is not empty")
}

func (w *world) tree() string { return fmt.Sprint(w.grid.Tree(w.root)) }

// A client is a control connection that tests speak over.
type client struct {
	w    *world
	conn net.Conn
	r    *bufio.Reader
	tls  bool
}

func (w *world) dial() *client {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	c := &client{w: w, conn: conn, r: bufio.NewReader(conn)}
	c.expect(220)
	return c
}

func (w *world) as(name string) *client {
	w.t.Helper()
	c := w.dial()
	c.do(331, "USER "+name)
	c.do(230, "PASS secret")
	return c
}

// reply reads a reply, all of its lines.
func (c *client) reply() (int, string) {
	c.w.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var all strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return 0, err.Error()
		}
		all.WriteString(line)
		code, err := strconv.Atoi(line[:min(3, len(line))])
		if err == nil && len(line) > 3 && line[3] == ' ' {
			return code, all.String()
		}
	}
}

func (c *client) expect(code int) string {
	c.w.t.Helper()
	got, text := c.reply()
	if got != code {
		c.w.t.Errorf("got %d %q, want %d", got, text, code)
	}
	if strings.Contains(text, "URI:") || strings.Contains(c.w.log.String(), "URI:") || strings.Contains(c.w.log.String(), "secret") {
		c.w.t.Errorf("a secret is told: %s %s", text, c.w.log)
	}
	return text
}

func (c *client) send(line string) {
	c.w.t.Helper()
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		c.w.t.Fatal(err)
	}
}

func (c *client) do(code int, line string) string {
	c.w.t.Helper()
	c.send(line)
	return c.expect(code)
}

// passive opens a data connection.
func (c *client) passive() net.Conn {
	c.w.t.Helper()
	text := c.do(229, "EPSV")
	parts := strings.Split(text, "|")
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", parts[3]))
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.w.t.Cleanup(func() { conn.Close() })
	if c.tls {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	return conn
}

// put uploads with any command.
func (c *client) put(code int, line, data string) string {
	c.w.t.Helper()
	d := c.passive()
	c.do(150, line)
	if _, err := io.WriteString(d, data); err != nil {
		c.w.t.Error(err)
	}
	d.Close()
	return c.expect(code)
}

// get downloads with any command.
func (c *client) get(code int, line string) string {
	c.w.t.Helper()
	d := c.passive()
	c.do(150, line)
	_ = d.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(d)
	if err != nil && code == 226 {
		c.w.t.Error(err)
	}
	c.expect(code)
	return string(b)
}

// protect goes over to TLS.
func (c *client) protect() {
	c.w.t.Helper()
	c.do(234, "AUTH TLS")
	t := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	if err := t.Handshake(); err != nil {
		c.w.t.Fatal(err)
	}
	c.conn, c.r = t, bufio.NewReader(t)
}

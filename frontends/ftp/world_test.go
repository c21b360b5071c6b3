package ftp_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/frontends/doortest"
	"tahoe/frontends/ftp"
	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a door with accounts.
type world struct {
	*doortest.World
	addr string
	stop func()
}

func open(t testing.TB, c ftp.Config, v vfs.Config) *world {
	t.Helper()
	return openPort(t, c, v, false)
}

func openPort(t testing.TB, c ftp.Config, v vfs.Config, implicit bool) *world {
	t.Helper()
	w := &world{World: doortest.New(t, v)}
	c.Log = w.Logger()
	s := ftp.New(w.Portal(w.FS.Realm()), c)
	w.addr, w.stop = w.Serve(5*time.Second, func(l net.Listener) reactor.Service { return s.Service(l, implicit) })
	return w
}

func (w *world) tree() string { return fmt.Sprint(w.Grid.Tree(w.Root)) }

// A client is a control connection that tests speak over.
type client struct {
	w    *world
	conn net.Conn
	r    *bufio.Reader
	tls  bool
}

func (w *world) dial() *client {
	w.T.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { conn.Close() })
	c := &client{w: w, conn: conn, r: bufio.NewReader(conn)}
	c.expect(220)
	return c
}

func (w *world) as(name string) *client {
	w.T.Helper()
	c := w.dial()
	c.do(331, "USER "+name)
	c.do(230, "PASS secret")
	return c
}

// reply reads a reply, all of its lines.
func (c *client) reply() (int, string) {
	c.w.T.Helper()
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
	c.w.T.Helper()
	got, text := c.reply()
	if got != code {
		c.w.T.Errorf("got %d %q, want %d", got, text, code)
	}
	if strings.Contains(text, "URI:") || strings.Contains(c.w.Log.String(), "URI:") || strings.Contains(c.w.Log.String(), "secret") {
		c.w.T.Errorf("a secret is told: %s %s", text, c.w.Log)
	}
	return text
}

func (c *client) send(line string) {
	c.w.T.Helper()
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		c.w.T.Fatal(err)
	}
}

func (c *client) do(code int, line string) string {
	c.w.T.Helper()
	c.send(line)
	return c.expect(code)
}

// passive opens a data connection.
func (c *client) passive() net.Conn {
	c.w.T.Helper()
	text := c.do(229, "EPSV")
	parts := strings.Split(text, "|")
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", parts[3]))
	if err != nil {
		c.w.T.Fatal(err)
	}
	c.w.T.Cleanup(func() { conn.Close() })
	if c.tls {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	return conn
}

// put uploads with any command.
func (c *client) put(code int, line, data string) string {
	c.w.T.Helper()
	d := c.passive()
	c.do(150, line)
	if _, err := io.WriteString(d, data); err != nil {
		c.w.T.Error(err)
	}
	d.Close()
	return c.expect(code)
}

// get downloads with any command.
func (c *client) get(code int, line string) string {
	c.w.T.Helper()
	d := c.passive()
	c.do(150, line)
	_ = d.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(d)
	if err != nil && code == 226 {
		c.w.T.Error(err)
	}
	c.expect(code)
	return string(b)
}

// protect goes over to TLS.
func (c *client) protect() {
	c.w.T.Helper()
	c.do(234, "AUTH TLS")
	t := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	if err := t.Handshake(); err != nil {
		c.w.T.Fatal(err)
	}
	c.conn, c.r = t, bufio.NewReader(t)
}

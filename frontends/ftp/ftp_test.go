package ftp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/frontends/doortest"
	"tahoe/frontends/ftp"
	"tahoe/frontends/vfs"
)

var plain = ftp.Config{Plain: ftp.PlainLoopback}

func TestFiles(t *testing.T) {
	w := open(t, plain, vfs.Config{Commit: vfs.OnClose})
	c := w.as("alice")
	long := strings.Repeat("0123456789", 50_000)
	c.put(226, "STOR  two blanks  ", long)
	c.put(226, "STOR empty", "")
	c.put(226, "STOR -dash ü", "text")
	c.put(226, "APPE -dash ü", " and more")
	c.do(350, "REST 5")
	c.put(226, "STOR -dash ü", "new end")
	c.do(350, "REST 100")
	c.passive()
	c.do(554, "STOR empty")
	if got := c.get(226, "RETR  two blanks  "); got != long {
		t.Errorf("got %d bytes", len(got))
	}
	c.do(350, "REST 499995")
	if got := c.get(226, "RETR  two blanks  "); got != "56789" {
		t.Errorf("got %q", got)
	}
	if got := c.get(226, "RETR -dash ü"); got != "text new end" {
		t.Errorf("got %q", got)
	}
	if got := c.get(226, "RETR empty"); got != "" {
		t.Errorf("got %q", got)
	}
	c.do(350, "REST 1")
	c.passive()
	c.do(554, "RETR empty")
	for line, want := range map[string]string{"SIZE  two blanks  ": "213 500000\r\n", "SIZE empty": "213 0\r\n"} {
		if got := c.do(213, line); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	c.passive()
	c.do(550, "RETR none")
	c.do(425, "RETR empty")
	c.do(350, "RNFR empty")
	c.do(250, "RNTO -dash ü")
	c.do(503, "RNTO x")
	c.do(550, "RNFR none")
	c.do(250, "DELE -dash ü")
	c.do(550, "DELE none")
	c.do(221, "QUIT")
	if want := fmt.Sprint(map[string]string{" two blanks  ": long}); w.tree() != want {
		t.Errorf("got %.200s", w.tree())
	}
}

func TestDirectories(t *testing.T) {
	w := open(t, plain, vfs.Config{Commit: vfs.OnClose})
	c := w.as("alice")
	c.do(257, `MKD a "b"`)
	c.do(550, `MKD a "b"`)
	c.do(257, "MKD x/y/z")
	c.do(250, `CWD a "b"`)
	if got := c.do(257, "PWD"); got != `257 "/a ""b""" is where you are.`+"\r\n" {
		t.Errorf("got %q", got)
	}
	c.put(226, "STOR f", "x")
	c.do(250, "CDUP")
	c.do(250, "CDUP")
	c.do(550, "CWD none")
	c.do(550, `CWD a "b"/f`)
	c.do(550, `RMD a "b"`)
	c.do(550, `DELE a "b"`)
	c.do(550, `SIZE a "b"`)
	c.do(350, "RNFR x")
	c.do(553, "RNTO x/y/z/w")
	c.do(250, `DELE a "b"/f`)
	c.do(250, `RMD a "b"`)
	c.do(550, "RMD /")
	c.do(550, "RMD none")
	if w.tree() != "map[x/: x/y/: x/y/z/:]" {
		t.Errorf("got %s", w.tree())
	}
}

func TestListings(t *testing.T) {
	w := open(t, plain, vfs.Config{Commit: vfs.OnClose, Free: func(context.Context) (vfs.Space, error) { return vfs.Space{Total: 5000, Free: 3000}, nil }})
	c := w.as("alice")
	c.do(257, "MKD d")
	for _, name := range []string{"f.txt", "-la", "line\u2028 ü", "g.dat"} {
		c.put(226, "STOR "+name, "four")
		if got := c.do(213, "MFMT 20010909014640 "+name); !strings.Contains(got, "Modify=20010909014640; "+name) {
			t.Errorf("got %q", got)
		}
	}
	if got := c.do(213, "MDTM f.txt"); got != "213 20010909014640\r\n" {
		t.Errorf("got %q", got)
	}
	c.do(213, "MDTM 20020909014640 g.dat")
	c.do(501, "MFMT yesterday f.txt")
	c.do(550, "MFMT 20010909014640 none")
	for _, tc := range []struct{ line, want string }{
		{"NLST", "-la\r\nd\r\nf.txt\r\ng.dat\r\nline\u2028 ü\r\n"},
		{"NLST -a", "-la\r\nd\r\nf.txt\r\ng.dat\r\nline\u2028 ü\r\n"},
		{"NLST -la", "-la\r\n"},
		{"NLST *.txt", "f.txt\r\n"},
		{"NLST /f.txt", "/f.txt\r\n"},
		{"NLST d", ""},
		{"LIST f.txt", "-rw-rw-rw- 1 alice    alice               4 Sep  9  2001 f.txt\r\n"},
		{"LIST -l /d", ""},
	} {
		if got := c.get(226, tc.line); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.line, got, tc.want)
		}
	}
	got := c.get(226, "MLSD")
	for _, want := range []string{"type=dir;", "type=file;size=4;modify=20010909014640;", "perm=rawdf;unix.mode=0666; f.txt\r\n", "perm=elcmpdf;"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	c.passive()
	c.do(501, "MLSD f.txt")
	c.passive()
	c.do(550, "LIST none")
	if got := c.do(250, "MLST -la"); !strings.Contains(got, "\r\n type=file;size=4;modify=20010909014640;") || !strings.Contains(got, " /-la\r\n") {
		t.Errorf("got %q", got)
	}
	if got := c.do(213, "STAT f.txt"); !strings.Contains(got, "Sep  9  2001 f.txt") {
		t.Errorf("got %q", got)
	}
	c.do(211, "STAT")
	if got := c.do(213, "AVBL"); got != "213 3000\r\n" {
		t.Errorf("got %q", got)
	}
	c.do(200, "SITE CHMOD 444 f.txt")
	if got := c.do(250, "MLST f.txt"); !strings.Contains(got, "perm=rdf;unix.mode=0444") {
		t.Errorf("got %q", got)
	}
	for _, want := range []string{"MLST type*;size*;", " MFMT\r\n", " REST STREAM\r\n", " UTF8\r\n", " AVBL\r\n"} {
		if got := c.do(211, "FEAT"); !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestOddCommands(t *testing.T) {
	c := open(t, plain, vfs.Config{}).as("alice")
	for line, want := range map[string]int{
		"": 500, "X": 500, "\x00\x01": 500, "STOR": 501, "STOR a\x00b": 500, "DELE \xff\xfe": 501, "DELE a\xc3": 500, "NOTHING": 500, "NOPE": 502, "noop": 200, "SYST": 215,
		"TYPE I": 200, "TYPE A": 200, "TYPE E": 504, "MODE S": 200, "MODE B": 504, "STRU F": 200, "STRU R": 504, "OPTS UTF8 ON": 200, "OPTS UTF8 OFF": 501,
		"OPTS MLST type;": 200, "OPTS X": 501, "REST -1": 501, "REST x": 501, "ABOR": 226, "\xff\xf4\xff\xf2ABOR": 226, "\xff\xf4\xffABOR": 226, "PORT 127,0,0,1,200,1": 502, "EPRT |1|127.0.0.1|5000|": 502,
		"EPSV 2": 522, "EPSV 3": 522, "PBSZ 0": 503, "PROT P": 503, "AUTH TLS": 431, "CCC": 534, "SITE CHMOD x f": 501, "SITE EXEC ls": 504, "HELP": 214, "ALLO 5": 202,
		strings.Repeat("x", 10_000): 500, "DELE " + strings.Repeat("../", 1000) + "none": 550, "SMNT /": 502, "STOU": 502,
	} {
		c.do(want, line)
	}
}

func TestSigningIn(t *testing.T) {
	w := open(t, plain, vfs.Config{})
	c := w.dial()
	c.do(530, "PWD")
	c.do(530, "LIST")
	c.do(503, "PASS secret")
	c.do(331, "USER alice")
	c.do(530, "PASS wrong")
	c.do(331, "USER nobody")
	c.do(530, "PASS secret")
	c.do(331, "USER anonymous")
	c.do(421, "PASS me@example.org")
	if _, err := c.r.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
	c = w.as("alice")
	c.do(503, "PASS secret")
	c.do(220, "REIN")
	c.do(530, "PWD")
}

func TestPlainPasswordsAreRefused(t *testing.T) {
	w := open(t, ftp.Config{TLS: &tls.Config{Certificates: []tls.Certificate{doortest.Certificate()}}}, vfs.Config{Commit: vfs.OnClose})
	c := w.dial()
	c.do(530, "USER alice")
	c.do(503, "PASS secret")
	c.protect()
	c.do(503, "AUTH TLS")
	c.do(331, "USER alice")
	c.do(230, "PASS secret")
	c.passive()
	c.do(521, "LIST")
	c.do(534, "PROT C")
	c.do(536, "PROT E")
	c.do(200, "PBSZ 0")
	c.do(200, "PROT P")
	c.tls = true
	c.put(226, "STOR f", "over TLS")
	if got := c.get(226, "RETR f"); got != "over TLS" {
		t.Errorf("got %q", got)
	}
}

func TestImplicitTLS(t *testing.T) {
	w := openPort(t, ftp.Config{TLS: &tls.Config{Certificates: []tls.Certificate{doortest.Certificate()}}}, vfs.Config{Commit: vfs.OnClose}, true)
	conn, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{w: w, conn: conn, tls: true}
	c.r = bufio.NewReader(conn)
	c.expect(220)
	c.do(331, "USER alice")
	c.do(230, "PASS secret")
	c.put(226, "STOR f", "x")
	if w.tree() != "map[f:x]" {
		t.Errorf("got %s", w.tree())
	}
}

func TestCommandsBeforeTheHandshakeAreNotTaken(t *testing.T) {
	w := open(t, ftp.Config{TLS: &tls.Config{Certificates: []tls.Certificate{doortest.Certificate()}}}, vfs.Config{})
	c := w.dial()
	c.send("AUTH TLS\r\nNOOP")
	c.expect(234)
	tc := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	_ = tc.SetDeadline(time.Now().Add(10 * time.Second))
	if err := tc.Handshake(); err == nil {
		if n, err := tc.Read(make([]byte, 100)); err == nil {
			t.Errorf("got %d bytes, want the end", n)
		}
	}
}

func TestReadOnlyAndQuota(t *testing.T) {
	w := open(t, plain, vfs.Config{Commit: vfs.OnClose})
	w.Grid.Add(w.Root, "f", w.Grid.PutData("x"), "")
	c := w.as("bob")
	for _, line := range []string{"DELE f", "MKD d", "MFMT 20010909014640 f"} {
		c.do(550, line)
	}
	c.passive()
	c.do(550, "STOR f")
	c.do(350, "RNFR f")
	c.do(550, "RNTO g")
	if got := c.get(226, "RETR f"); got != "x" {
		t.Errorf("got %q", got)
	}
	c = w.as("small")
	if got := c.do(213, "AVBL"); got != "213 1000\r\n" {
		t.Errorf("got %q", got)
	}
	c.put(226, "STOR f", strings.Repeat("x", 600))
	c.put(552, "STOR g", strings.Repeat("x", 600))
	c.do(550, "SIZE g")
	c.do(213, "SIZE f")
}

// breaks are the ways in which an upload can break off.
var breaks = map[string]func(c *client, d net.Conn){
	"reset": func(c *client, d net.Conn) {
		raw(d).SetLinger(0)
		raw(d).Close()
		c.expect(426)
	},
	"control first": func(c *client, d net.Conn) {
		c.conn.Close()
		d.Close()
	},
	"killed": func(c *client, d net.Conn) {
		raw(d).Close()
		c.conn.Close()
	},
	"aborted": func(c *client, d net.Conn) {
		c.send("ABOR")
		c.expect(426)
		c.expect(226)
		c.do(200, "NOOP")
	},
	"aborted as Telnet has it": func(c *client, d net.Conn) {
		c.send("\xff\xf4\xff\xf2ABOR")
		d.Close()
		c.expect(426)
		c.expect(226)
	},
	"silent": func(c *client, d net.Conn) { c.expect(426) },
	"flood": func(c *client, d net.Conn) {
		for range 100 {
			if _, err := io.WriteString(c.conn, "NOOP\r\n"); err != nil {
				break
			}
		}
		c.expect(421)
		d.Close()
	},
	"without the end of TLS": func(c *client, d net.Conn) {
		raw(d).CloseWrite()
		if c.tls {
			c.expect(426)
			return
		}
		c.conn.Close()
	},
}

// TestBrokenUploads says that an upload is published when all of it came, and never else.
func TestBrokenUploads(t *testing.T) {
	for name, end := range breaks {
		for _, protected := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", name, protected), func(t *testing.T) {
				t.Parallel()
				brokenUpload(t, protected, end)
			})
		}
	}
}

func brokenUpload(t *testing.T, protected bool, end func(c *client, d net.Conn)) {
	w := open(t, ftp.Config{Plain: ftp.PlainLoopback, TLS: &tls.Config{Certificates: []tls.Certificate{doortest.Certificate()}}, Limits: ftp.Limits{Silence: time.Second}}, vfs.Config{})
	w.Grid.Add(w.Root, "old", w.Grid.PutData("old"), "")
	for _, target := range []string{"old", "new"} {
		c := w.dial()
		if protected {
			c.protect()
		}
		c.do(331, "USER alice")
		c.do(230, "PASS secret")
		if protected {
			c.do(200, "PROT P")
			c.tls = true
		}
		d := c.passive()
		c.do(150, "STOR "+target)
		if _, err := io.WriteString(d, strings.Repeat("x", 300_000)); err != nil {
			t.Fatal(err)
		}
		end(c, d)
	}
	w.stop() // waits for all sessions
	w.Settle()
	if w.tree() != "map[old:old]" {
		t.Errorf("got %.200s", w.tree())
	}
}

func raw(d net.Conn) *net.TCPConn {
	if c, ok := d.(*tls.Conn); ok {
		d = c.NetConn()
	}
	return d.(*net.TCPConn)
}

func TestBrokenDownload(t *testing.T) {
	w := open(t, plain, vfs.Config{})
	w.Grid.Add(w.Root, "f", w.Grid.PutData(strings.Repeat("x", 5_000_000)), "")
	c := w.as("alice")
	reads := 0
	var mu sync.Mutex
	w.Grid.Hook(func(_ context.Context, op string) error {
		mu.Lock()
		defer mu.Unlock()
		if op == "read" {
			if reads++; reads > 1 {
				return vfs.ErrUnavailable
			}
		}
		return nil
	})
	d := c.passive()
	c.do(150, "RETR f")
	c.send("STAT")
	c.send("ABOR")
	b, err := io.ReadAll(d)
	if err == nil && len(b) < 5_000_000 {
		t.Errorf("a part of %d bytes looks like the whole", len(b))
	}
	for range 2 {
		c.reply()
	}
	w.Grid.Hook(func(context.Context, string) error { return vfs.ErrUnavailable })
	if code, _ := c.reply(); code != 226 {
		t.Errorf("got %d", code)
	}
	c.get(450, "RETR f")
	c.do(450, "MKD d")
}

func TestPassivePorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := uint16(l.Addr().(*net.TCPAddr).Port)
	w := open(t, ftp.Config{Plain: ftp.PlainLoopback, Ports: ftp.Ports{First: p, Last: p}, Public: netip.MustParseAddr("192.0.2.1")}, vfs.Config{})
	c := w.as("alice")
	c.do(425, "EPSV")
	c.do(425, "PASV")
	l.Close()
	if got := c.do(227, "PASV"); !strings.Contains(got, fmt.Sprintf("(127,0,0,1,%d,%d)", p>>8, p&0xff)) {
		t.Errorf("got %q", got)
	}
	if got := c.do(229, "EPSV 1"); !strings.Contains(got, fmt.Sprintf("(|||%d|)", p)) {
		t.Errorf("got %q", got)
	}
	c.do(200, "EPSV ALL")
	c.do(503, "PASV")
}

func TestActiveMode(t *testing.T) {
	w := open(t, ftp.Config{Plain: ftp.PlainLoopback, Active: true}, vfs.Config{})
	c := w.as("alice")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	c.do(504, "PORT 127,0,0,2,200,1")
	c.do(504, "PORT 127,0,0,1,0,80")
	c.do(501, "PORT 1,2,3")
	c.do(501, "EPRT |1|x|5|")
	c.do(522, "EPRT |3|127.0.0.1|5000|")
	for _, line := range []string{fmt.Sprintf("PORT 127,0,0,1,%d,%d", port>>8, port&0xff), fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port)} {
		c.do(200, line)
		c.do(150, "LIST")
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Error(err)
		}
		conn.Close()
		c.expect(226)
	}
}

func TestLimits(t *testing.T) {
	w := open(t, ftp.Config{Plain: ftp.PlainLoopback, Limits: ftp.Limits{PerAddress: 3, SignIn: 300 * time.Millisecond, Idle: time.Second}}, vfs.Config{})
	silent, busy := w.dial(), w.as("alice")
	w.as("alice")
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if b, _ := io.ReadAll(conn); !strings.HasPrefix(string(b), "421 ") {
		t.Errorf("got %q", b)
	}
	silent.expect(421)
	busy.do(200, "NOOP")
	busy.expect(421)
}

func TestStopping(t *testing.T) {
	w := open(t, plain, vfs.Config{})
	c := w.as("alice")
	w.stop()
	c.expect(421)
	if _, err := net.Dial("tcp", w.addr); err == nil {
		t.Error("the port is still open")
	}
}

func TestManySessions(t *testing.T) {
	w := open(t, plain, vfs.Config{})
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			c := w.as("alice")
			for k := range 5 {
				name := fmt.Sprintf("f%d-%d", n, k)
				c.put(226, "STOR "+name, name)
				if got := c.get(226, "RETR "+name); got != name {
					t.Errorf("got %q, want %q", got, name)
				}
			}
		})
	}
	all.Wait()
	w.Settle()
	if n := len(w.Grid.Names(w.Root)); n != 250 {
		t.Errorf("got %d files", n)
	}
}

func TestPanicEndsTheTransferAlone(t *testing.T) {
	w := open(t, plain, vfs.Config{})
	c := w.as("alice")
	w.Grid.Add(w.Root, "m", w.Grid.NewMutable("x"), "")
	w.Grid.Hook(func(_ context.Context, op string) error {
		if op == "size" {
			panic("somewhere")
		}
		return nil
	})
	c.do(451, "SIZE m")
	c.get(451, "LIST")
	c.do(200, "NOOP")
}

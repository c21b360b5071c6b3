package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A dataWay is how the next data connection comes about.
type dataWay struct {
	passive net.Listener
	active  netip.AddrPort
}

func (w *dataWay) close() {
	if w.passive != nil {
		_ = w.passive.Close()
	}
	*w = dataWay{}
}

var (
	errNoWay     = errors.New("no data connection has been arranged")
	errNoPort    = errors.New("all ports for data connections are in use")
	errUnguarded = errors.New("data connections have to be protected here")
)

// listen opens a port for a passive connection, at the address that the client has reached.
func (in *session) listen() (port int, err error) {
	in.data.close()
	host, err := netip.ParseAddrPort(in.raw.LocalAddr().String())
	if err != nil {
		return 0, err
	}
	first := int(in.s.c.Ports.First)
	n := max(1, int(in.s.c.Ports.Last)-first+1)
	for k, start := 0, rand.IntN(n); k < n; k++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host.Addr().Unmap().String(), strconv.Itoa(first+(start+k)%n)))
		if err == nil {
			in.data.passive = l
			return l.Addr().(*net.TCPAddr).Port, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && n == 1 {
			return 0, err
		}
	}
	return 0, errNoPort
}

func (in *session) pasv(string) {
	if in.onlyEPSV {
		in.reply(503, "You have said EPSV ALL.")
		return
	}
	addr := in.publicAddr()
	if !addr.Is4() {
		in.reply(425, "Use EPSV: PASV is for IPv4.")
		return
	}
	port, err := in.listen()
	if err != nil {
		in.reply(425, "There is no port for it now.")
		return
	}
	b := addr.As4()
	in.reply(227, fmt.Sprintf("Entering Passive Mode (%d,%d,%d,%d,%d,%d).", b[0], b[1], b[2], b[3], port>>8, port&0xff))
}

// publicAddr is where a client is told to connect to.
func (in *session) publicAddr() netip.Addr {
	local := addrOf(in.raw.LocalAddr())
	if p := in.s.c.Public.Unmap(); p.IsValid() && !in.from.IsLoopback() {
		return p
	}
	return local
}

func (in *session) epsv(arg string) {
	local := addrOf(in.raw.LocalAddr())
	switch {
	case strings.EqualFold(arg, "ALL"):
		in.onlyEPSV = true
		in.reply(200, "EPSV it is.")
		return
	case arg == "1" && !local.Is4() || arg == "2" && local.Is4():
		in.reply(522, "You have come by the other protocol.")
		return
	case arg != "" && arg != "1" && arg != "2":
		in.reply(522, "There is no such protocol, use (1,2)")
		return
	}
	port, err := in.listen()
	if err != nil {
		in.reply(425, "There is no port for it now.")
		return
	}
	in.reply(229, fmt.Sprintf("Entering Extended Passive Mode (|||%d|)", port))
}

func (in *session) port(arg string) {
	var b [6]byte
	parts := strings.Split(arg, ",")
	if len(parts) != len(b) {
		in.reply(501, "That is no address.")
		return
	}
	for k, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			in.reply(501, "That is no address.")
			return
		}
		b[k] = byte(n)
	}
	in.toActive(netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5])))
}

func (in *session) eprt(arg string) {
	parts := strings.Split(arg[1:], arg[:1])
	if len(parts) != 4 || parts[3] != "" {
		in.reply(501, "That is no address.")
		return
	}
	addr, err := netip.ParseAddr(parts[1])
	port, err2 := strconv.ParseUint(parts[2], 10, 16)
	switch {
	case err != nil || err2 != nil:
		in.reply(501, "That is no address.")
	case parts[0] != "1" && parts[0] != "2":
		in.reply(522, "There is no such protocol, use (1,2)")
	default:
		in.toActive(netip.AddrPortFrom(addr.Unmap(), uint16(port)))
	}
}

// toActive agrees to connect to the client itself, and to nobody else: a server that connects to others can be made to attack them.
func (in *session) toActive(to netip.AddrPort) {
	switch {
	case !in.s.c.Active:
		in.reply(502, "Active mode is switched off: use passive mode.")
	case in.onlyEPSV:
		in.reply(503, "You have said EPSV ALL.")
	case to.Addr() != in.from || to.Port() < 1024:
		in.reply(504, "This server connects to your own address only, and to ports from 1024 on.")
	default:
		in.data.close()
		in.data.active = to
		in.reply(200, "So be it.")
	}
}

// A watchedEnd is a connection under TLS. It notes that it has ended: when TLS looked for more there, its own end had not come, which
// crypto/tls passes over.
type watchedEnd struct {
	net.Conn
	ended bool // used by the one that reads
}

func (w *watchedEnd) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		w.ended = true
	}
	return n, err
}

// A dataConn is a data connection. Each of its operations ends when nothing moves for too long, or when ctx ends.
type dataConn struct {
	net.Conn
	raw     net.Conn
	below   *watchedEnd // under TLS; nil without
	ctx     context.Context
	silence time.Duration
	unhook  func() bool
}

func (d *dataConn) Read(p []byte) (int, error) {
	_ = d.SetReadDeadline(after(d.silence))
	if d.ctx.Err() != nil {
		return 0, context.Cause(d.ctx)
	}
	return d.Conn.Read(p)
}

func (d *dataConn) Write(p []byte) (int, error) {
	_ = d.SetWriteDeadline(after(d.silence))
	if d.ctx.Err() != nil {
		return 0, context.Cause(d.ctx)
	}
	return d.Conn.Write(p)
}

// end ends it well. That it fails says nothing: who sent a file may have gone first, and who takes one is told by the reply.
func (d *dataConn) end() {
	d.unhook()
	_ = d.SetDeadline(after(time.Second)) // for the end of TLS
	_ = d.Close()
}

// cut ends it so that the client sees that this was not the end of the file.
func (d *dataConn) cut() {
	d.unhook()
	if c, ok := d.raw.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = d.raw.Close()
}

// connect makes the data connection that has been arranged.
func (w *dataWay) connect(ctx context.Context, in *session) (*dataConn, error) {
	ctx, cancel := context.WithTimeout(ctx, in.s.limits.Silence)
	defer cancel()
	conn, err := w.reach(ctx, in.from)
	if err != nil {
		return nil, err
	}
	if !in.protected {
		return &dataConn{Conn: conn, raw: conn, silence: in.s.limits.Silence}, nil
	}
	below := &watchedEnd{Conn: conn}
	c := tls.Server(below, in.s.c.TLS)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &dataConn{Conn: c, raw: conn, below: below, silence: in.s.limits.Silence}, nil
}

// reach waits for the client, and for nobody else, or goes to it.
func (w *dataWay) reach(ctx context.Context, from netip.Addr) (net.Conn, error) {
	l := w.passive
	if l == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", w.active.String())
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, err
		}
		if addrOf(conn.RemoteAddr()) == from {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// takeWay takes what has been arranged, for one transfer.
func (in *session) takeWay() (*dataWay, error) {
	w := in.data
	in.data = dataWay{}
	switch {
	case w.passive == nil && !w.active.IsValid():
		return nil, errNoWay
	case !in.protected && !in.mayPlain():
		w.close()
		return nil, errUnguarded
	}
	return &w, nil
}

package ftp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"tahoe/frontends/vfs"
)

// A session is a control connection. One goroutine reads its lines, one does what they say, and one moves the file of a transfer.
type session struct {
	s      *Server
	ctx    context.Context // ends when the connection has to be cut
	stop   context.Context // ends when the server takes no new work
	raw    net.Conn        // below TLS
	conn   net.Conn
	from   netip.Addr
	lines  chan command
	gone   chan struct{} // closed when the client has hung up
	resume chan struct{} // lets the reader go on after AUTH

	secure    bool // TLS on the control connection
	protected bool // on data connections
	name      string
	wrong     int // passwords
	view      *vfs.View
	logout    func()
	cwd       string
	rest      int64
	renaming  string // what RNFR named
	data      dataWay
	onlyEPSV  bool
	waiting   []command // that came during a transfer
	over      bool
}

func (in *session) serve() {
	defer in.end()
	read := make(chan struct{})
	go func() { defer close(read); in.read(bufio.NewReaderSize(in.conn, maxLine)) }() // received below
	defer func() { _ = in.raw.SetDeadline(past()); close(in.resume); in.drain(read) }()
	in.reply(220, "Welcome. Names are UTF-8.")
	for !in.over {
		c, ok := in.next()
		if !ok {
			return
		}
		in.perform(c)
	}
}

func (in *session) drain(read chan struct{}) {
	for {
		select {
		case <-in.lines:
		case <-read:
			return
		}
	}
}

func (in *session) end() {
	in.data.close()
	if in.logout != nil {
		in.logout()
	}
}

// read reads lines until the connection ends. After AUTH it waits, because what follows may be of TLS.
func (in *session) read(r *bufio.Reader) {
	defer close(in.gone)
	for {
		c, err := readCommand(r)
		if err != nil {
			return
		}
		select {
		case in.lines <- c:
		case <-in.ctx.Done():
			return
		}
		if c.verb != "AUTH" {
			continue
		}
		<-in.resume
		if in.secure && r.Buffered() > 0 {
			return // somebody put commands before the handshake, for us to take them for the client's
		}
		if in.secure {
			r.Reset(in.conn)
		}
	}
}

// next is the next command; false when there will be none.
func (in *session) next() (command, bool) {
	if len(in.waiting) > 0 {
		c := in.waiting[0]
		in.waiting = in.waiting[1:]
		return c, true
	}
	limit := in.s.limits.Idle
	if in.view == nil {
		limit = in.s.limits.SignIn
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case c := <-in.lines:
		return c, true
	case <-in.gone:
	case <-timer.C:
		in.reply(421, "Nothing came for too long. Goodbye.")
	case <-in.stop.Done():
		in.reply(421, "The server stops. Goodbye.")
	case <-in.ctx.Done():
	}
	return command{}, false
}

// perform does what a command says. One that panics fails alone.
func (in *session) perform(c command) {
	defer func() {
		if r := recover(); r != nil {
			in.s.log.Error("a command of FTP panicked", "command", c.verb, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			in.reply(451, "That went wrong here.")
		}
	}()
	if c.verb == "AUTH" {
		defer func() { in.resume <- struct{}{} }()
	}
	v, known := verbs[c.verb]
	switch {
	case c.long:
		in.reply(500, "The line is too long.")
	case c.verb == "":
		in.reply(500, "That is no command.")
	case !known:
		in.reply(502, "This server does not know that command.")
	case v.needs&signedIn != 0 && in.view == nil:
		in.reply(530, "Sign in first.")
	case v.needs&argument != 0 && c.arg == "":
		in.reply(501, "The command needs an argument.")
	default:
		v.do(in, c.arg)
	}
}

// reply sends a line. When it cannot be sent the client is gone, which the reader sees.
func (in *session) reply(code int, text string) { in.send(fmt.Sprintf("%d %s\r\n", code, text)) }

// replyLines sends more lines than one.
func (in *session) replyLines(code int, first string, between []string, last string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d-%s\r\n", code, first)
	for _, l := range between {
		b.WriteString(" " + l + "\r\n")
	}
	fmt.Fprintf(&b, "%d %s\r\n", code, last)
	in.send(b.String())
}

func (in *session) send(text string) {
	_ = in.conn.SetWriteDeadline(after(in.s.limits.Silence))
	if in.ctx.Err() != nil {
		_ = in.conn.SetWriteDeadline(past())
	}
	if _, err := in.conn.Write([]byte(text)); err != nil {
		in.over = true
		_ = in.raw.SetReadDeadline(past())
	}
}

// upgrade begins TLS on the control connection.
func (in *session) upgrade() {
	c := tls.Server(in.conn, in.s.c.TLS)
	if err := in.s.handshake(in.ctx, c); err != nil {
		in.over = true
		_ = in.raw.SetDeadline(past())
		return
	}
	in.conn, in.secure = c, true
}

var errGone = errors.New("the client has gone")

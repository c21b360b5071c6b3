package gbs

import (
	"crypto/tls"
	"io"
	"net"
	"time"
)

// A batcher is the socket below a TLS connection. TLS hands it a record of 16 KiB at a time; while hold is in force it
// gathers them, so that a long run of records costs few system calls. It is used by one goroutine at a time, the one in
// tls.Conn.Write, but for the few messages that TLS sends by itself, which is what the turn is for.
type batcher struct {
	net.Conn
	turn chan struct{} // one slot, full while somebody uses what follows
	held bool
	buf  *[]byte // a chunk, while held
	n    int
}

func newBatcher(c net.Conn) *batcher { return &batcher{Conn: c, turn: make(chan struct{}, 1)} }

// Write writes b, now or at the latest when release is called.
func (c *batcher) Write(b []byte) (int, error) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if !c.held {
		return c.Conn.Write(b)
	}
	if c.n+len(b) > len(*c.buf) {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(b) > len(*c.buf) {
		return c.Conn.Write(b)
	}
	c.n += copy((*c.buf)[c.n:], b)
	return len(b), nil
}

// flush writes what was gathered. Its caller has the turn.
func (c *batcher) flush() error {
	b := (*c.buf)[:c.n]
	c.n = 0
	if len(b) == 0 {
		return nil
	}
	_, err := c.Conn.Write(b)
	return err
}

func (c *batcher) hold() {
	c.turn <- struct{}{}
	c.held, c.buf = true, getChunk()
	<-c.turn
}

func (c *batcher) release() error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	err := c.flush()
	putChunk(c.buf)
	c.held, c.buf = false, nil
	return err
}

// A wireConn is a TLS connection over a batcher. Silence, when it is set, is how long one write may take.
type wireConn struct {
	*tls.Conn
	raw     *batcher
	silence time.Duration
}

// Write encrypts and sends b. Long ones go to the socket in few pieces.
func (c *wireConn) Write(b []byte) (int, error) {
	if c.silence > 0 {
		_ = c.SetWriteDeadline(time.Now().Add(c.silence))
	}
	const record = 16 << 10
	if len(b) <= record {
		return c.Conn.Write(b)
	}
	c.raw.hold()
	n, err := c.Conn.Write(b)
	if e := c.raw.release(); err == nil && e != nil {
		return 0, e
	}
	return n, err
}

// copyChunks is io.Copy with chunks that are larger, and always full until the last.
func copyChunks(w io.Writer, r io.Reader) (int64, error) {
	buf := getChunk()
	defer putChunk(buf)
	var sent int64
	for {
		n, err := fill(r, *buf)
		if n > 0 {
			m, werr := w.Write((*buf)[:n])
			sent += int64(m)
			if werr != nil {
				return sent, werr
			}
		}
		if err == io.EOF {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}

// tuneSocket has the kernel notice a peer that vanished without a word: after about a minute, without either program
// waking up for it.
func tuneSocket(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3})
	}
}

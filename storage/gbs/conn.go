package gbs

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// A batcher is the socket below a TLS connection. TLS hands it a record of 16 KiB at a time; while hold is in force it
// gathers them, so that a long run of records costs few system calls. It is used by one goroutine at a time, the one in
// tls.Conn.Write, but for the few messages that TLS sends by itself, which is what the turn is for.
type batcher struct {
	net.Conn
	silence time.Duration // how long the peer may take nothing of what is written; a slow peer may take as long as it needs
	bound   atomic.Bool   // TLS has set a deadline by itself, for its farewell

	turn chan struct{} // one slot, full while somebody uses what follows
	held bool
	buf  *[]byte // a chunk, while held
	n    int
}

func newBatcher(c net.Conn, silence time.Duration) *batcher {
	return &batcher{Conn: c, silence: silence, turn: make(chan struct{}, 1)}
}

// SetWriteDeadline takes the place of silence, unless t is zero.
func (c *batcher) SetWriteDeadline(t time.Time) error {
	c.bound.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// send writes to the socket for as long as the peer takes something.
func (c *batcher) send(b []byte) (sent int, err error) {
	for {
		if !c.bound.Load() {
			_ = c.Conn.SetWriteDeadline(time.Now().Add(c.silence))
		}
		n, err := c.Conn.Write(b[sent:])
		if sent += n; err == nil || n == 0 || c.bound.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, err
		}
	}
}

// Write writes b, now or at the latest when release is called.
func (c *batcher) Write(b []byte) (int, error) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if !c.held {
		return c.send(b)
	}
	if c.n+len(b) > len(*c.buf) {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(b) > len(*c.buf) {
		return c.send(b)
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
	_, err := c.send(b)
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

// A wireConn is a TLS connection over a batcher.
type wireConn struct {
	*tls.Conn
	raw *batcher
}

// Write encrypts and sends b. Long ones go to the socket in few pieces.
func (c *wireConn) Write(b []byte) (int, error) {
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

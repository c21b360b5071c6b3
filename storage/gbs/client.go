package gbs

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"tahoe/internal/nurl"
	"tahoe/storage"
)

// ClientConfig adjusts a Client. Its zero value works.
type ClientConfig struct {
	// Dial makes connections. Nil is TCP; a NURL for Tor needs one that goes through Tor.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// OnDisconnect is called when a connection breaks and none to the server is left: what there is to know about a
	// server that one does not talk to. The error is io.EOF when the server closed in good order, which servers
	// also do with connections that were idle for long. It is called on a connection's goroutine and must not wait.
	OnDisconnect func(err error)

	MaxConns      int           // connections at once; 0 is 1024: the shares of a file advance together, so none may have to wait
	IdleConns     int           // connections kept when idle; 0 is 16
	DialTimeout   time.Duration // to connect to one address and shake hands; 0 is 30 seconds
	Silence       time.Duration // how long the server may take no bytes, or send none of an answer's; 0 is 1 minute
	AnswerTimeout time.Duration // how long it may take to begin an answer; 0 is 2 minutes
}

// A Client is a storage.Server that is reached over the network. Requests share a pool of connections, so that several
// shares can be on their way at once. The context of a Read governs the stream that it returns.
type Client struct {
	nurl      nurl.NURL
	name      string // for errors: the server's first address
	cfg       ClientConfig
	transport *http.Transport
	closed    context.Context
	close     context.CancelFunc

	mu    sync.Mutex
	conns map[*clientConn]struct{}
}

var _ storage.Server = (*Client)(nil)

var errClosed = errors.New("client is closed")

// NewClient makes a client of the server that n names. It connects when it is used.
func NewClient(n nurl.NURL, c ClientConfig) (*Client, error) {
	if c.Dial == nil {
		if n.Tor() {
			return nil, fmt.Errorf("server %s is reached through Tor, and no way to Tor is set up", n.Addrs()[0])
		}
		c.Dial = new(net.Dialer).DialContext
	}
	c.MaxConns = cmp.Or(c.MaxConns, 1024)
	c.IdleConns = cmp.Or(c.IdleConns, 16)
	c.DialTimeout = cmp.Or(c.DialTimeout, 30*time.Second)
	c.Silence = cmp.Or(c.Silence, time.Minute)
	c.AnswerTimeout = cmp.Or(c.AnswerTimeout, 2*time.Minute)
	out := &Client{
		nurl:  n,
		name:  n.Addrs()[0],
		cfg:   c,
		conns: map[*clientConn]struct{}{},
	}
	out.closed, out.close = context.WithCancel(context.Background())
	out.transport = &http.Transport{
		DialTLSContext:         out.dial,
		DisableCompression:     true,
		MaxConnsPerHost:        c.MaxConns,
		MaxIdleConnsPerHost:    c.IdleConns,
		ResponseHeaderTimeout:  c.AnswerTimeout,
		MaxResponseHeaderBytes: 16 << 10,
		WriteBufferSize:        prefixSize,
		ReadBufferSize:         16 << 10,
	}
	return out, nil
}

// Close breaks all connections. Requests under way fail.
func (c *Client) Close() error {
	c.close()
	c.transport.CloseIdleConnections()
	c.mu.Lock()
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	for conn := range conns {
		_ = conn.wireConn.Close()
	}
	return nil
}

// tlsConfig trusts the key of the NURL and nothing else: not the certificate's names, dates or issuers.
func (c *Client) tlsConfig() *tls.Config {
	want := c.nurl.SPKI()
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		InsecureSkipVerify:          true, // VerifyConnection does what this leaves out
		DynamicRecordSizingDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !nurl.HashSPKI(s.PeerCertificates[0]).Equal(want) {
				return errors.New("the server's key is not the one that its NURL names")
			}
			return nil
		},
	}
}

// keep counts a connection among the client's.
func (c *Client) keep(conn *wireConn) (net.Conn, error) {
	out := &clientConn{wireConn: conn, client: c}
	c.mu.Lock()
	open := c.conns != nil
	if open {
		c.conns[out] = struct{}{}
	}
	c.mu.Unlock()
	if !open {
		_ = conn.Close()
		return nil, errClosed
	}
	return out, nil
}

// forget takes a connection out of those that are open, and says whether it was the last one.
func (c *Client) forget(conn *clientConn) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.conns[conn]; !ok {
		return false
	}
	delete(c.conns, conn)
	return len(c.conns) == 0
}

// A clientConn is a connection that tells its client when it breaks, as opposed to being closed.
type clientConn struct {
	*wireConn
	client *Client
}

func (c *clientConn) Read(b []byte) (int, error) {
	n, err := c.wireConn.Read(b)
	return n, c.check(err)
}

func (c *clientConn) Write(b []byte) (int, error) {
	n, err := c.wireConn.Write(b)
	return n, c.check(err)
}

// ReadFrom is what http.Transport sends a body with.
func (c *clientConn) ReadFrom(r io.Reader) (int64, error) {
	return copyChunks(struct{ io.Writer }{c}, r)
}

func (c *clientConn) check(err error) error {
	if err != nil && c.client.forget(c) && c.client.cfg.OnDisconnect != nil {
		c.client.cfg.OnDisconnect(err)
	}
	return err
}

func (c *clientConn) Close() error {
	c.client.forget(c)
	return c.wireConn.Close()
}

package gbs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"tahoe/internal/gather"
)

// nextAddress is how long an address may take before the next one of the same server is tried beside it.
const nextAddress = 250 * time.Millisecond

// dial connects to the first of the server's addresses that answers as the server.
func (c *Client) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.closed, cancel)()
	addrs := c.nurl.Addrs()
	tries := make([]gather.Task[*wireConn], len(addrs))
	lost := make(chan *wireConn, len(addrs))
	for i, addr := range addrs {
		tries[i] = func(ctx context.Context) (*wireConn, error) {
			conn, err := c.dialOne(ctx, network, addr)
			if err != nil && len(addrs) > 1 {
				return nil, fmt.Errorf("%s: %w", addr, err)
			}
			if err == nil {
				lost <- conn
			}
			return conn, err
		}
	}
	won, err := gather.Run(ctx, 1, nextAddress, tries)
	close(lost)
	for conn := range lost {
		if len(won) == 0 || conn != won[0] {
			_ = conn.Close()
		}
	}
	if err == nil {
		return c.keep(won[0])
	}
	if short, ok := errors.AsType[*gather.ShortError](err); ok {
		err = inOneLine(short.Errs)
	}
	return nil, fmt.Errorf("cannot connect: %w", err)
}

// inOneLine joins errors, of which there is at least one.
func inOneLine(errs []error) error {
	all := errs[0]
	for _, err := range errs[1:] {
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}

func (c *Client) dialOne(ctx context.Context, network, addr string) (*wireConn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	socket, err := c.cfg.Dial(ctx, network, addr)
	if err != nil {
		return nil, plain(err)
	}
	tuneSocket(socket)
	raw := newBatcher(socket, c.cfg.Silence)
	conn := tls.Client(raw, c.tlsConfig())
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = socket.Close()
		return nil, plain(err)
	}
	return &wireConn{Conn: conn, raw: raw}, nil
}

// plain takes from an error of the network what everybody knows: that it was a dial, by TCP, to the server's address.
func plain(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		err = e.Err
	}
	return err
}

package gbs

import (
	"net"
	"strings"
)

// What a client speaks shows in its first bytes: the storage port has always been Foolscap's, too.
const (
	speaksTLS = iota
	speaksFoolscap
	speaksNeither
)

const (
	foolscapHello = "GET /id/"
	tlsHandshake  = 0x16
)

var refusals = [...]string{
	speaksFoolscap: "HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" +
		"This storage server does not speak Foolscap. Use its NURL, with a client that speaks the HTTP storage protocol.\n",
	speaksNeither: "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" +
		"This is the port of a storage server, which speaks TLS.\n",
}

// sniff reads as little as it needs to tell what c speaks, and returns a connection that has the bytes again.
func sniff(c net.Conn) (speaks int, again net.Conn, err error) {
	var b [len(foolscapHello)]byte
	n := 0
	for n < len(b) {
		m, err := c.Read(b[n:])
		n += m
		if n > 0 && b[0] == tlsHandshake {
			speaks = speaksTLS
			break
		}
		if !strings.HasPrefix(foolscapHello, string(b[:n])) {
			speaks = speaksNeither
			break
		}
		if err != nil {
			return speaksNeither, c, err
		}
		speaks = speaksFoolscap
	}
	return speaks, &replayConn{Conn: c, first: b[:n]}, nil
}

// A replayConn gives bytes that were read before once more.
type replayConn struct {
	net.Conn
	first []byte
}

func (c *replayConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

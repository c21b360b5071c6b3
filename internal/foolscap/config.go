package foolscap

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"time"

	"tahoe/reactor"
)

// Config is what a Tub is made with. The zero value is good.
type Config struct {
	Log   *slog.Logger  // nobody's, if nil
	Clock reactor.Clock // for keepalive, disconnect and reconnecting

	// Keepalive is how long a connection may be silent before it is asked for a sign of life; 4 minutes, if it is zero.
	// Disconnect is how long it may be silent before it counts as dead; three times Keepalive, if it is zero.
	Keepalive, Disconnect time.Duration
	// Negotiation is how long it may take to agree upon a connection; 60 s, if it is zero.
	Negotiation time.Duration

	// Dial connects to host:port; a net.Dialer does, if it is nil.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Rand io.Reader // crypto/rand's, if nil

	Limits Limits
}

// Limits are what one connection may make of this end's memory. A zero is the number that stands behind it.
type Limits struct {
	Message     int // bytes and items of one call or answer: 32 MiB; a peer that holds none of our objects gets 64 KiB
	String      int // bytes of one string in it: as many as Message
	Depth       int // containers in containers: 32
	Pending     int // calls that wait for an answer of this end, before more of them are read: 256
	Buffered    int // bytes of those calls: 64 MiB
	Unsent      int // bytes that wait to be sent, before whoever sends more waits: 64 MiB
	References  int // our objects that the other end holds, and the other way round: 65536
	Connections int // connections that others made to this Tub, before the next is refused: 2048
}

const kib, mib = 1 << 10, 1 << 20

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	c.Keepalive = cmp.Or(c.Keepalive, 4*time.Minute)
	c.Disconnect = cmp.Or(c.Disconnect, 3*c.Keepalive)
	c.Negotiation = cmp.Or(c.Negotiation, time.Minute)
	c.Limits = c.Limits.withDefaults()
	return c
}

func (l Limits) withDefaults() Limits {
	l.Message = cmp.Or(l.Message, 32*mib)
	l.String = cmp.Or(l.String, l.Message)
	l.Depth = cmp.Or(l.Depth, 32)
	l.Pending = cmp.Or(l.Pending, 256)
	l.Buffered = cmp.Or(l.Buffered, 64*mib)
	l.Unsent = cmp.Or(l.Unsent, 64*mib)
	l.References = cmp.Or(l.References, 65536)
	l.Connections = cmp.Or(l.Connections, 2048)
	return l
}

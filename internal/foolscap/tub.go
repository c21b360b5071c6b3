package foolscap

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// A Tub is an identity, its registered objects, and its connections, at most one with each other Tub. It is safe for
// concurrent use.
type Tub struct {
	cert tls.Certificate
	id   TubID
	cfg  Config
	life string                  // differs with each start of the program
	tap  func(net.Conn) net.Conn // what stands between TLS and the protocol: nothing, but in tests

	mu       sync.Mutex
	objects  map[string]Object // by swissnum
	links    map[TubID]*link
	lasts    map[TubID]connection // with masters
	numbers  int64                // of connections that this Tub decided for
	attempts map[TubID]*attempt
	inbound  int // connections that others made
	running  context.Context
	group    sync.WaitGroup // what runs below Run
}

// NewTub makes a Tub whose identity is the certificate. It makes no connection.
func NewTub(cert tls.Certificate, c Config) *Tub {
	t := &Tub{
		cert: cert, cfg: c.withDefaults(), tap: func(c net.Conn) net.Conn { return c },
		objects: map[string]Object{}, links: map[TubID]*link{}, lasts: map[TubID]connection{}, attempts: map[TubID]*attempt{},
	}
	if len(cert.Certificate) > 0 {
		t.id = sha1.Sum(cert.Certificate[0])
	}
	t.life = t.random()
	return t
}

// random is 16 digits that nobody has used before.
func (t *Tub) random() string {
	var b [8]byte
	if _, err := io.ReadFull(t.cfg.Rand, b[:]); err != nil {
		panic("foolscap: the source of random numbers gives none: " + err.Error())
	}
	return hex.EncodeToString(b[:])
}

// ID is the Tub id.
func (t *Tub) ID() [20]byte { return t.id }

// Register makes an object reachable for whoever knows the swissnum.
func (t *Tub) Register(swissnum string, o Object) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.objects[swissnum] = o
}

// FURL is the FURL of an object of this Tub: to be handed to those who may use the object, and not to be logged.
func (t *Tub) FURL(hints []string, swissnum string) string {
	return scheme + t.id.String() + "@" + strings.Join(hints, ",") + "/" + swissnum
}

// lookUp finds a registered object.
func (t *Tub) lookUp(swissnum string) (Value, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o, ok := t.objects[swissnum]; ok {
		return o, nil
	}
	return nil, &CallError{Type: "builtins.KeyError", Message: "no object has this name here", Parents: []string{"builtins.LookupError"}}
}

// Serve speaks with whoever made the connection, from its first plaintext byte, until the connection or ctx ends. It owns
// conn, and needs no Run. It returns nil when it was ctx or the other end that ended it.
func (t *Tub) Serve(ctx context.Context, conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	if !t.admit() {
		return fmt.Errorf("%w: more than %d connections", ErrNegotiation, t.cfg.Limits.Connections)
	}
	defer t.dismiss()
	l, err := t.within(ctx, conn, t.accept)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if err := l.run(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrDisconnected) {
		return err
	}
	return nil
}

func (t *Tub) admit() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inbound >= t.cfg.Limits.Connections {
		return false
	}
	t.inbound++
	return true
}

func (t *Tub) dismiss() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inbound--
}

// within negotiates in the time that it may take.
func (t *Tub) within(ctx context.Context, conn net.Conn, negotiate func(context.Context, net.Conn) (*link, error)) (*link, error) {
	limited, cancel := context.WithTimeoutCause(ctx, t.cfg.Negotiation, disagree("it took more than %v", t.cfg.Negotiation))
	defer cancel()
	stop := context.AfterFunc(limited, func() { _ = conn.SetDeadline(longAgo) })
	l, err := negotiate(limited, conn)
	stopped := stop()
	if err == nil && stopped {
		return l, nil
	}
	if l != nil {
		t.forget(l)
		l.end(err)
		l.finish(err)
	}
	if limited.Err() != nil {
		return nil, context.Cause(limited)
	}
	return nil, err
}

// take makes l the connection with its Tub, in place of the one that there is, if prefer says so, and gives it a number.
func (t *Tub) take(l *link, prefer func(old *link) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.links[l.peer]; old != nil && old.ctx.Err() == nil {
		if !prefer(old) {
			return false
		}
		old.end(fmt.Errorf("%w: a new connection with the same Tub took its place", ErrDisconnected))
	}
	t.numbers++
	l.number = t.numbers
	t.links[l.peer] = l
	if a := t.attempts[l.peer]; a != nil {
		t.settleLocked(a, l, nil)
		if !l.dialed {
			a.cancel()
		}
	}
	return true
}

// forget takes note that a connection has ended.
func (t *Tub) forget(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links[l.peer] == l {
		delete(t.links, l.peer)
	}
}

// maxLasts bounds how many connections are remembered. Who forgets one may have to wait until the other end gives it up.
const maxLasts = 4096

func (t *Tub) remember(id TubID, c connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.lasts[id]; !known && len(t.lasts) >= maxLasts {
		for any := range t.lasts {
			delete(t.lasts, any)
			break
		}
	}
	t.lasts[id] = c
}

func (t *Tub) lastConnection(id TubID) *connection {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.lasts[id]
	if !ok {
		c.life = noLife
	}
	return &c
}

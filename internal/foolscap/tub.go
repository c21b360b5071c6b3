package foolscap

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
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

	mu      sync.Mutex
	objects map[string]Object // by swissnum
}

// NewTub makes a Tub whose identity is the certificate. It makes no connection.
func NewTub(cert tls.Certificate, c Config) *Tub {
	t := &Tub{cert: cert, cfg: c.withDefaults(), objects: map[string]Object{}}
	if len(cert.Certificate) > 0 {
		t.id = sha1.Sum(cert.Certificate[0])
	}
	return t
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

// Serve speaks with whoever made the connection, from its first plaintext byte, until the connection or ctx ends. It owns
// conn, and needs no Run.
func (t *Tub) Serve(ctx context.Context, conn net.Conn) error { return ErrNotRunning }

// Run owns the connections that Connect makes, until ctx ends.
func (t *Tub) Run(ctx context.Context, ready func()) error { return ErrNotRunning }

// Connect returns the object that a FURL names, over the connection that there is with its Tub, or a new one.
func (t *Tub) Connect(ctx context.Context, furl string) (*Remote, error) { return nil, ErrNotRunning }

// Keep connects, calls onConnect, and does so again whenever the connection has ended, with growing pauses, until ctx ends,
// whose cause it returns. The ctx of onConnect ends with the connection; Keep waits for onConnect.
func (t *Tub) Keep(ctx context.Context, furl string, onConnect func(ctx context.Context, r *Remote)) error {
	return ErrNotRunning
}

// A Remote is an object of another Tub, for as long as the connection lasts.
type Remote struct{ _ int }

// Call calls a method of the object and waits for the answer. A failure at the other end is a *RemoteError. A call whose ctx
// ends is not taken back: the other end may do it nevertheless.
func (r *Remote) Call(ctx context.Context, method string, args Args) (Value, error) {
	return nil, ErrNotRunning
}

// CallOnly calls a method and wants no answer. It returns when the call is on its way.
func (r *Remote) CallOnly(ctx context.Context, method string, args Args) error { return ErrNotRunning }

// OnDisconnect has f called once, when the connection has ended, with the reason; at once if it has ended already.
func (r *Remote) OnDisconnect(f func(error)) (cancel func()) { return func() {} }

// Done is closed when the connection has ended.
func (r *Remote) Done() <-chan struct{} { return nil }

// Interface is the name of the object's remote interface, as the other end announced it, or "".
func (r *Remote) Interface() string { return "" }

// Tub is whose object it is.
func (r *Remote) Tub() TubID { return TubID{} }

// Release says that nobody here uses the object any more, so that the other end can forget it. A Remote that is garbage is
// released, but only in time.
func (r *Remote) Release() {}

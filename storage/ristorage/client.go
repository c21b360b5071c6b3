package ristorage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

// A Tub makes connections: *foolscap.Tub, while it runs.
type Tub interface {
	Connect(ctx context.Context, furl string) (*foolscap.Remote, error)
}

// ClientConfig adjusts a Client. Its zero value works.
type ClientConfig struct {
	// OnDisconnect is called when the connection to the server ends: what there is to know about a server that one does
	// not talk to. It is called on the connection's goroutine and must not wait.
	OnDisconnect func(err error)
}

// A Client is a storage.Server that is reached by its FURL. It connects when it is used, and again when the connection has
// ended; a Writer or Reader lasts no longer than the connection that it was got by. The context of a Read governs the stream
// that it returns.
type Client struct {
	tub    Tub
	furl   foolscap.FURL
	name   string          // for errors: the server's first address
	canary foolscap.Object // one for all uploads
	cfg    ClientConfig
	closed context.Context
	close  context.CancelFunc

	mu      sync.Mutex
	remote  *foolscap.Remote // nil when there is none
	unwatch func()
}

var _ storage.Server = (*Client)(nil)

var errClosed = errors.New("client is closed")

// NewClient makes a client of the server whose storage FURL this is. It connects when it is used.
func NewClient(tub Tub, furl string, c ClientConfig) (*Client, error) {
	f, err := foolscap.ParseFURL(furl)
	if err != nil {
		return nil, err
	}
	name := f.Tub().String()[:8]
	if hints := f.Hints(); len(hints) > 0 {
		name = strings.TrimPrefix(hints[0], "tcp:")
	}
	out := &Client{tub: tub, furl: f, name: name, cfg: c, canary: &canary{}}
	out.closed, out.close = context.WithCancel(context.Background())
	return out, nil
}

// Close makes calls under way fail. The connection is the Tub's, and may serve others.
func (c *Client) Close() error {
	c.close()
	c.mu.Lock()
	unwatch := c.unwatch
	c.remote, c.unwatch = nil, nil
	c.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
	return nil
}

// server returns the server's object, over a new connection if there is none.
func (c *Client) server(ctx context.Context) (*foolscap.Remote, error) {
	c.mu.Lock()
	remote := c.remote
	c.mu.Unlock()
	if remote != nil {
		select {
		case <-remote.Done():
		default:
			return remote, nil
		}
	}
	remote, err := c.tub.Connect(ctx, c.furl.Encode())
	if err == nil && c.keep(remote) {
		c.watch(remote)
	}
	return remote, err
}

// keep makes remote the object to be used, unless another call was quicker, or the client is closed.
func (c *Client) keep(remote *foolscap.Remote) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.remote == remote || c.closed.Err() != nil {
		return false
	}
	if c.remote != nil {
		select {
		case <-c.remote.Done():
		default:
			return false
		}
	}
	c.remote, c.unwatch = remote, nil
	return true
}

// watch tells of the end of remote's connection. OnDisconnect may do so at once, so that nothing is locked meanwhile.
func (c *Client) watch(remote *foolscap.Remote) {
	unwatch := remote.OnDisconnect(func(err error) {
		c.mu.Lock()
		if c.remote == remote {
			c.remote, c.unwatch = nil, nil
		}
		c.mu.Unlock()
		if c.closed.Err() == nil && c.cfg.OnDisconnect != nil {
			c.cfg.OnDisconnect(err)
		}
	})
	c.mu.Lock()
	current := c.remote == remote
	if current {
		c.unwatch = unwatch
	}
	c.mu.Unlock()
	if !current {
		unwatch()
	}
}

// call calls a method of the server.
func (c *Client) call(ctx context.Context, op, method string, args ...foolscap.Value) (foolscap.Value, error) {
	ctx, done := c.until(ctx)
	defer done()
	remote, err := c.server(ctx)
	if err != nil {
		return nil, c.wrap(ctx, op, err)
	}
	return c.callOn(ctx, remote, op, method, args...)
}

// callOn calls a method of an object.
func (c *Client) callOn(ctx context.Context, o *foolscap.Remote, op, method string, args ...foolscap.Value) (foolscap.Value, error) {
	v, err := o.Call(ctx, method, foolscap.Positional(args...))
	if err != nil {
		return nil, c.wrap(ctx, op, err)
	}
	return v, nil
}

// until is ctx that ends when the client is closed, too.
func (c *Client) until(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.closed, func() { cancel(errClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// Version asks the server what it is.
func (c *Client) Version(ctx context.Context) (storage.Version, error) {
	const op = "asking for the version"
	v, err := c.call(ctx, op, methodVersion)
	if err != nil {
		return storage.Version{}, err
	}
	r := &reading{}
	out := r.version(v)
	if r.err != nil {
		return storage.Version{}, c.badAnswer(op, r.err)
	}
	return out, nil
}

// version reads what a server says of itself. What an old server leaves out is as in the original's client.
func (r *reading) version(v foolscap.Value) storage.Version {
	out := storage.Version{Application: "unknown", MaxImmutableShare: math.MaxUint32, MaxMutableShare: 2e9, Available: math.MaxUint64}
	d, ok := v.(foolscap.Dict)
	if !ok {
		r.failf("the version is %s, not a dictionary", kindOf(v))
	}
	if name, ok := d.Get(keyApplication); ok {
		const most = 300
		b := r.bytes(name, "the application", math.MaxInt64)
		out.Application = strings.ToValidUTF8(string(b[:min(len(b), most)]), "?")
	}
	sizes, _ := d.Get(versionKey)
	known, _ := sizes.(foolscap.Dict)
	for key, to := range map[string]*uint64{
		keyMaxImmutable: &out.MaxImmutableShare, keyMaxMutable: &out.MaxMutableShare, keyAvailable: &out.Available,
	} {
		if size, ok := known.Get(key); ok && size != nil {
			*to = r.size(size, key)
		}
	}
	return out
}

// AddLease adds a lease to every share of i, or renews it. The server does not say whether there are any, so that they are
// asked for.
func (c *Client) AddLease(ctx context.Context, i storage.Index, l storage.LeaseSecrets) error {
	op := "adding a lease to " + i.Abbrev()
	if _, err := c.call(ctx, op, methodAddLease, i[:], secretValue(l.Renew), secretValue(l.Cancel)); err != nil {
		return err
	}
	for _, kind := range []storage.Kind{storage.KindImmutable, storage.KindMutable} {
		held, err := c.held(ctx, kind, i)
		if err != nil || len(held) > 0 {
			return err
		}
	}
	return &callError{op, c.name, storage.ErrNotFound}
}

// AdviseCorrupt tells the server about a corrupt share, if it has one of that number.
func (c *Client) AdviseCorrupt(ctx context.Context, a storage.Corruption) error {
	op := fmt.Sprintf("advising that share %d of %s is corrupt", a.Share, a.Index.Abbrev())
	if len(a.Reason) > storage.MaxReason {
		return fmt.Errorf("%s: reason of %d bytes, more than %d: %w", op, len(a.Reason), storage.MaxReason, storage.ErrTooLarge)
	}
	held, err := c.held(ctx, a.Kind, a.Index)
	if err != nil {
		return err
	}
	if !slices.Contains(held, a.Share) {
		return &callError{op, c.name, storage.ErrNotFound}
	}
	_, err = c.call(ctx, op, methodAdvise, []byte(a.Kind.String()), a.Index[:], int64(a.Share), []byte(a.Reason))
	return err
}

// held asks which shares of a kind there are.
func (c *Client) held(ctx context.Context, kind storage.Kind, i storage.Index) ([]storage.ShareNum, error) {
	if kind == storage.KindMutable {
		return c.Slot(ctx, i)
	}
	readers, err := c.Buckets(ctx, i)
	for _, r := range readers {
		r.(*shareReader).remote.Release()
	}
	return slices.Collect(maps.Keys(readers)), err
}

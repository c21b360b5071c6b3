package rihelper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tahoe/internal/foolscap"
	"tahoe/lafs/immutable"
	"tahoe/reactor"
)

// A Tub makes connections: *foolscap.Tub, while it runs.
type Tub interface {
	Connect(ctx context.Context, furl string) (*foolscap.Remote, error)
	Keep(ctx context.Context, furl string, onConnect func(ctx context.Context, r *foolscap.Remote)) error
}

// ClientConfig adjusts a Client. Its zero value works.
type ClientConfig struct {
	Clock reactor.Clock // the system's
	Log   *slog.Logger  // discards
}

// A Client has files stored by a helper. It is a reactor.Service, which keeps a connection with the helper.
type Client struct {
	tub  Tub
	furl foolscap.FURL
	c    ClientConfig

	mu     sync.Mutex
	remote *foolscap.Remote // nil: not connected
	why    error            // why not
}

var _ immutable.Helper = (*Client)(nil)

// NewClient makes a client of the helper whose FURL this is.
func NewClient(tub Tub, furl string, c ClientConfig) (*Client, error) {
	f, err := foolscap.ParseFURL(furl)
	if err != nil {
		return nil, err
	}
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{tub: tub, furl: f, c: c}, nil
}

// Run keeps a connection with the helper until ctx ends.
func (c *Client) Run(ctx context.Context, ready func()) error {
	ready()
	err := c.tub.Keep(ctx, c.furl.Encode(), c.connected)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// connected takes a connection for as long as it lasts, if a helper is at its other end.
func (c *Client) connected(ctx context.Context, r *foolscap.Remote) {
	err := check(ctx, r)
	c.mu.Lock()
	c.remote, c.why = r, err
	if err != nil {
		c.remote = nil
	}
	c.mu.Unlock()
	if err != nil {
		c.c.Log.Warn("the helper is not used", "helper", c.furl, "error", err)
		return
	}
	c.c.Log.Info("connected with the helper", "helper", c.furl)
	<-ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.remote == r {
		c.remote = nil
	}
}

var errNotHelper = errors.New("what answers is no upload helper of this protocol")

// check asks what r is.
func check(ctx context.Context, r *foolscap.Remote) error {
	v, err := r.Call(ctx, methodVersion, foolscap.Args{})
	if err != nil {
		return err
	}
	d, _ := v.(foolscap.Dict)
	if _, ok := d.Get(helperVersion); !ok {
		return errNotHelper
	}
	return nil
}

// Connected says whether the helper is there now.
func (c *Client) Connected() bool { return c.current() != nil }

func (c *Client) current() *foolscap.Remote {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.remote != nil {
		select {
		case <-c.remote.Done():
			return nil
		default:
		}
	}
	return c.remote
}

// An upload whose connection breaks tries again after these pauses, and gives up when all have passed without that the helper has read
// anything that it had not read before. They are together long enough to start a helper's machine again.
var pauses = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute}

// Store has the helper store a file, if it is connected. When the connection breaks meanwhile, it connects again and goes on.
func (c *Client) Store(ctx context.Context, f immutable.Sealed) (*immutable.Helped, error) {
	remote := c.current()
	if remote == nil {
		return nil, immutable.ErrNoHelper
	}
	r := &reader{f: f}
	defer r.close()
	tries := 0
	for {
		before := r.reached()
		helped, err := c.attempt(ctx, remote, r)
		if err == nil || ctx.Err() != nil || !errors.Is(err, foolscap.ErrDisconnected) {
			return helped, err
		}
		if r.reached() > before {
			tries = 0
		}
		if remote, err = c.again(ctx, &tries, err); err != nil {
			return nil, err
		}
	}
}

// again connects once more, after a pause.
func (c *Client) again(ctx context.Context, tries *int, broken error) (*foolscap.Remote, error) {
	for *tries < len(pauses) {
		c.c.Log.Info("the connection with the helper broke", "helper", c.furl, "error", broken, "again_in", pauses[*tries])
		if err := reactor.Sleep(ctx, c.c.Clock, pauses[*tries]); err != nil {
			return nil, context.Cause(ctx)
		}
		*tries++
		remote, err := c.tub.Connect(ctx, c.furl.Encode())
		if err == nil {
			return remote, nil
		}
		broken = err
	}
	return nil, fmt.Errorf("%w: %w", immutable.ErrNoHelper, broken)
}

// attempt goes through the protocol once.
func (c *Client) attempt(ctx context.Context, remote *foolscap.Remote, r *reader) (*immutable.Helped, error) {
	v, err := remote.Call(ctx, methodUploadCHK, foolscap.Positional(r.f.Index[:]))
	if err != nil {
		return nil, fmt.Errorf("ask the helper: %w", err)
	}
	answer, ok := v.(foolscap.Tuple)
	if !ok || len(answer) != 2 {
		return nil, fmt.Errorf("%w: it is no pair", errResults)
	}
	taker, ok := answer[1].(*foolscap.Remote)
	if !ok {
		return readResults(answer[0], r.f)
	}
	defer taker.Release()
	v, err = taker.Call(ctx, methodUpload, foolscap.Positional(r))
	if err != nil {
		return nil, fmt.Errorf("upload by the helper: %w", err)
	}
	return readResults(v, r.f)
}

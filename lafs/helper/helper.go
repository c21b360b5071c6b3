package helper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tahoe/internal/durable"
	"tahoe/lafs/immutable"
	"tahoe/reactor"
	"tahoe/storage"
)

// An Uploader makes shares and places them: *immutable.Uploader.
type Uploader interface {
	FindWhole(ctx context.Context, i storage.Index) (*immutable.Find, error)
	UploadSealed(ctx context.Context, s immutable.Sealed) (*immutable.UploadResult, error)
}

// A Source is a client that has a file: its ciphertext, of which it yields any part.
type Source interface {
	Size(ctx context.Context) (int64, error)
	Encoding(ctx context.Context) (immutable.Encoding, error)
	// Read yields ciphertext from off on, at most n bytes and at least one.
	Read(ctx context.Context, off int64, n int) ([]byte, error)
}

// Config is what a Helper works with. Uploader and Dir are required.
type Config struct {
	Uploader Uploader
	Dir      string // for ciphertext
	// Room is how many more bytes may be put into Dir; nil: there is no limit.
	Room   func() uint64
	Limit  int           // files at once; DefaultLimit
	Expire time.Duration // how long ciphertext is kept of which nobody sends or wants more; DefaultExpire
	Clock  reactor.Clock // the system's
	Log    *slog.Logger  // discards
}

const (
	// DefaultLimit is how many files a Helper works on at once. Each takes maxChunk of memory while it is fetched.
	DefaultLimit = 64
	// DefaultExpire is how long a Helper keeps ciphertext that nobody asks for.
	DefaultExpire = 14 * 24 * time.Hour
	// sweepEvery is how often it looks for ciphertext that has expired.
	sweepEvery = 6 * time.Hour
)

var (
	// ErrBusy is the refusal of one file more than a helper works on at once.
	ErrBusy = errors.New("the helper is busy with as many files as it takes at once")
	// ErrBadFile is wrapped by the refusal of a file whose shares cannot be made.
	ErrBadFile = errors.New("the helper cannot make the shares of this file")
	// ErrNoRoom is wrapped by the refusal of a file that is larger than the helper's disk.
	ErrNoRoom = errors.New("the helper has no room")
)

// A Helper makes shares for clients. It is a reactor.Service, and may be used by several goroutines at once.
type Helper struct {
	c    Config
	disk durable.FS

	started chan struct{} // closed when it runs
	mu      sync.Mutex
	running context.Context // ends when it stops
	work    sync.WaitGroup
	active  map[storage.Index]*upload
	counted Counters
}

// Open makes the folders of a helper, and cuts what has come of files to what is certain.
func Open(c Config) (*Helper, error) {
	if c.Limit <= 0 {
		c.Limit = DefaultLimit
	}
	if c.Expire <= 0 {
		c.Expire = DefaultExpire
	}
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	h := &Helper{c: c, started: make(chan struct{}), active: map[storage.Index]*upload{}}
	for _, folder := range []string{incoming, encoding} {
		if err := os.MkdirAll(filepath.Join(c.Dir, folder), 0o700); err != nil {
			return nil, fmt.Errorf("open helper: %w", err)
		}
	}
	return h, h.trim()
}

// Run lets the helper work until ctx ends, once, and drops ciphertext that has expired. Work that is under way then is broken off; what
// has come of files stays.
func (h *Helper) Run(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	h.running = ctx
	h.mu.Unlock()
	close(h.started)
	sweep := reactor.NewLoop(sweepEvery, h.sweep, reactor.LoopConfig{Clock: h.c.Clock, AtOnce: true})
	err := sweep.Run(ctx, ready)
	h.mu.Lock()
	cancel() // nobody who has the lock afterwards begins anything
	h.mu.Unlock()
	h.work.Wait()
	return err
}

// Find says whether a file is on the grid already, with all its shares. It is nil when the file has to be sent: then Feed is to be
// called. Like Feed, it says nothing while the helper does not run.
func (h *Helper) Find(ctx context.Context, i storage.Index) (*immutable.Find, error) {
	if err := h.begun(ctx); err != nil {
		return nil, err
	}
	h.count(func(c *Counters) { c.Requests++ })
	if h.isActive(i) {
		return nil, nil
	}
	found, err := h.c.Uploader.FindWhole(ctx, i)
	if err != nil && h.stopped() {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	h.count(func(c *Counters) {
		if found != nil {
			c.Present++
		} else {
			c.Needed++
		}
	})
	return found, nil
}

func (h *Helper) isActive(i storage.Index) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.active[i] != nil
}

// Feed has a file fetched from a source, or goes on with what is there of it, and waits until its shares are placed. Several may feed
// one file; ciphertext is fetched from one of them at a time. The end of ctx takes the source back: the work goes on as long as it
// needs no source.
//
// A helper that does not run yet, or no more, says nothing until ctx ends. Were its stop told as a failure, a client would store the
// file by itself; a client that loses the connection comes back and goes on.
func (h *Helper) Feed(ctx context.Context, i storage.Index, s Source) (*Result, error) {
	if err := h.begun(ctx); err != nil {
		return nil, err
	}
	for {
		u, joined, err := h.join(i, s)
		if err != nil {
			return nil, err
		}
		select {
		case <-u.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if joined && (u.err == nil || !h.stopped()) {
			return u.result, u.err
		}
	}
}

// begun waits until the helper runs. Its error is the end of ctx.
func (h *Helper) begun(ctx context.Context) error {
	select {
	case <-h.started:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stopped says whether the helper, which has begun, runs no more.
func (h *Helper) stopped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running.Err() != nil
}

// join adds a source to the work on a file, which it begins if there is none. Work that has run out of sources takes no more: it is
// about to end. Of a helper that has stopped it is work that is never done.
func (h *Helper) join(i storage.Index, s Source) (u *upload, joined bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch u := h.active[i]; {
	case h.running.Err() != nil:
		return &upload{}, false, nil
	case u != nil:
		return u, u.add(s), nil
	case len(h.active) >= h.c.Limit:
		return nil, false, ErrBusy
	}
	ctx := h.running
	u = &upload{h: h, index: i, done: make(chan struct{}), sources: []Source{s}}
	h.active[i] = u
	h.work.Go(func() {
		u.run(ctx)
		h.mu.Lock()
		delete(h.active, i)
		h.mu.Unlock()
		close(u.done)
	})
	return u, true, nil
}

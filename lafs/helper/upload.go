package helper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tahoe/lafs/immutable"
	"tahoe/storage"
)

// A Result is what a Helper did with a file.
type Result struct {
	*immutable.UploadResult
	Fetched  int64         // bytes of ciphertext that came for this result
	Fetching time.Duration // how long they took
}

// An upload is the work on one file.
type upload struct {
	h      *Helper
	index  storage.Index
	done   chan struct{} // closed when the work has ended
	result *Result       // set before done is closed, as is err
	err    error

	mu      sync.Mutex
	sources []Source
	over    bool // it ran out of sources, and takes no more
}

// add adds a client that has the file, to be asked when those before it are gone.
func (u *upload) add(s Source) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return false
	}
	u.sources = append(u.sources, s)
	return true
}

// ErrNoSource is wrapped by the failure of a file whose clients are all gone.
var ErrNoSource = errors.New("no client is left that has the file")

// ask asks the sources in turn until one answers. Those that do not are asked no more.
func ask[T any](ctx context.Context, u *upload, question func(context.Context, Source) (T, error)) (T, error) {
	last := ErrNoSource
	for {
		var none T
		u.mu.Lock()
		if len(u.sources) == 0 {
			u.over = true
			u.mu.Unlock()
			return none, last
		}
		s := u.sources[0]
		u.mu.Unlock()
		v, err := question(ctx, s)
		if err == nil {
			return v, nil
		}
		if ctx.Err() != nil {
			return none, context.Cause(ctx)
		}
		last = fmt.Errorf("%w: %w", ErrNoSource, err)
		u.drop(s)
	}
}

func (u *upload) drop(s Source) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if at := slices.Index(u.sources, s); at >= 0 {
		u.sources = slices.Delete(u.sources, at, at+1)
	}
}

// run fetches the file and has its shares placed.
func (u *upload) run(ctx context.Context) {
	u.result, u.err = u.store(ctx)
	log := u.h.c.Log.With("index", u.index.Abbrev())
	if u.err != nil {
		log.Warn("upload for a client", "error", u.err)
		return
	}
	log.Info("upload for a client", "bytes", u.result.Size, "fetched", u.result.Fetched, "shares", u.result.Pushed)
}

func (u *upload) store(ctx context.Context) (*Result, error) {
	f, err := u.describe(ctx)
	if err != nil {
		return nil, err
	}
	fetched, took, err := u.fetch(ctx, f.Size)
	if err != nil {
		return nil, err
	}
	r, err := u.encode(ctx, f)
	if err != nil {
		return nil, err
	}
	u.h.count(func(c *Counters) { c.Encoded += f.Size })
	return &Result{UploadResult: r, Fetched: fetched, Fetching: took}, nil
}

// describe asks what file it is, and refuses one whose shares cannot be made before any of it is fetched.
func (u *upload) describe(ctx context.Context) (immutable.Sealed, error) {
	f := immutable.Sealed{Index: u.index}
	var err error
	if f.Size, err = ask(ctx, u, func(ctx context.Context, s Source) (int64, error) { return s.Size(ctx) }); err != nil {
		return f, err
	}
	f.Encoding, err = ask(ctx, u, func(ctx context.Context, s Source) (immutable.Encoding, error) { return s.Encoding(ctx) })
	if err != nil {
		return f, err
	}
	if err := f.Validate(); err != nil {
		return f, fmt.Errorf("%w: %w", ErrBadFile, err)
	}
	return f, nil
}

// encode places the shares of a ciphertext that is there. It stays there until that has succeeded.
func (u *upload) encode(ctx context.Context, f immutable.Sealed) (*immutable.UploadResult, error) {
	path := u.h.path(encoding, u.index)
	data, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open ciphertext: %w", err)
	}
	defer data.Close()
	f.Data = data
	r, err := u.h.c.Uploader.UploadSealed(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil { // the shares are there nevertheless
		u.h.c.Log.Warn("ciphertext not removed", "index", u.index.Abbrev(), "error", err)
	}
	return r, nil
}

// finish makes a ciphertext that has come one whose shares are to be made.
func (u *upload) finish(from, to string) error {
	disk := u.h.disk
	if err := disk.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(disk.SyncDir(filepath.Dir(from)), disk.SyncDir(filepath.Dir(to)))
}

// sizeOf is the size of a file, -1 when it is not there.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for ciphertext: %w", err)
	}
	return info.Size(), nil
}

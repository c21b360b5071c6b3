package helper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tahoe/internal/durable"
)

// How much is asked for at once: more as long as answers come quickly, so that the time of a round trip counts less and a slow client
// still shows that it lives.
const (
	minChunk = 64 << 10
	maxChunk = 512 << 10
	quick    = 2 * time.Second
)

// fetch fetches what there is not yet of a ciphertext.
func (u *upload) fetch(ctx context.Context, size int64) (fetched int64, took time.Duration, err error) {
	from, to := u.h.path(incoming, u.index), u.h.path(encoding, u.index)
	switch whole, err := sizeOf(to); {
	case err != nil:
		return 0, 0, err
	case whole == size:
		u.h.count(func(c *Counters) { c.Resumes++ })
		return 0, 0, nil
	case whole >= 0: // another file by the same name: nobody can have both
		if err := os.Remove(to); err != nil {
			return 0, 0, fmt.Errorf("remove ciphertext of another size: %w", err)
		}
	}
	begun := u.h.c.Clock.Now()
	fetched, err = u.collect(ctx, from, size)
	if err == nil {
		err = u.finish(from, to)
	}
	return fetched, u.h.c.Clock.Now().Sub(begun), err
}

// collect appends to a file until it has size bytes. What has come stays, whatever happens.
func (u *upload) collect(ctx context.Context, path string, size int64) (fetched int64, err error) {
	f, err := u.h.disk.Open(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	have, err := f.Size()
	if err != nil {
		return 0, err
	}
	if have > size { // of another file
		if err := f.Truncate(0); err != nil {
			return 0, err
		}
		have = 0
	}
	if err := u.h.fits(size - have); err != nil {
		return 0, err
	}
	if have > 0 {
		u.h.count(func(c *Counters) { c.Resumes++ })
	}
	fetched, err = u.pull(ctx, f, have, size)
	return fetched, errors.Join(err, f.Sync())
}

// fits refuses what the disk has no room for.
func (h *Helper) fits(size int64) error {
	if h.c.Room == nil || size <= 0 {
		return nil
	}
	if room := h.c.Room(); uint64(size) > room {
		return fmt.Errorf("%w: %d bytes of ciphertext are still to come, and %d are free", ErrNoRoom, size, room)
	}
	return nil
}

// pull reads from the clients what is behind have, and syncs every step.
func (u *upload) pull(ctx context.Context, f *durable.File, have, size int64) (fetched int64, err error) {
	chunk := minChunk
	for have < size {
		begun := u.h.c.Clock.Now()
		want := int(min(int64(chunk), size-have))
		b, err := ask(ctx, u, func(ctx context.Context, s Source) ([]byte, error) { return s.Read(ctx, have, want) })
		if err != nil {
			return fetched, err
		}
		if _, err := f.WriteAt(b, have); err != nil {
			return fetched, err
		}
		before := have
		have, fetched = have+int64(len(b)), fetched+int64(len(b))
		u.h.count(func(c *Counters) { c.Fetched += int64(len(b)) })
		if have/step > before/step {
			if err := f.Sync(); err != nil {
				return fetched, err
			}
		}
		if u.h.c.Clock.Now().Sub(begun) < quick {
			chunk = min(2*chunk, maxChunk)
		} else {
			chunk = max(chunk/2, minChunk)
		}
	}
	return fetched, nil
}

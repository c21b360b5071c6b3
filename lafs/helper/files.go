package helper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tahoe/internal/base32"
	"tahoe/storage"
)

// The folders of ciphertext.
const (
	incoming = "CHK_incoming"
	encoding = "CHK_encoding"
)

// step is how much of a file comes between two syncs. What is behind the last whole step is fetched again after a restart: a machine
// that stopped may have kept the length of a file without its bytes.
const step = 2 << 20

func (h *Helper) path(folder string, i storage.Index) string {
	return filepath.Join(h.c.Dir, folder, base32.Encode(i[:]))
}

// A stored is the ciphertext of a file, or a part of it, in one of the folders.
type stored struct {
	path    string
	index   storage.Index
	size    int64
	changed time.Time
}

// each calls f for every ciphertext of a folder, until it fails or ctx ends. Whatever else lies there is let alone.
func (h *Helper) each(ctx context.Context, folder string, f func(stored) error) error {
	dir := filepath.Join(h.c.Dir, folder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the helper's folder: %w", err)
	}
	for _, e := range entries {
		index, err := base32.Decode(e.Name())
		if err != nil || len(index) != storage.IndexSize || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = f(stored{filepath.Join(dir, e.Name()), storage.Index(index), info.Size(), info.ModTime()})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// trim cuts all files that have come in part to whole steps. Their times stay, so that they still expire.
func (h *Helper) trim() error {
	return h.each(context.Background(), incoming, func(f stored) error {
		if f.size%step == 0 {
			return nil
		}
		if err := os.Truncate(f.path, f.size-f.size%step); err != nil {
			return fmt.Errorf("open helper: %w", err)
		}
		if err := os.Chtimes(f.path, f.changed, f.changed); err != nil {
			return fmt.Errorf("open helper: %w", err)
		}
		return nil
	})
}

// sweep removes ciphertext that nobody has asked for in a long time.
func (h *Helper) sweep(ctx context.Context) error {
	now := h.c.Clock.Now()
	for _, folder := range []string{incoming, encoding} {
		err := h.each(ctx, folder, func(f stored) error {
			if now.Sub(f.changed) <= h.c.Expire {
				return nil
			}
			return h.remove(f)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// remove removes a file unless somebody works on it: who begins to waits for h.mu.
func (h *Helper) remove(f stored) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.active[f.index] != nil {
		return nil
	}
	h.c.Log.Info("ciphertext that nobody asked for is removed", "index", f.index.Abbrev(), "bytes", f.size)
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove expired ciphertext: %w", err)
	}
	return nil
}

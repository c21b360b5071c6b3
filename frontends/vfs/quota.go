package vfs

import (
	"context"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/storage"
)

// usage is how many bytes accounts with a quota hold.
type usage struct {
	mu  sync.Mutex
	all map[caps.Read]*held
}

type held struct {
	turn  chan struct{} // of who counts
	mu    sync.Mutex
	bytes int64 // as counted
	added int64 // since then
	at    time.Time
}

// counted is how long a count is good for.
const counted = 10 * time.Minute

func (u *usage) of(root caps.Read) *held {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = make(map[caps.Read]*held)
	}
	h := u.all[root]
	if h == nil {
		h = &held{turn: make(chan struct{}, 1)}
		u.all[root] = h
	}
	return h
}

// used is how many bytes an account holds. What cannot be read is not counted.
func (f *FS) used(ctx context.Context, a auth.Account) int64 {
	h := f.usage.of(a.Root)
	if bytes, ok := h.now(f.clock.Now()); ok {
		return bytes
	}
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		bytes, _ := h.now(f.clock.Now())
		return bytes
	}
	defer func() { <-h.turn }()
	bytes, ok := h.now(f.clock.Now())
	if !ok {
		bytes = f.count(ctx, a.Root)
		h.mu.Lock()
		h.bytes, h.added, h.at = bytes, 0, f.clock.Now()
		h.mu.Unlock()
	}
	return bytes
}

func (h *held) now(t time.Time) (int64, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bytes + h.added, !h.at.IsZero() && t.Sub(h.at) < counted
}

// count walks a tree, each directory and each file once.
func (f *FS) count(ctx context.Context, root caps.Read) int64 {
	var total int64
	seen := map[storage.Index]bool{indexOf(root): true}
	dirs := []caps.Read{root}
	for len(dirs) > 0 && ctx.Err() == nil {
		d := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		children, err := f.c.Grid.List(ctx, d)
		if err != nil {
			continue
		}
		for _, c := range children {
			i := indexOf(c.Cap)
			r, ok := c.Cap.(caps.Read)
			if !ok || i != (storage.Index{}) && seen[i] {
				continue
			}
			seen[i] = true
			if caps.IsDirectory(r) {
				dirs = append(dirs, r)
				continue
			}
			total += f.sizeOf(ctx, r)
		}
	}
	return total
}

func (f *FS) sizeOf(ctx context.Context, file caps.Read) int64 {
	switch k := file.(type) {
	case caps.CHK:
		return k.Size()
	case caps.Literal:
		return int64(len(k.Data()))
	}
	size, err := f.c.Grid.Size(ctx, file)
	if err != nil {
		return 0
	}
	return size
}

// indexOf is zero for what has none.
func indexOf(c caps.Cap) storage.Index {
	if v, ok := caps.VerifyOnly(c); ok {
		return v.Index()
	}
	return storage.Index{}
}

// roomFor says whether an account may have a file of at least this size, and counts what it grows by.
func (f *FS) roomFor(ctx context.Context, file *File, size int64) error {
	a := file.v.account
	if a.Quota == 0 {
		return nil
	}
	grows := size - file.content.file.Size()
	if grows <= 0 {
		return nil
	}
	if f.used(ctx, a)+grows > a.Quota {
		return ErrQuota
	}
	h := f.usage.of(a.Root)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.added += grows
	return nil
}

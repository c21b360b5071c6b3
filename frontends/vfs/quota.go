package vfs

import (
	"context"
	"strings"
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
	turn   chan struct{} // of who counts
	mu     sync.Mutex
	bytes  int64 // as counted
	added  int64 // since then
	shrunk bool  // since then something was taken away, or given up
	at     time.Time
	took   time.Duration // the counting
}

const (
	// counted is how long a count is good for.
	counted = 10 * time.Minute
	// recounted is how long it is good for when something was taken away since: longer where counting takes long.
	recounted     = 5 * time.Second
	recountedEach = 10 // times what the last count took
)

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

// less notes that some account may hold less than was counted: of a name in a directory nobody knows in whose trees it is.
func (u *usage) less() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, h := range u.all {
		h.mu.Lock()
		h.shrunk = true
		h.mu.Unlock()
	}
}

// forget has an account counted anew.
func (u *usage) forget(a auth.Account) {
	h := u.of(a.Root)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = time.Time{}
}

// used is how many bytes an account holds, with what is on its way. What cannot be read is not counted.
func (f *FS) used(ctx context.Context, a auth.Account) (int64, error) {
	h := f.usage.of(a.Root)
	if bytes, ok := h.now(f.clock.Now()); ok {
		return bytes, nil
	}
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { <-h.turn }()
	begin := f.clock.Now()
	if bytes, ok := h.now(begin); ok {
		return bytes, nil
	}
	h.mu.Lock()
	before := h.added
	h.shrunk = false
	h.mu.Unlock()
	bytes := f.underWay(a) // first: what arrives while the tree is walked is counted twice, and not missed
	bytes += f.count(ctx, a.Root)
	if ctx.Err() != nil { // it is a part, which is not remembered
		return 0, context.Cause(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes, h.added, h.at, h.took = bytes, h.added-before, begin, f.clock.Now().Sub(begin)
	return h.bytes + h.added, nil
}

func (h *held) now(t time.Time) (int64, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	age := t.Sub(h.at)
	stale := h.at.IsZero() || age >= counted || h.shrunk && age >= max(recounted, recountedEach*h.took)
	return h.bytes + h.added, !stale
}

// underWay is how many bytes an account has that the grid does not have yet: being written, or waiting.
func (f *FS) underWay(a auth.Account) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[*content]bool)
	for _, j := range f.jobs {
		if j.account == a.Name {
			all[j.content] = true
		}
	}
	for v := range f.views {
		if v.account.Root == a.Root {
			v.written(all)
		}
	}
	var total int64
	for c := range all {
		total += max(0, c.file.Size()-c.old)
	}
	return total
}

// written collects what is being written through a view.
func (v *View) written(all map[*content]bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for file := range v.files {
		if file.writes() && file.content != nil {
			all[file.content] = true
		}
	}
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
	if !caps.IsMutable(file) {
		return sizeIn(file)
	}
	size, err := f.c.Grid.Size(ctx, file)
	if err != nil {
		return 0
	}
	return size
}

// sizeIn is the size that a capability tells; 0 when it tells none.
func sizeIn(file caps.Cap) int64 {
	switch k := file.(type) {
	case caps.CHK:
		return k.Size()
	case caps.Literal:
		return int64(len(k.Data()))
	}
	return 0
}

// indexOf is zero for what has none.
func indexOf(c caps.Cap) storage.Index {
	if v, ok := caps.VerifyOnly(c); ok {
		return v.Index()
	}
	return storage.Index{}
}

// room is what a change of a file's size is asked of, while no other changes it.
func (f *File) room(ctx context.Context) func(size int64) error {
	return func(size int64) error { return f.v.fs.roomFor(ctx, f, size) }
}

// roomFor says whether an account may have a file of at least this size, and counts what it grows by.
func (f *FS) roomFor(ctx context.Context, file *File, size int64) error {
	c := file.content
	return f.grow(ctx, file.v.account, max(size, c.old)-max(c.file.Size(), c.old))
}

// grow counts what an account grows by, if it may.
func (f *FS) grow(ctx context.Context, a auth.Account, grows int64) error {
	if a.Quota == 0 || grows <= 0 {
		return nil
	}
	if _, err := f.used(ctx, a); err != nil {
		return err
	}
	h := f.usage.of(a.Root)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bytes+h.added+grows > a.Quota {
		return ErrQuota
	}
	h.added += grows
	return nil
}

// takeOver counts what is linked into an account's tree from elsewhere.
func (v *View) takeOver(ctx context.Context, s spot) error {
	if !strings.HasPrefix(s.display, elsewhere) {
		return nil
	}
	return v.growBy(ctx, s.child)
}

// growBy counts a file, or all that is in a directory.
func (v *View) growBy(ctx context.Context, c Child) error {
	r, ok := c.Cap.(caps.Read)
	switch {
	case v.account.Quota == 0 || !ok:
		return nil
	case caps.IsDirectory(r):
		return v.fs.grow(ctx, v.account, v.fs.count(ctx, r))
	}
	return v.fs.grow(ctx, v.account, v.fs.sizeOf(ctx, r))
}

// Usage is how many bytes the account holds, and how many it may; quota 0: as many as it likes, and nobody counts.
func (v *View) Usage(ctx context.Context) (used, quota int64, err error) {
	if quota = v.account.Quota; quota == 0 {
		return 0, 0, nil
	}
	used, err = v.fs.used(ctx, v.account)
	return used, quota, err
}

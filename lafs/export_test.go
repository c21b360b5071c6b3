package lafs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"tahoe/caps"
	"tahoe/lafs/mutable"
	"tahoe/storage"
)

// Memory is mutable files in memory. What it is told to do meanwhile, it does.
type Memory struct {
	mu    sync.Mutex
	files map[storage.Index]*memoryFile
	made  int

	// Surprise is called when an edit has been made and not yet written, with what it makes of the file, and returns what is
	// there then. When that is not nil, the edit is made again.
	Surprise func(old, edited []byte) []byte
	Read     func(k caps.Read) error // called before a file is read
	Written  int                     // how many versions
}

type memoryFile struct {
	mu       sync.Mutex
	contents []byte
}

// NewMemory makes one that holds nothing.
func NewMemory() *Memory { return &Memory{files: map[storage.Index]*memoryFile{}} }

// WithMemory is c with mutable files in memory.
func WithMemory(c *Client, m *Memory) *Client { c.mutable = m; return c }

// Place puts contents into the file of a capability.
func (m *Memory) Place(k caps.Read, contents []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, _ := caps.VerifyOnly(k)
	m.files[v.Index()] = &memoryFile{contents: contents}
}

func (m *Memory) create(_ context.Context, o mutable.CreateOptions, contents func(caps.MutableWrite) ([]byte, error)) (editable, error) {
	m.mu.Lock()
	m.made++
	hash := sha256.Sum256(fmt.Append(nil, m.made))
	m.mu.Unlock()
	k := caps.NewMutableWrite(o.Format, [16]byte(hash[:]), hash)
	b, err := contents(k)
	if err != nil {
		return nil, err
	}
	m.Place(k, b)
	return m.open(k)
}

func (m *Memory) open(k caps.Read) (editable, error) { return &memoryHandle{m, k}, nil }

type memoryHandle struct {
	m   *Memory
	cap caps.Read
}

func (h *memoryHandle) Cap() caps.Read { return h.cap }

func (h *memoryHandle) file() (*memoryFile, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	v, _ := caps.VerifyOnly(h.cap)
	f := h.m.files[v.Index()]
	if f == nil {
		return nil, &mutable.NotEnoughSharesError{}
	}
	return f, nil
}

func (h *memoryHandle) Contents(ctx context.Context, limit int64) ([]byte, mutable.Version, error) {
	if h.m.Read != nil {
		if err := h.m.Read(h.cap); err != nil {
			return nil, mutable.Version{}, err
		}
	}
	f, err := h.file()
	if err != nil {
		return nil, mutable.Version{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.contents, mutable.Version{}, ctx.Err()
}

func (h *memoryHandle) Prepare(ctx context.Context, limit int64) error {
	_, _, err := h.Contents(ctx, limit)
	return err
}

func (h *memoryHandle) Modify(ctx context.Context, limit int64, edit func([]byte) ([]byte, error)) (mutable.Version, error) {
	f, err := h.file()
	if err != nil {
		return mutable.Version{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		edited, err := edit(slices.Clone(f.contents))
		if err == mutable.ErrUnchanged {
			return mutable.Version{}, nil
		}
		if err != nil {
			return mutable.Version{}, err
		}
		if int64(len(edited)) > limit {
			return mutable.Version{}, ErrTooLarge
		}
		if h.m.Surprise != nil {
			if now := h.m.Surprise(f.contents, edited); now != nil {
				f.contents = now
				continue
			}
		}
		if ctx.Err() != nil {
			return mutable.Version{}, context.Cause(ctx)
		}
		h.m.Written++
		f.contents = edited
		return mutable.Version{}, nil
	}
}

package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tahoe/storage"
	"tahoe/storage/share"
)

// Prefix lists the indices whose text begins with two letters, in the order of their texts. Some may have no share.
func (s *Server) Prefix(prefix string) ([]storage.Index, error) {
	d, err := os.Open(filepath.Join(s.shares, prefix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list shares: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1) // a 1024th of all
	if err != nil {
		return nil, fmt.Errorf("list shares: %w", err)
	}
	slices.Sort(names)
	var out []storage.Index
	for _, name := range names {
		if i, err := storage.ParseIndex(name); err == nil && strings.HasPrefix(name, prefix) {
			out = append(out, i)
		}
	}
	return out, nil
}

// Visit calls f with the shares of i, and lets nobody else change them or their leases until f returns: what f decides by what it
// sees is true when it removes. Readers are not kept away.
func (s *Server) Visit(ctx context.Context, i storage.Index, f func(share.Visit) error) error {
	unlock, err := s.locks.lock(ctx, i)
	if err != nil {
		return err
	}
	defer unlock()
	v := &visit{s: s, index: i}
	err = f(v)
	if v.removed {
		_ = s.fs.Remove(s.dir(i)) // fails when something else lies there
	}
	return err
}

type visit struct {
	s       *Server
	index   storage.Index
	removed bool
}

// Look reads what is there. What cannot be read at all is an error, and what is read and is no share is corrupt.
func (v *visit) Look() (share.Bucket, error) {
	var b share.Bucket
	info, err := os.Stat(v.s.dir(v.index))
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return b, fmt.Errorf("look at the shares of %s: %w", v.index.Abbrev(), err)
	}
	b.DiskBytes = diskBytes(info)
	numbers, err := v.s.numbers(v.index)
	if err != nil {
		return b, err
	}
	for _, n := range numbers {
		h, err := v.s.openShare(key{v.index, n}, os.O_RDONLY)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			b.Corrupt = append(b.Corrupt, n)
			continue
		case err != nil:
			return b, err
		}
		held, err := h.held()
		h.close()
		if err != nil {
			return b, fmt.Errorf("look at share %s: %w", h.key, err)
		}
		b.Shares = append(b.Shares, held)
	}
	return b, nil
}

// held describes the open share.
func (h *handle) held() (share.Held, error) {
	info, err := h.file.Stat()
	if err != nil {
		return share.Held{}, err
	}
	out := share.Held{Share: h.key.share, Kind: h.kind, FileBytes: info.Size(), DiskBytes: diskBytes(info), Changed: info.ModTime()}
	for l, err := range h.leases() {
		if err != nil {
			return out, err
		}
		if h.kind == storage.KindImmutable || l.Owner != 0 {
			out.Leases = append(out.Leases, l.Expires)
		}
	}
	return out, nil
}

// Remove removes a share. It is not synced: a share that a power failure brings back is removed by the next visitor.
func (v *visit) Remove(n storage.ShareNum) error {
	k := key{v.index, n}
	c, err := v.s.goingAway(k)
	if err != nil {
		return err
	}
	if err := v.s.fs.Remove(v.s.path(k)); err != nil {
		return fmt.Errorf("remove share %s: %w", k, err)
	}
	v.removed = true
	v.s.changed(c)
	return nil
}

// goingAway is the change that the removal of a share is.
func (s *Server) goingAway(k key) (share.Change, error) {
	h, err := s.openShare(k, os.O_RDONLY)
	if err != nil {
		return share.Change{}, err
	}
	defer h.close()
	return share.Change{Index: k.index, Share: k.share, Kind: h.kind, Shares: -1, Bytes: -h.size()}, nil
}

// size is how long the file is.
func (h *handle) size() int64 {
	n, err := h.file.Size()
	if err != nil {
		return 0 // an open file has a size
	}
	return n
}

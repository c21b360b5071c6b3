package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strconv"

	"tahoe/internal/durable"
	"tahoe/storage"
	"tahoe/storage/share"
)

// shareNumbers are the entries of a directory that have a share's name, ascending.
func shareNumbers(entries []fs.DirEntry) []storage.ShareNum {
	var out []storage.ShareNum
	for _, e := range entries {
		if n, ok := shareNumber(e.Name()); ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// shareNumber reads the name of a share file: a decimal number without leading zeros.
func shareNumber(name string) (storage.ShareNum, bool) {
	n, err := strconv.Atoi(name)
	num := storage.ShareNum(n)
	return num, err == nil && num.Valid() && strconv.Itoa(n) == name
}

// handle is an open share file. One of immutable and mutable is set, as kind says.
type handle struct {
	key       key
	kind      storage.Kind
	file      *durable.File
	immutable share.Immutable
	mutable   share.Mutable
	before    int64 // the length of the file when it was opened
}

func (h *handle) close() { _ = h.file.Close() }

// leases are all leases, or places for them.
func (h *handle) leases() iter.Seq2[share.Lease, error] {
	if h.kind == storage.KindMutable {
		return h.mutable.AllLeases(h.file)
	}
	return h.immutable.AllLeases(h.file)
}

// openShare opens a share. ErrNotFound when there is none, or the file is no share, which is logged.
func (s *Server) openShare(k key, flag int) (*handle, error) {
	file, err := s.fs.Open(s.path(k), flag, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("share %s: %w", k, storage.ErrNotFound)
		}
		if info, statErr := os.Lstat(s.path(k)); statErr == nil && info.IsDir() {
			return nil, fmt.Errorf("share %s is a directory: %w", k, storage.ErrNotFound)
		}
		return nil, fmt.Errorf("open share %s: %w", k, err)
	}
	h, err := parse(file)
	if err != nil {
		_ = file.Close()
		if errors.Is(err, share.ErrCorrupt) {
			s.log.Warn("file is no share", "path", s.path(k), "error", err)
			return nil, fmt.Errorf("share %s: %w: %w", k, storage.ErrNotFound, err)
		}
		return nil, fmt.Errorf("open share %s: %w", k, err)
	}
	h.key, h.file = k, file
	return h, nil
}

// shareFile is what parse looks at: a *durable.File.
type shareFile interface {
	io.ReaderAt
	Size() (int64, error)
	Stat() (os.FileInfo, error)
}

// parse reads the header of a share file, for a handle that does not have its file yet. Whoever reads need not have the
// lock of the index, so a lease may be added meanwhile: the file gets longer first, and its header counts the lease
// afterwards. A header that was read while the length stayed the same fits that length.
func parse(file shareFile) (*handle, error) {
	size, err := file.Size()
	for err == nil {
		h, parseErr := parseSized(file, size)
		var now int64
		if now, err = file.Size(); err == nil && now == size {
			return h, parseErr
		}
		size = now
	}
	return nil, err
}

func parseSized(file shareFile, size int64) (*handle, error) {
	var head [share.MagicSize]byte
	n, err := file.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		if info, statErr := file.Stat(); statErr == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("not a regular file: %w", share.ErrCorrupt)
		}
		return nil, err
	}
	h := &handle{before: size}
	if share.IsMutable(head[:n]) {
		h.kind = storage.KindMutable
		h.mutable, err = share.ReadMutable(file, size)
	} else {
		h.immutable, err = share.ParseImmutable(head[:n], size)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// openAll opens the shares of i, of all kinds, ascending. Files that are no shares are left out. The caller closes the
// handles.
func (s *Server) openAll(i storage.Index, flag int) ([]*handle, error) {
	numbers, err := s.numbers(i)
	if err != nil {
		return nil, err
	}
	var out []*handle
	for _, n := range numbers {
		h, err := s.openShare(key{i, n}, flag)
		switch {
		case err == nil:
			out = append(out, h)
		case !errors.Is(err, storage.ErrNotFound):
			closeAll(out)
			return nil, err
		}
	}
	return out, nil
}

func closeAll(handles []*handle) {
	for _, h := range handles {
		h.close()
	}
}

// held lists the shares of i of one kind, ascending.
func (s *Server) held(i storage.Index, kind storage.Kind) ([]storage.ShareNum, error) {
	numbers, err := s.numbers(i)
	if err != nil {
		return nil, err
	}
	out := numbers[:0]
	for _, n := range numbers {
		h, err := s.openShare(key{i, n}, os.O_RDONLY)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if h.kind == kind {
			out = append(out, n)
		}
		h.close()
	}
	return out, nil
}

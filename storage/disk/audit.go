package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"tahoe/internal/durable"
	"tahoe/storage"
)

// A Finding is something in a storage directory that does not belong there, or is not what it should be.
type Finding struct {
	Path string
	Err  error
}

func (f Finding) String() string { return f.Path + ": " + f.Err.Error() }

// What Audit finds.
var (
	ErrStray      = errors.New("does not belong here")
	ErrLeftover   = errors.New("left over by a process that died; the next start removes it")
	ErrUnfinished = errors.New("bytes behind the leases, of a lease that was being added when a process died; the share is whole")
)

// Audit walks the storage directory and yields everything that is wrong: files that are no shares or are cut short,
// stray files, and, unless an open writer of s owns them, leftovers in incoming. It keeps one directory's next few names
// in memory. What changes meanwhile may be seen before or after.
func (s *Server) Audit(ctx context.Context) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		a := auditor{s: s, ctx: ctx, yield: yield}
		_ = a.prefixes()
	}
}

// errStop ends a walk whose caller wants no more.
var errStop = errors.New("stopped")

type auditor struct {
	s     *Server
	ctx   context.Context
	yield func(Finding) bool
}

func (a auditor) report(path string, err error) error {
	if !a.yield(Finding{path, err}) {
		return errStop
	}
	return nil
}

// each calls f for every entry of a directory, a few at a time.
func (a auditor) each(dir string, f func(path string, e fs.DirEntry) error) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return a.report(dir, err)
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(64)
		for _, e := range entries {
			if a.ctx.Err() != nil {
				return errStop
			}
			if err := f(filepath.Join(dir, e.Name()), e); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return a.report(dir, err)
		}
	}
}

func (a auditor) prefixes() error {
	return a.each(a.s.shares, func(path string, e fs.DirEntry) error {
		switch {
		case e.Name() == filepath.Base(a.s.incoming):
			return a.incoming(path)
		case !e.IsDir() || len(e.Name()) != 2:
			return a.report(path, ErrStray)
		default:
			return a.indices(path, e.Name())
		}
	})
}

func (a auditor) indices(dir, prefix string) error {
	return a.each(dir, func(path string, e fs.DirEntry) error {
		i, err := storage.ParseIndex(e.Name())
		if !e.IsDir() || err != nil || e.Name()[:2] != prefix {
			return a.report(path, ErrStray)
		}
		return a.shares(path, i)
	})
}

func (a auditor) shares(dir string, i storage.Index) error {
	return a.each(dir, func(path string, e fs.DirEntry) error {
		_, ok := shareNumber(e.Name())
		if !ok || !e.Type().IsRegular() {
			return a.report(path, ErrStray)
		}
		err := a.share(path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return a.report(path, err)
	})
}

// share reads a share's header and all its leases.
func (a auditor) share(path string) error {
	file, err := durable.FS{}.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	h, err := parse(file)
	if err != nil {
		return err
	}
	h.file = file
	if h.kind == storage.KindImmutable && h.immutable.Unfinished > 0 {
		return ErrUnfinished
	}
	for _, err := range h.leases() {
		if err != nil {
			return fmt.Errorf("reading leases: %w", err)
		}
	}
	return nil
}

// incoming reports files that no writer owns. Directories by themselves are nothing.
func (a auditor) incoming(dir string) error {
	return a.each(dir, func(path string, e fs.DirEntry) error {
		if e.IsDir() {
			return a.incoming(path)
		}
		if a.s.writing(path) {
			return nil
		}
		return a.report(path, ErrLeftover)
	})
}

// writing says whether an open writer owns the file at path.
func (s *Server) writing(path string) bool {
	dir, name := filepath.Split(path)
	i, err := storage.ParseIndex(filepath.Base(dir))
	n, ok := shareNumber(name)
	if err != nil || !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writers[key{i, n}] != nil
}

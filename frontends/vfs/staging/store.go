package staging

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"tahoe/internal/durable"
)

// A Store is a folder of files. It may be used by several goroutines at once.
type Store struct {
	dir   string
	disk  durable.FS
	seal  cipher.AEAD
	limit int64

	used    atomic.Int64
	open    atomic.Int64  // files of the system
	last    atomic.Uint64 // the ID that was given last
	scratch sync.Pool     // of *[chunkSize]byte
}

const (
	dataSuffix = ".data"
	keptSuffix = ".kept"
	label      = "tahoe staged files, version 1"
)

// Config is what a Store is made of.
type Config struct {
	Secret []byte // of the node; the same at every start
	Limit  int64  // bytes of all files together
	Disk   durable.FS
}

// A Kept is a file that was kept, with the note about it.
type Kept struct {
	File *File
	Note []byte
}

// Open opens the folder, making it when it is not there, and returns what was kept, in the order in which the files were made. What was
// not kept is removed. Records that cannot be opened stay where they are, and are named in strange: they were made under
// another secret, or are damaged.
func Open(dir string, c Config) (s *Store, kept []Kept, strange []string, err error) {
	if s, err = newStore(dir, c); err != nil {
		return nil, nil, nil, err
	}
	if err := s.disk.MkdirAll(filepath.Dir(dir), dir, 0o700); err != nil {
		return nil, nil, nil, fmt.Errorf("make the folder of staged files: %w", err)
	}
	records, data, err := s.list()
	if err != nil {
		return nil, nil, nil, err
	}
	hold := make(map[uint64]bool)
	for _, id := range records {
		k, err := s.reopen(id)
		if err != nil {
			strange = append(strange, fmt.Sprintf("%s: %v", filepath.Base(s.path(id, keptSuffix)), err))
			hold[id] = true
			continue
		}
		kept, hold[id] = append(kept, k), true
	}
	for _, id := range data {
		if !hold[id] {
			if err := s.disk.Remove(s.path(id, dataSuffix)); err != nil {
				return nil, nil, nil, err
			}
		}
	}
	return s, kept, strange, nil
}

func newStore(dir string, c Config) (*Store, error) {
	if len(c.Secret) == 0 {
		return nil, errors.New("staged files need a secret of the node")
	}
	key, err := hkdf.Key(sha256.New, c.Secret, nil, label, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	s := &Store{dir: dir, disk: c.Disk, seal: seal, limit: c.Limit}
	s.scratch.New = func() any { return new([chunkSize]byte) }
	return s, nil
}

// list finds the IDs of records and of data, ascending, and removes temporary files.
func (s *Store) list() (records, data []uint64, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list staged files: %w", err)
	}
	for _, e := range entries {
		name, suffix := e.Name(), filepath.Ext(e.Name())
		if suffix == durable.TempSuffix {
			if err := s.disk.Remove(filepath.Join(s.dir, name)); err != nil {
				return nil, nil, err
			}
			continue
		}
		id, err := strconv.ParseUint(strings.TrimSuffix(name, suffix), 16, 64)
		if err != nil {
			continue // nothing of ours
		}
		switch suffix {
		case keptSuffix:
			records = append(records, id)
		case dataSuffix:
			data = append(data, id)
		}
		s.last.Store(max(s.last.Load(), id))
	}
	slices.Sort(records)
	return records, data, nil
}

func (s *Store) path(id uint64, suffix string) string {
	return filepath.Join(s.dir, fmt.Sprintf("%016x", id)+suffix)
}

// Used is how many bytes the files take, and Limit how many they may.
func (s *Store) Used() int64  { return s.used.Load() }
func (s *Store) Limit() int64 { return s.limit }

// reserve takes n bytes of the limit, or gives -n back.
func (s *Store) reserve(n int64) error {
	for {
		used := s.used.Load()
		if n > 0 && used+n > s.limit {
			return ErrNoSpace
		}
		if s.used.CompareAndSwap(used, used+n) {
			return nil
		}
	}
}

// New makes an empty file.
func (s *Store) New() (*File, error) {
	if s.open.Load() >= maxOpen {
		return nil, ErrTooMany
	}
	f := &File{s: s, id: s.last.Add(1), turn: make(chan struct{}, 1)}
	_, _ = rand.Read(f.key[:]) // cannot fail
	var err error
	if f.block, err = aes.NewCipher(f.key[:]); err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	if f.data, err = s.disk.Open(s.path(f.id, dataSuffix), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, fmt.Errorf("make a staged file: %w", asNoSpace(err))
	}
	s.open.Add(1)
	return f, nil
}

// Audit says what is wrong in the folder: nil when every record can be opened and has its data, and no data is without a record.
// Files that are open and have not been kept count as wrong.
func Audit(dir string, secret []byte) error {
	s, err := newStore(dir, Config{Secret: secret, Limit: 1 << 62})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	have := make(map[string]int)
	for _, e := range entries {
		suffix := filepath.Ext(e.Name())
		stem := strings.TrimSuffix(e.Name(), suffix)
		id, err := strconv.ParseUint(stem, 16, 64)
		if err != nil || suffix != dataSuffix && suffix != keptSuffix {
			errs = append(errs, fmt.Errorf("%s does not belong there", e.Name()))
			continue
		}
		have[stem]++
		if suffix == keptSuffix {
			if _, err := s.reopen(id); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", e.Name(), err))
			}
		}
	}
	for stem, n := range have {
		if n != 2 {
			errs = append(errs, fmt.Errorf("%s is half of a staged file", stem))
		}
	}
	return errors.Join(errs...)
}

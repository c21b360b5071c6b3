// Package disk is a storage.Server over a directory, laid out as Tahoe-LAFS 1.20 lays it out, so that either program
// can take over the other's shares:
//
//	shares/<2 characters>/<26 characters>/<number>   a share: the index in base32 below its first two characters
//	shares/incoming/…                                immutable shares that are being written; wiped at the start
//	corruption-advisories/<time>--<index>-<number>   what clients reported; with .tmp behind it, half of that, removed at the start
//
// It is for storage nodes. storage/share says what is in a share file.
//
// The invariant: whatever is under shares, incoming aside, is a whole share, at every moment and after every crash.
//
//   - An immutable share is written in incoming, synced, and renamed into place when it is complete; then the
//     directories are synced.
//   - A mutable share is never changed in place. Its new content is written in incoming: a copy of the old file (which
//     the kernel makes, and shares blocks where the file system can), with the writes applied to it. It is synced and
//     renamed over the old file. A journal beside the share would save the copy for large shares, but then somebody has
//     to replay it before the share can be read again, and the next to open the directory may be the original, which
//     does not know it. When a TestAndWrite changes several shares, all of their new files are synced before the first
//     is renamed, so that an error until then, a full disk for one, changes nothing; a crash between two renames leaves
//     each share whole, some old and some new, as a client finds it when some of its servers did not answer.
//   - Leases are added in place, without a copy of the data: the lease is synced before the count that makes it one. In
//     between, the end of an immutable share would mean something else to the original, so a note in incoming says how
//     long the file was, and the next start cuts it.
//
// A file that is no share is as if it were not there, but is logged, and Audit names it.
package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/internal/durable"
	"tahoe/storage"
	"tahoe/storage/share"
)

// IdleTimeout is how long a writer may be idle before the server aborts it.
const IdleTimeout = 30 * time.Minute

const (
	dirPerm  = 0o777
	filePerm = 0o666
)

// Config says where shares are kept and how many. Dir and Now are required.
type Config struct {
	Dir           string // storage directory; made if it is not there
	Now           func() time.Time
	NodeID        [20]byte // the server's identity, noted in mutable shares
	Application   string   // name and version of the program; "tahoe" when empty
	ReservedSpace uint64   // bytes of the file system that are left free
	ReadOnly      bool     // no new immutable shares; mutable ones may still change, and leases be added
	Frozen        bool     // mutable shares neither come nor change
	Ledger        Ledger   // keeps account, and sets limits; nil: nobody does
	MaxWriters    int      // shares being uploaded at once; 0 is half as many as the process may have files open, and at most 65536
	Discard       bool     // throw the data of immutable shares away, for measuring: they read as zero bytes
	Log           *slog.Logger

	Free func(dir string) (uint64, error) // free bytes of the file system; nil: ask the system. errors.ErrUnsupported: without limit
	Step durable.Hook                     // crash tests
}

// Server keeps shares in a directory.
type Server struct {
	cfg      Config
	log      *slog.Logger
	fs       durable.FS
	shares   string
	incoming string
	advice   string
	locks    locks
	temps    atomic.Uint64     // names of temporary files
	prefixes [1024]atomic.Bool // prefix directories that are known to be durable
	large    chan struct{}     // one slot for each large buffer in use

	mu        sync.Mutex
	writers   map[key]*writer
	allocated uint64 // bytes of open writers

	allocatedBy map[string]uint64 // of them, by clients
}

var _ storage.Server = (*Server)(nil)

// key names a share.
type key struct {
	index storage.Index
	share storage.ShareNum
}

func (k key) String() string { return fmt.Sprintf("%s/%d", k.index.Abbrev(), k.share) }

// Open makes the directory ready: what an earlier process left half done is cleaned away. One process at a time uses a
// directory; the caller sees to that.
func Open(c Config) (*Server, error) {
	if c.Now == nil || c.Dir == "" {
		return nil, errors.New("storage server needs a directory and a clock")
	}
	s := &Server{
		cfg:     c,
		log:     c.Log,
		fs:      durable.FS{Step: c.Step},
		shares:  filepath.Join(c.Dir, "shares"),
		advice:  filepath.Join(c.Dir, "corruption-advisories"),
		locks:   newLocks(),
		writers: map[key]*writer{},

		allocatedBy: map[string]uint64{},

		large: make(chan struct{}, largeBuffers),
	}
	s.incoming = filepath.Join(s.shares, "incoming")
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.cfg.Free == nil {
		s.cfg.Free = freeSpace
	}
	if s.cfg.Ledger == nil {
		s.cfg.Ledger = noLedger{}
	}
	s.cfg.Application = cmp.Or(s.cfg.Application, "tahoe")
	s.cfg.MaxWriters = cmp.Or(s.cfg.MaxWriters, int(min(descriptors()/2, 1<<16)))
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("open storage directory: %w", err)
	}
	return s, nil
}

func (s *Server) prepare() error {
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return err
	}
	for _, dir := range []string{s.shares, s.advice} {
		if err := s.fs.Mkdir(dir, dirPerm); err != nil {
			return err
		}
	}
	if err := s.fs.SyncDir(s.cfg.Dir); err != nil {
		return err
	}
	if err := s.cleanAdvice(); err != nil {
		return err
	}
	if err := s.healLeases(); err != nil {
		return err
	}
	if err := s.fs.RemoveAll(s.incoming); err != nil {
		return err
	}
	return s.fs.Mkdir(s.incoming, dirPerm)
}

// Run aborts writers that have been idle too long, until ctx ends; then it aborts all that are left. It is a
// reactor.Service.
func (s *Server) Run(ctx context.Context, ready func()) error {
	ready()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.AbortIdle(ctx)
		case <-ctx.Done():
			s.abortBefore(context.WithoutCancel(ctx), nil)
			return nil
		}
	}
}

// AbortIdle aborts the writers that have not been written to for IdleTimeout.
func (s *Server) AbortIdle(ctx context.Context) {
	limit := s.cfg.Now().Add(-IdleTimeout)
	s.abortBefore(ctx, &limit)
}

// abortBefore aborts the writers whose last write was at limit or earlier, or all.
func (s *Server) abortBefore(ctx context.Context, limit *time.Time) {
	var idle []*writer
	s.mu.Lock()
	for _, w := range s.writers {
		if limit == nil || !w.lastUse().After(*limit) {
			idle = append(idle, w)
		}
	}
	s.mu.Unlock()
	for _, w := range idle {
		s.log.Info("aborting upload", "share", w.key.String(), "idle since", w.lastUse())
		if err := w.Abort(ctx); err != nil {
			s.log.Warn("aborting upload", "share", w.key.String(), "error", err)
		}
	}
}

// dir is the directory of the shares of i.
func (s *Server) dir(i storage.Index) string {
	text := i.String()
	return filepath.Join(s.shares, text[:2], text)
}

func (s *Server) path(k key) string {
	return filepath.Join(s.dir(k.index), strconv.Itoa(int(k.share)))
}

// temp is a new name for a file that is going to be renamed. It lies directly in incoming, where no share lies.
func (s *Server) temp() string {
	return filepath.Join(s.incoming, "slot-"+strconv.FormatUint(s.temps.Add(1), 10))
}

// syncDir makes the entries of the directory of i durable, and the directory itself, and its parents. The prefix
// directories are few and are never removed, so one that has been synced once needs it no more.
func (s *Server) syncDir(i storage.Index) error {
	dir := s.dir(i)
	known := &s.prefixes[int(i[0])<<2|int(i[1])>>6]
	if known.Load() {
		return s.fs.SyncPath(filepath.Dir(dir), dir)
	}
	if err := s.fs.SyncPath(s.shares, dir); err != nil {
		return err
	}
	known.Store(true)
	return nil
}

// numbers lists the files of the directory of i that have a share's name, ascending.
func (s *Server) numbers(i storage.Index) ([]storage.ShareNum, error) {
	entries, err := os.ReadDir(s.dir(i))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("list shares of %s: %w", i.Abbrev(), err)
	}
	return shareNumbers(entries), nil
}

// Leases returns the leases of a share.
func (s *Server) Leases(i storage.Index, n storage.ShareNum) ([]share.Lease, error) {
	h, err := s.openShare(key{i, n}, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer h.close()
	var out []share.Lease
	for l, err := range h.leases() {
		if err != nil {
			return nil, err
		}
		if h.kind == storage.KindImmutable || l.Owner != 0 {
			out = append(out, l)
		}
	}
	return out, nil
}

package uploads

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tahoe/frontends/vfs/staging"
	"tahoe/internal/durable"
	"tahoe/reactor"
)

// Config is what a Spool is made of. Secret, Limit and Keep are required.
type Config struct {
	Secret []byte        // of the node; the same at every start
	Limit  int64         // bytes of all uploads together
	Keep   time.Duration // how long an upload to which nothing happens is kept
	Disk   durable.FS
	Clock  reactor.Clock
	Log    *slog.Logger
}

// A Spool is a folder of uploads. It may be used by several goroutines at once.
type Spool struct {
	c     Config
	store *staging.Store
	part  int64 // the size of a full part
	most  int   // uploads at once

	mu  sync.Mutex
	all map[string]*Upload
}

// Open opens the folder, making it when it is not there, with the uploads that are in it.
func Open(dir string, c Config) (*Spool, error) {
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	store, kept, strange, err := staging.Open(dir, staging.Config{Secret: c.Secret, Limit: c.Limit, Disk: c.Disk})
	if err != nil {
		return nil, fmt.Errorf("open the uploads under way: %w", err)
	}
	for _, what := range strange {
		c.Log.Error("an upload under way cannot be read, and is left where it is", "what", what)
	}
	s := &Spool{c: c, store: store, part: partSize, most: maxUploads, all: map[string]*Upload{}}
	if err := s.restore(kept); err != nil {
		return nil, errors.Join(fmt.Errorf("open the uploads under way: %w", err), s.Close())
	}
	return s, nil
}

// Close leaves the uploads on the disk for the next Open. Nobody may use one any more.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, u := range s.all {
		for _, p := range u.parts {
			errs = append(errs, p.file.Close())
		}
		errs = append(errs, u.head.Close())
	}
	return errors.Join(errs...)
}

// Limit is how many bytes all uploads may have together, and Free how many more they may have now.
func (s *Spool) Limit() int64 { return s.store.Limit() }
func (s *Spool) Free() int64  { return max(0, s.store.Limit()-s.store.Used()) }

// Create begins an upload of so many bytes; a size below 0 says that nobody knows it yet. What metadata are, and what is up to the owner, is
// the caller's matter.
func (s *Spool) Create(size int64, metadata, owner string) (*Upload, error) {
	s.Sweep()
	if err := s.makeRoom(); err != nil {
		return nil, err
	}
	head, err := s.store.New()
	if err != nil {
		return nil, err
	}
	u := newUpload(s, head, record{ID: rand.Text(), Size: max(size, unknown), Metadata: metadata, Owner: owner, Used: s.c.Clock.Now()})
	if err := u.keep(u.record); err != nil {
		return nil, errors.Join(err, head.Release())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[u.id] = u
	return u, nil
}

// Get finds an upload. Who knows its ID may use it.
func (s *Spool) Get(id string) (*Upload, error) {
	s.mu.Lock()
	u := s.all[id]
	s.mu.Unlock()
	if u == nil {
		return nil, ErrUnknown
	}
	if u.expired(s.c.Clock.Now()) {
		s.Sweep()
		return nil, ErrUnknown
	}
	return u, nil
}

// All lists the uploads, the oldest first.
func (s *Spool) All() []*Upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Upload
	for _, u := range s.all {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *Upload) int { return cmp.Compare(a.head.ID(), b.head.ID()) })
	return all
}

// Sweep removes what has expired and nobody uses.
func (s *Spool) Sweep() {
	now := s.c.Clock.Now()
	for _, u := range s.All() {
		if !u.expired(now) {
			continue
		}
		release, ok := u.tryTake()
		if !ok {
			continue
		}
		if u.expired(now) { // not used since
			if err := u.Remove(); err != nil {
				s.c.Log.Error("an upload that has expired cannot be removed", "err", err)
			}
		}
		release()
	}
}

// makeRoom drops the oldest upload that is done, when there are too many.
func (s *Spool) makeRoom() error {
	all := s.All()
	if len(all) < s.most {
		return nil
	}
	for _, u := range all {
		if u.Status().Done {
			return u.Remove()
		}
	}
	return ErrTooMany
}

func (s *Spool) drop(u *Upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, u.id)
}

// A note is what a staged file says of itself: one of the two.
type note struct {
	Head *record   `json:",omitempty"`
	Part *partNote `json:",omitempty"`
}

// A partNote says where a part belongs: to the head with that number, from Offset on.
type partNote struct {
	Head   uint64
	Offset int64
	Used   time.Time
}

// restore makes uploads of what was found on the disk.
func (s *Spool) restore(kept []staging.Kept) error {
	heads, parts := map[uint64]*Upload{}, map[uint64][]part{}
	for _, k := range kept {
		var n note
		if err := json.Unmarshal(k.Note, &n); err != nil || (n.Head == nil) == (n.Part == nil) {
			s.c.Log.Error("a part of an upload has a note that this version cannot read, and is left where it is")
			if err := k.File.Close(); err != nil {
				return err
			}
			continue
		}
		if n.Head != nil {
			u := newUpload(s, k.File, *n.Head)
			heads[k.File.ID()], s.all[u.id] = u, u
			continue
		}
		parts[n.Part.Head] = append(parts[n.Part.Head], part{file: k.File, off: n.Part.Offset, size: k.File.Size(), used: n.Part.Used})
	}
	for id, list := range parts {
		if err := heads[id].adopt(list); err != nil {
			return err
		}
	}
	return nil
}

// adopt takes the parts that go on from each other. What is left over, joined since or of an upload that is over, is removed: a
// node that was killed between two steps leaves such parts.
func (u *Upload) adopt(list []part) error {
	slices.SortFunc(list, func(a, b part) int { return cmp.Or(cmp.Compare(a.off, b.off), cmp.Compare(b.size, a.size)) })
	for _, p := range list {
		if u == nil || u.record.Done || p.off != u.received {
			if err := p.file.Release(); err != nil {
				return err
			}
			continue
		}
		u.parts = append(u.parts, p)
		u.received += p.size
		if p.used.After(u.record.Used) {
			u.record.Used = p.used
		}
	}
	return nil
}

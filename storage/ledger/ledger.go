// Package ledger keeps account of what a storage directory holds: shares and bytes by kind and by client, and how much more each
// client may store. It is for storage nodes: storage/disk tells it of every change and asks it for room, and the crawler of storage/crawler
// takes a census, which puts right whatever a crash made it miss.
//
// Two things lie beside the shares. usage.json holds the figures. The folder owners holds who brought a share that did not come by the
// announced address, as lines "INDEX SHARE CLIENT", one file for each two letters that an index begins with; the last line for a share
// counts. Both are written a moment later than the shares: who dies in between has some shares charged to nobody, and counts wrong until the
// next census ends. The format of shares knows nothing of owners, so that other programs can take the directory over.
//
// The invariant: nothing here makes a share come or go. The worst that a lost or wrong file does is a wrong bill.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tahoe/internal/durable"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/share"
)

// A Sum is a number of shares, and of the bytes of their files.
type Sum struct {
	Shares int64 `json:"shares"`
	Bytes  int64 `json:"bytes"`
}

func (s *Sum) add(shares, bytes int64) { s.Shares, s.Bytes = s.Shares+shares, s.Bytes+bytes }

// Usage is what there is.
type Usage struct {
	Immutable Sum            `json:"immutable"`
	Mutable   Sum            `json:"mutable"`
	Clients   map[string]Sum `json:"clients,omitempty"` // of those who have a grant
}

// Bytes is what all shares take.
func (u Usage) Bytes() int64 { return u.Immutable.Bytes + u.Mutable.Bytes }

func (u *Usage) add(kind storage.Kind, client string, shares, bytes int64) {
	if kind == storage.KindMutable {
		u.Mutable.add(shares, bytes)
	} else {
		u.Immutable.add(shares, bytes)
	}
	if client == "" {
		return
	}
	if u.Clients == nil {
		u.Clients = map[string]Sum{}
	}
	sum := u.Clients[client]
	sum.add(shares, bytes)
	u.Clients[client] = sum
}

func (u *Usage) merge(v Usage) {
	u.Immutable.add(v.Immutable.Shares, v.Immutable.Bytes)
	u.Mutable.add(v.Mutable.Shares, v.Mutable.Bytes)
	for client, sum := range v.Clients {
		if u.Clients == nil {
			u.Clients = map[string]Sum{}
		}
		all := u.Clients[client]
		all.add(sum.Shares, sum.Bytes)
		u.Clients[client] = all
	}
}

func (u Usage) clone() Usage {
	u.Clients = maps.Clone(u.Clients)
	return u
}

// Limits are the most bytes that files of shares may have; 0 is without limit.
type Limits struct {
	Total   uint64
	Clients map[string]uint64
}

// Config says where the ledger lies. All but Log is required.
type Config struct {
	Dir    string // storage directory, which exists
	Limits Limits
	Clock  reactor.Clock
	Log    *slog.Logger
}

// A Ledger keeps account. It is a disk.Ledger, a crawler.Census, and a reactor.Service.
type Ledger struct {
	c      Config
	owners *owners

	mu      sync.Mutex
	live    Usage
	counted time.Time // when the last census ended
	census  *census   // nil: none is being taken
	saved   *census   // as the crawler last wanted it saved
	dirty   bool
}

// file is usage.json.
type file struct {
	Version int       `json:"version"`
	Usage   Usage     `json:"usage"`
	Counted time.Time `json:"counted"`
	Census  *census   `json:"census,omitempty"`
}

const version = 1

// Open reads what an earlier process knew. A file that cannot be read is as if it were not there.
func Open(c Config) (*Ledger, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	l := &Ledger{c: c}
	var err error
	if l.owners, err = openOwners(filepath.Join(c.Dir, "owners")); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	var f file
	b, err := os.ReadFile(l.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Join(c.Dir, "shares")); errors.Is(err, fs.ErrNotExist) {
			l.counted, l.dirty = c.Clock.Now(), true // a new directory, of which all is known
		}
		return l, nil
	case err == nil:
		err = json.Unmarshal(b, &f)
	}
	if err != nil || f.Version != version {
		c.Log.Warn("usage of storage is counted anew", "file", l.path(), "error", err)
		return l, nil
	}
	l.live, l.counted, l.saved, l.census = f.Usage, f.Counted, f.Census, f.Census.clone()
	return l, nil
}

func (l *Ledger) path() string { return filepath.Join(l.c.Dir, "usage.json") }

// Usage is what there is now, and when it was last counted: never, if that is zero.
func (l *Ledger) Usage() (Usage, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live.clone(), l.counted
}

// Limits are those of Config.
func (l *Ledger) Limits() Limits { return l.c.Limits }

// Left is how many bytes may be added, in all and by one client.
func (l *Ledger) Left(client string) (all, own uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return left(l.c.Limits.Total, l.live.Bytes()), left(l.c.Limits.Clients[client], l.live.Clients[client].Bytes)
}

func left(limit uint64, used int64) uint64 {
	if limit == 0 {
		return math.MaxUint64
	}
	return limit - min(limit, uint64(max(0, used)))
}

// Changed notes a change.
func (l *Ledger) Changed(c share.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Shares == 0 && c.Bytes == 0 {
		return
	}
	client := l.owners.note(c)
	l.dirty = true
	l.live.add(c.Kind, client, int64(c.Shares), c.Bytes)
	if l.census != nil {
		l.census.note(c, client)
	}
}

const (
	ownersEvery = time.Second
	usageEvery  = 60 // times ownersEvery
)

// Run writes down what has changed, now and then and when ctx ends.
func (l *Ledger) Run(ctx context.Context, ready func()) error {
	ready()
	for n := 1; ; n++ {
		if reactor.Sleep(ctx, l.c.Clock, ownersEvery) != nil {
			return errors.Join(l.owners.flush(), l.save())
		}
		err := l.owners.flush()
		if n%usageEvery == 0 {
			err = errors.Join(err, l.save())
		}
		if err != nil {
			l.c.Log.Warn("writing down the usage of storage", "error", err)
		}
	}
}

// save writes usage.json.
func (l *Ledger) save() error {
	l.mu.Lock()
	f := file{Version: version, Usage: l.live.clone(), Counted: l.counted, Census: l.saved}
	dirty := l.dirty
	l.dirty = false
	l.mu.Unlock()
	if !dirty {
		return nil
	}
	b, err := json.Marshal(f)
	if err == nil {
		err = durable.FS{}.WriteFile(l.path(), b, 0o644)
	}
	if err != nil {
		l.mu.Lock()
		l.dirty = true
		l.mu.Unlock()
	}
	return err
}

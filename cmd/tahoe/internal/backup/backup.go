// Package backup stores a local tree on a grid, as directories that cannot change, below Archives of a directory of the grid. What an
// earlier backup stored, and has not changed since, is not sent again. It is for `tahoe backup`.
//
// Of the tree it holds the directories between the top and where the walk is, and what is under way. The invariants: a backup gets its
// name when all of it is there; and what is noted of a file in the database is what was in it when it was as the note says.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/cmd/tahoe/internal/backupdb"
	"tahoe/cmd/tahoe/internal/fnmatch"
	"tahoe/cmd/tahoe/internal/tally"
	"tahoe/cmd/tahoe/internal/treejobs"
	"tahoe/frontends/web/wapi"
	"tahoe/reactor"
)

// A Gateway is what a backup needs of a node. *wapi.Client is one.
type Gateway interface {
	Node(ctx context.Context, capability string, path []string) (wapi.Node, error)
	Put(ctx context.Context, src io.Reader, size int64, o wapi.PutOptions) (capability string, created bool, err error)
	PutURI(ctx context.Context, capability string, path []string, child string, r wapi.Replace) error
	MkdirAt(ctx context.Context, capability string, path []string, o wapi.MkdirOptions) (string, error)
	MkdirImmutable(ctx context.Context, children wapi.NewChildren) (string, error)
	Check(ctx context.Context, capability string, path []string, o wapi.CheckOptions) (wapi.CheckResult, error)
}

// Config is what a backup takes besides its places. Gateway, DB and Parallel are needed.
type Config struct {
	Gateway     Gateway
	DB          *backupdb.DB
	Parallel    int          // files under way at once
	Exclude     *fnmatch.Set // names that are left out; nil: none
	IgnoreTimes bool         // every file is sent
	Tally       *tally.Tally // nil: nothing is counted
	Progress    func(done, total int64)
	Note        func(what, path string) // what was done; several goroutines call it at once, and Progress and Warn too
	Warn        func(sentence string)   // what was not
	Now         func() time.Time        // nil: time.Now
}

// What is done with a file or a directory, as Config.Note hears it.
const (
	Checking  = "checking"
	Uploading = "uploading"
	Skipping  = "skipping" // it is there already
	Creating  = "creating directory for"
	Reusing   = "re-using old directory for"
)

// Counts are what a backup did.
type Counts struct {
	FilesUploaded, FilesReused, FilesSkipped, FilesChecked                        int64
	DirectoriesCreated, DirectoriesReused, DirectoriesSkipped, DirectoriesChecked int64
	Bytes                                                                         int64 // uploaded
}

func (c Counts) targets() int64 {
	return c.FilesUploaded + c.FilesReused + c.FilesSkipped + c.DirectoriesCreated + c.DirectoriesReused + c.DirectoriesSkipped
}

// A Result is a backup that was made.
type Result struct {
	Counts
	Cap     string // of the directory
	Archive string // its name
}

// running is a backup on its way.
type running struct {
	Config
	total       atomic.Int64 // what there is to do; -1 until it is known
	uncheckable atomic.Bool  // the node does not know how to check
	mu          sync.Mutex
	counts      Counts
	storing     map[string]chan struct{} // hashes of directories that are being stored
}

// The names in the directory that holds backups.
const (
	archives = "Archives"
	latest   = "Latest"
)

// Run makes a backup of the local directory from, an absolute path, in the directory of the grid to.
func Run(ctx context.Context, c Config, from string, to alias.Target) (Result, error) {
	b := newRunning(c)
	if err := b.prepare(ctx, to); err != nil {
		return Result{}, err
	}
	capability, err := b.tree(ctx, from)
	if err != nil {
		return Result{Counts: b.counts}, err
	}
	r := Result{Counts: b.counts, Cap: capability}
	if r.Archive, err = b.archive(ctx, to, capability); err != nil {
		return r, fmt.Errorf("name the backup in %s: %w", archives, err)
	}
	if err := b.Gateway.PutURI(ctx, to.Root, below(to, latest), capability, wapi.ReplaceAny); err != nil {
		return r, fmt.Errorf("name the backup %s: %w", latest, err)
	}
	return r, nil
}

// archive names a backup by the time. One that has the name already stays: the next second is another name.
func (b *running) archive(ctx context.Context, to alias.Target, capability string) (string, error) {
	for {
		now := b.Now()
		name := now.UTC().Format("2006-01-02_15:04:05Z")
		err := b.Gateway.PutURI(ctx, to.Root, below(to, archives, name), capability, wapi.ReplaceNever)
		if e, ok := errors.AsType[*wapi.Error](err); !ok || e.Status != http.StatusConflict {
			return name, err
		}
		if err := reactor.Sleep(ctx, reactor.System(), now.Truncate(time.Second).Add(time.Second).Sub(now)); err != nil {
			return "", err
		}
	}
}

func newRunning(c Config) *running {
	if c.Progress == nil {
		c.Progress = func(int64, int64) {}
	}
	if c.Note == nil {
		c.Note = func(string, string) {}
	}
	if c.Warn == nil {
		c.Warn = func(string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Tally == nil {
		c.Tally = &tally.Tally{}
	}
	if c.Exclude == nil {
		c.Exclude = &fnmatch.Set{}
	}
	b := &running{Config: c, storing: map[string]chan struct{}{}}
	b.total.Store(-1)
	return b
}

func below(t alias.Target, names ...string) []string { return slices.Concat(t.Path, names) }

// prepare makes the directory that holds backups, if it is not there.
func (b *running) prepare(ctx context.Context, to alias.Target) error {
	n, err := b.Gateway.Node(ctx, to.Root, below(to, archives))
	if e, ok := errors.AsType[*wapi.Error](err); ok && e.Status == http.StatusNotFound {
		if _, err := b.Gateway.MkdirAt(ctx, to.Root, below(to, archives), wapi.MkdirOptions{}); err != nil {
			return fmt.Errorf("make target directory: %w", err)
		}
		return nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("look at the directory of backups: %w", err)
	case n.Kind != wapi.KindDirectory:
		return fmt.Errorf("%s in the target is not a directory", archives)
	case n.WriteURI == "":
		return fmt.Errorf("%s in the target can only be read with the capability that leads to it", archives)
	}
	return nil
}

// tree stores the tree, and returns the capability of its top.
func (b *running) tree(ctx context.Context, from string) (string, error) {
	entries, err := b.entries(from)
	if err != nil {
		return "", err
	}
	r := treejobs.New(ctx, b.Parallel)
	var counting sync.WaitGroup
	counting.Go(func() { b.foresee(r.Context(), from) })
	top := newDirectory(nil, from)
	d := r.Enter(nil, func(ctx context.Context) error { return b.store(ctx, top) })
	r.Fail(b.walk(r, d, top, entries))
	r.Leave(d)
	err = r.Wait()
	counting.Wait()
	if err == nil && top.cap == "" {
		err = fmt.Errorf("%s is gone", from)
	}
	return top.cap, err
}

// count changes the counts, and says how far it is.
func (b *running) count(change func(*Counts)) {
	b.mu.Lock()
	change(&b.counts)
	done := b.counts.targets()
	b.mu.Unlock()
	b.Progress(done, b.total.Load())
}

package vfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/frontends/auth"
	"tahoe/frontends/vfs/staging"
	"tahoe/reactor"
	"tahoe/storage"
)

const (
	defaultLimit   = 16 << 30
	defaultWorkers = 8
	defaultMemory  = 64 << 20
)

// An FS is the file system of a node, common to all sessions and doors. It is a reactor.Service, which commits what has been
// closed. It may be used by several goroutines at once.
type FS struct {
	c      Config
	clock  reactor.Clock
	log    *slog.Logger
	tree   *tree
	staged *staging.Store
	memory *reactor.Budget
	life   context.Context // of the streams of readers; Close ends it
	end    context.CancelFunc

	readers readers
	places  locks
	usage   usage
	arrived atomic.Uint64 // how many jobs have ended; changed with mu held
	order   atomic.Uint64 // of the last job that was given a place

	mu    sync.Mutex
	nodes map[storage.Index]map[string]*inode
	jobs  map[uint64]*job
	wake  chan struct{} // of capacity 1: there may be something to do
	views map[*View]struct{}
}

// An inode is a name with a file that is open for writing, or that is on its way to the grid. Its fields are guarded by FS.mu; what
// changes the place, cur or job also holds the lock of the place.
type inode struct {
	place   place
	target  target
	display string
	gone    bool     // the name has been taken away: what is written leads nowhere
	handles int      // that are open
	writers int      // of those, the ones that write
	cur     *content // is being written; nil when nobody does
	job     *job     // was closed, and is on its way; nil when nothing is
}

// visible is what the name shows: nil when that is what the grid has.
func (n *inode) visible() *content {
	if n.cur != nil {
		return n.cur
	}
	if n.job != nil {
		return n.job.content
	}
	return nil
}

// Open opens the folder with the staged files, and finds those that were on their way when the node stopped.
func Open(c Config) (*FS, error) {
	c.Limit = cmp.Or(c.Limit, defaultLimit)
	c.Workers = max(1, cmp.Or(c.Workers, defaultWorkers))
	f := &FS{
		c: c, clock: c.Clock, log: c.Log, memory: c.Memory, nodes: make(map[storage.Index]map[string]*inode),
		jobs: make(map[uint64]*job), wake: make(chan struct{}, 1), views: make(map[*View]struct{}),
	}
	if f.clock == nil {
		f.clock = reactor.System()
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.memory == nil {
		f.memory = reactor.NewBudget(defaultMemory)
	}
	f.tree = newTree(c.Grid, f.clock)
	f.life, f.end = context.WithCancel(context.Background())
	return f, f.recover()
}

// recover finds the jobs of the journal. When there are two for one place, the node died while the newer took the place of the
// older.
func (f *FS) recover() error {
	s, kept, strange, err := staging.Open(f.c.Dir, staging.Config{Secret: f.c.Secret, Limit: f.c.Limit, Disk: f.c.Disk})
	if err != nil {
		return err
	}
	f.staged = s
	for _, name := range strange {
		f.log.Error("a staged file cannot be read; it stays where it is", "file", name, "folder", f.c.Dir)
	}
	for _, k := range kept {
		j, err := jobOf(k)
		if err != nil {
			f.log.Error("the note about a staged file cannot be read; it stays where it is", "id", k.File.ID(), "reason", err)
			if err := k.File.Close(); err != nil {
				return err
			}
			continue
		}
		if err := f.adopt(j); err != nil {
			return err
		}
	}
	f.poke()
	return nil
}

// adopt takes a job of the journal. Of two for one place the one that came there last stays.
func (f *FS) adopt(j *job) error {
	f.order.Store(max(f.order.Load(), j.order))
	n := f.node(j.place)
	if old := n.job; old != nil {
		if old.order > j.order {
			return j.content.file.Release()
		}
		delete(f.jobs, old.id)
		if err := old.content.file.Release(); err != nil {
			return err
		}
	}
	n.job, n.target, n.display = j, j.target, j.display
	j.node, f.jobs[j.id] = n, j
	return nil
}

// Close gives up the folder. What was not closed is abandoned. It is called after Run has returned.
func (f *FS) Close() error {
	f.mu.Lock()
	var views []*View
	for v := range f.views {
		views = append(views, v)
	}
	f.mu.Unlock()
	for _, v := range views {
		v.Close()
	}
	f.end()
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, j := range f.jobs {
		errs = append(errs, j.content.file.Close())
	}
	clear(f.jobs)
	return errors.Join(errs...)
}

// node finds the inode of a place, and makes it when there is none. FS.mu is held, or nobody else has the FS yet.
func (f *FS) node(p place) *inode {
	names := f.nodes[p.dir]
	if names == nil {
		names = make(map[string]*inode)
		f.nodes[p.dir] = names
	}
	n := names[p.name]
	if n == nil {
		n = &inode{place: p}
		names[p.name] = n
	}
	return n
}

// lookup finds the inode of a place, nil when there is none. FS.mu is held.
func (f *FS) lookup(p place) *inode { return f.nodes[p.dir][p.name] }

// tidy forgets an inode that says no more than the grid does. FS.mu is held.
func (f *FS) tidy(n *inode) {
	if n.gone || n.handles > 0 || n.cur != nil || n.job != nil {
		return
	}
	f.unname(n)
}

// unname takes the name from an inode. FS.mu is held.
func (f *FS) unname(n *inode) {
	if names := f.nodes[n.place.dir]; names[n.place.name] == n {
		delete(names, n.place.name)
		if len(names) == 0 {
			delete(f.nodes, n.place.dir)
		}
	}
}

// visible says whether there is a file at a place that the grid does not have yet.
func (f *FS) visible(p place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.lookup(p)
	return n != nil && n.visible() != nil
}

// hold counts a user of a content. FS.mu is held.
func (c *content) hold() *content {
	c.refs++
	return c
}

// drop counts a user less; without any, the staged file goes. What it says is for the log: noise may stay on the disk until the
// next start.
func (f *FS) drop(c *content) {
	if c == nil {
		return
	}
	f.mu.Lock()
	c.refs--
	last := c.refs == 0
	f.mu.Unlock()
	if !last {
		return
	}
	c.end()
	if err := c.file.Release(); err != nil {
		f.log.Warn("a staged file stays on the disk until the next start", "reason", err)
	}
}

// View makes the tree of an account. The caller closes it when the session is over.
func (f *FS) View(a auth.Account) *View {
	v := &View{fs: f, account: a, files: make(map[*File]struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.views[v] = struct{}{}
	return v
}

// Realm makes views for a portal.
func (f *FS) Realm() auth.Realm[*View] {
	return func(_ context.Context, a auth.Account) (*View, func(), error) {
		v := f.View(a)
		return v, v.Close, nil
	}
}

// Staged is how many bytes staged files take, and how many they may.
func (f *FS) Staged() (used, limit int64) { return f.staged.Used(), f.staged.Limit() }

// poke lets Run look for work.
func (f *FS) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Queue lists the files that are on their way to the grid, in the order in which they were closed.
func (f *FS) Queue() []Waiting {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Waiting, 0, len(f.jobs))
	for _, j := range f.jobs {
		all = append(all, j.waiting())
	}
	slices.SortFunc(all, func(a, b Waiting) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Retry lets all that is waiting to try again try now.
func (f *FS) Retry() {
	f.mu.Lock()
	for _, j := range f.jobs {
		if !j.running {
			j.next = time.Time{}
		}
	}
	f.mu.Unlock()
	f.poke()
}

// Discard gives a file up that is on its way: it is lost. fs.ErrNotExist when there is none with this ID.
func (f *FS) Discard(ctx context.Context, id uint64) error {
	f.mu.Lock()
	j := f.jobs[id]
	f.mu.Unlock()
	if j == nil {
		return fmt.Errorf("no file on its way has this number: %w", fs.ErrNotExist)
	}
	unlock, err := f.lockJob(ctx, j)
	if err != nil {
		return err
	}
	defer unlock()
	if err = f.cancel(ctx, j); err != nil {
		f.resume(j)
	}
	return err
}

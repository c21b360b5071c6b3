package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/reactor"
	"tahoe/storage"
)

// Files are what a keeper keeps. A lafs.Client is one.
type Files interface {
	Walk(ctx context.Context, root caps.Cap, visit func(lafs.Visit) error) error
	Lookup(ctx context.Context, root caps.Cap, path []string) (lafs.Entry, error)
	Check(ctx context.Context, k caps.Cap, o lafs.CheckOptions) (*lafs.CheckResult, error)
	Repair(ctx context.Context, k caps.Cap, o lafs.CheckOptions) (*lafs.RepairResult, error)
}

// A Root is where a keeper begins to look for files.
type Root struct {
	Name string // for people; it has no secret
	Cap  caps.Cap
}

// A Watch is what a keeper is to do.
type Watch struct {
	Roots    []Root
	Retiring []grid.ServerID
	Trouble  error // something that is to be watched could not be found out: what was found before is not forgotten
}

// Config is what a Keeper works with. Files, Path, Watch and Reach are required; what else is zero has a default.
type Config struct {
	Files Files
	Path  string                        // of its database, which is made when there is something to watch
	Watch func() (Watch, error)         // asked again and again
	Reach func() (connected, known int) // how many servers answer, of how many
	Least int                           // with fewer servers than this, or all if they are fewer, the keeper waits

	// Retire is told which servers are to be retired; nil: nobody is.
	Retire func(ids ...grid.ServerID)
	// Tell is told when something has become worse, or all is well again; nil: nobody is. An error has it told again.
	Tell func(ctx context.Context, n Notice) error

	Policy   Policy
	Pace     *grid.Pace    // nil: none
	Parallel int           // files looked at at the same time; 4
	Tick     time.Duration // between looks at what is to be watched; a minute
	Clock    reactor.Clock // the system's
	Log      *slog.Logger  // discards
}

func (c Config) withDefaults() Config {
	c.Policy = c.Policy.withDefaults()
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Pace == nil {
		c.Pace = grid.NewPace(c.Clock, 0, 0)
	}
	if c.Parallel <= 0 {
		c.Parallel = 4
	}
	orDefault(&c.Tick, time.Minute)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Retire == nil {
		c.Retire = func(...grid.ServerID) {}
	}
	return c
}

// A Keeper keeps files alive. It is a reactor.Service.
type Keeper struct {
	c      Config
	store  atomic.Pointer[Store] // nil: it is not open
	opened chan struct{}         // closed when the store has been opened, or will not be
	wake   chan struct{}         // something may be due
	steer  chan struct{}         // look now at what is to be watched
	search chan struct{}         // a pass may be due

	mu      sync.Mutex // guards what follows
	watch   Watch
	wrong   error // why it is not known what to watch
	paused  bool
	turns   map[*context.CancelCauseFunc]bool // what goes on, and ends with a pause
	changed chan struct{}                     // closed and replaced when paused is another
	visits  map[storage.Index]bool            // under way
	passing bool                              // a pass is under way
	passed  int                               // what it came to
	dirty   bool                              // something happened since somebody was told
	counted counted
}

// New makes a keeper.
func New(c Config) *Keeper {
	return &Keeper{
		c: c.withDefaults(), opened: make(chan struct{}), wake: make(chan struct{}, 1), steer: make(chan struct{}, 1), search: make(chan struct{}, 1),
		turns: map[*context.CancelCauseFunc]bool{}, changed: make(chan struct{}), visits: map[storage.Index]bool{},
	}
}

// Run keeps files until ctx ends. What is under way then is broken off, and done again the next time.
func (k *Keeper) Run(ctx context.Context, ready func()) (err error) {
	ready()
	opened := sync.OnceFunc(func() { close(k.opened) })
	defer opened()
	if !k.anything(ctx) {
		return nil
	}
	s, err := OpenStore(ctx, k.c.Path)
	if err != nil {
		k.c.Log.Error("files are not kept alive", "error", err)
		k.fail(err)
		opened()
		<-ctx.Done()
		return nil
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	paused, err := s.meta(metaPaused)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.paused = k.paused || paused != ""
	k.mu.Unlock()
	k.store.Store(s)
	defer k.store.Store(nil)
	opened()
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { k.again(ctx, k.work) })
	wg.Go(func() { k.again(ctx, k.passes) })
	k.steering(ctx)
	return nil
}

// anything waits until there is something to do; false when ctx ended first.
func (k *Keeper) anything(ctx context.Context) bool {
	for !k.needed() {
		if !k.rest(ctx, k.c.Tick, k.steer) {
			return false
		}
	}
	return true
}

// needed looks whether there is something to do, or ever was.
func (k *Keeper) needed() bool {
	k.look()
	w := k.watched()
	return len(w.Roots) > 0 || len(w.Retiring) > 0 || exists(k.c.Path)
}

// policy is the one of the config, with the spread of the store.
func (k *Keeper) policy() Policy {
	p := k.c.Policy
	if s := k.store.Load(); s != nil {
		p.Seed = s.Seed()
	}
	return p
}

// look finds out what is to be watched.
func (k *Keeper) look() {
	w, err := k.c.Watch()
	k.mu.Lock()
	k.wrong = err
	if err == nil {
		k.watch = w
		k.wrong = w.Trouble
	}
	retiring := k.watch.Retiring
	k.mu.Unlock()
	if err != nil {
		k.c.Log.Warn("cannot find out which files to keep alive", "error", err)
		return
	}
	k.c.Retire(retiring...)
}

func (k *Keeper) watched() Watch {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.watch
}

func (k *Keeper) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wrong = err
}

// rest waits for d, or until somebody wakes it; false when ctx has ended.
func (k *Keeper) rest(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := k.c.Clock.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C():
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return ctx.Err() == nil
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// steering looks after what is to be watched, and tells of what has become of it.
func (k *Keeper) steering(ctx context.Context) {
	for {
		k.look()
		err := errors.Join(k.retire(), k.tell(ctx))
		if err != nil && ctx.Err() == nil {
			k.c.Log.Warn("keeping files alive", "error", err)
		}
		if !k.rest(ctx, k.c.Tick, k.steer) {
			return
		}
	}
}

// retire notes when other servers are to be retired: then all files are looked at, in their turn.
func (k *Keeper) retire() error {
	s, now := k.store.Load(), k.c.Clock.Now()
	ids := k.watched().Retiring
	text := fmt.Sprintf("%q", ids)
	was, err := s.meta(metaRetiring)
	if err != nil || was == text || was == "" && len(ids) == 0 {
		return err
	}
	event := Event{At: now, Kind: EventRetire, Text: "no server is to be retired any more"}
	if len(ids) > 0 {
		event.Text = "shares are moved away from servers that are to be retired: " + names(ids)
	}
	err = errors.Join(s.setMeta(metaRetired, fmt.Sprint(now.Unix())), s.Hasten(now, now), s.Tell(event), s.setMeta(metaRetiring, text))
	poke(k.wake)
	return err
}

func names(ids []grid.ServerID) string {
	var all []string
	for _, id := range ids {
		all = append(all, id.Abbrev())
	}
	return strings.Join(all, ", ")
}

// The names of what the store keeps besides files.
const (
	metaPaused    = "paused"
	metaRetiring  = "retiring" // the servers
	metaRetired   = "retired"  // when they changed
	metaPass      = "pass"     // the number of the last one that was begun
	metaPassAt    = "pass ended"
	metaPassText  = "pass result"
	metaPassAsked = "pass asked for"
	metaRoots     = "roots" // that the last whole pass began at
	metaTold      = "told"
)

package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/staging"
	"tahoe/frontends/vfs/vfstest"
	"tahoe/internal/durable"
	"tahoe/internal/durable/durabletest"
)

// A life is what one process does, which dies at a step: of the disk, or of the grid, before or after it was made.
type life struct {
	mu   sync.Mutex
	step int
	die  int                // 0: never
	end  context.CancelFunc // of all that waits in the process
	last string
}

func (l *life) next(what string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step++
	if l.die > 0 && l.step >= l.die {
		if l.end != nil {
			l.end()
		}
		return durabletest.ErrDied
	}
	l.last = what
	return nil
}

func (l *life) dead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.die > 0 && l.step >= l.die
}

// mortal is a grid that a process uses: what was asked of it may be done although the process died before it heard.
type mortal struct {
	*vfstest.Grid
	l *life
}

func (m mortal) after(what string, err error) error {
	if dead := m.l.next("after " + what); dead != nil {
		return dead
	}
	return err
}

func (m mortal) Link(ctx context.Context, dir caps.Write, c vfs.Child, replace bool) error {
	if err := m.l.next("before link"); err != nil {
		return err
	}
	return m.after("link", m.Grid.Link(ctx, dir, c, replace))
}

func (m mortal) Unlink(ctx context.Context, dir caps.Write, name string) error {
	if err := m.l.next("before unlink"); err != nil {
		return err
	}
	return m.after("unlink", m.Grid.Unlink(ctx, dir, name))
}

func (m mortal) Move(ctx context.Context, from caps.Write, name string, to caps.Write, toName string, replace bool) error {
	if err := m.l.next("before move"); err != nil {
		return err
	}
	return m.after("move", m.Grid.Move(ctx, from, name, to, toName, replace))
}

func (m mortal) Put(ctx context.Context, src vfs.Source, size int64) (caps.Read, error) {
	if err := m.l.next("before put"); err != nil {
		return nil, err
	}
	c, err := m.Grid.Put(ctx, src, size)
	return c, m.after("put", err)
}

func (m mortal) Overwrite(ctx context.Context, file caps.MutableWrite, src vfs.Source, size int64) error {
	if err := m.l.next("before overwrite"); err != nil {
		return err
	}
	return m.after("overwrite", m.Grid.Overwrite(ctx, file, src, size))
}

// A story is operations by one session, with what has to be true of every name afterwards.
type story struct {
	t    *testing.T
	r    *rand.Rand
	view *vfs.View
	must map[string]string   // names and what they hold, by all that was answered
	may  []map[string]string // what else there may be instead: the last operation was not answered
	ops  []string
	next int
}

var storyNames = []string{"a", "b", "c", "m"}

func (s *story) name() string { return storyNames[s.r.IntN(len(storyNames))] }

func (s *story) data() string {
	s.next++
	return fmt.Sprintf("version %d %s", s.next, strings.Repeat("x", s.r.IntN(200)))
}

// act does something; false when the process has died.
func (s *story) act(ctx context.Context) bool {
	switch s.r.IntN(7) {
	case 0:
		return s.rename(ctx)
	case 1:
		return s.remove(ctx)
	case 2:
		return s.abandon(ctx)
	default:
		return s.store(ctx)
	}
}

// did notes an operation that was answered, or what there may be when it was not.
func (s *story) did(what string, err error, after map[string]string) bool {
	s.ops = append(s.ops, fmt.Sprintf("%s: %v", what, err))
	if err != nil {
		s.may = append(s.may, after)
		return false
	}
	s.must = after
	return true
}

func (s *story) store(ctx context.Context) bool {
	name, data := s.name(), s.data()
	old, was := s.must[name]
	flags, want, off := create, data, int64(0)
	if was && s.r.IntN(2) == 0 { // write behind what is there
		flags, want, off = vfs.FlagWrite, old+data, int64(len(old))
	}
	f, err := s.view.Open(ctx, "/"+name, flags)
	if err == nil {
		if _, err = f.WriteAt(ctx, []byte(data), off); err == nil {
			err = f.Close(ctx)
		} else {
			f.Abandon()
		}
	}
	after := maps.Clone(s.must)
	after[name] = want
	return s.did("store "+name+" "+want[:min(len(want), 12)], err, after)
}

func (s *story) abandon(ctx context.Context) bool {
	name := s.name()
	f, err := s.view.Open(ctx, "/"+name, create)
	if err == nil {
		_, err = f.WriteAt(ctx, []byte("never closed"), 0)
		f.Abandon()
	}
	return s.did("abandon "+name, err, s.must)
}

func (s *story) rename(ctx context.Context) bool {
	from, to := s.name(), s.name()
	if _, ok := s.must[from]; !ok || from == to || from == "m" || to == "m" {
		return true
	}
	after := maps.Clone(s.must)
	after[to] = after[from]
	delete(after, from)
	return s.did("rename "+from+" "+to, s.view.Rename(ctx, "/"+from, "/"+to, true), after)
}

func (s *story) remove(ctx context.Context) bool {
	name := s.name()
	if _, ok := s.must[name]; !ok || name == "m" {
		return true
	}
	after := maps.Clone(s.must)
	delete(after, name)
	return s.did("remove "+name, s.view.Remove(ctx, "/"+name), after)
}

// world is a grid and a folder that outlive processes.
type world struct {
	grid *vfstest.Grid
	root caps.DirectoryWrite
	dir  string
}

var crashSecret = []byte(strings.Repeat("s", 32))

// live runs a story in a process that dies at a step.
func (w world) live(t *testing.T, seed uint64, die int) (*story, *life) {
	l := &life{die: die}
	f, err := vfs.Open(vfs.Config{Grid: mortal{w.grid, l}, Dir: w.dir, Secret: crashSecret, Disk: durable.FS{Step: func(call, path string) error { return l.next(call) }}})
	s := &story{t: t, r: rand.New(rand.NewPCG(seed, 42)), must: map[string]string{"m": "mutable"}}
	if err != nil {
		return s, l
	}
	ctx, cancel := context.WithCancel(t.Context())
	l.mu.Lock()
	l.end = cancel
	l.mu.Unlock()
	ran := make(chan struct{})
	go func() { defer close(ran); _ = f.Run(ctx, func() {}) }()
	s.view = f.View(auth.Account{Name: "alice", Root: w.root})
	for range 4 + s.r.IntN(5) {
		if !s.act(ctx) {
			break
		}
		if s.r.IntN(3) == 0 {
			time.Sleep(time.Duration(s.r.IntN(300)) * time.Microsecond)
		}
	}
	for range s.r.IntN(50) { // die at some later step, perhaps
		if l.dead() || len(f.Queue()) == 0 {
			break
		}
		time.Sleep(100 * time.Microsecond)
	}
	l.mu.Lock()
	l.die = max(1, min(l.step+1, 1<<30)) // now at last
	l.mu.Unlock()
	cancel()
	<-ran
	_ = f.Close()
	return s, l
}

// wakeUp is the next process, which finishes what it finds.
func (w world) wakeUp(t *testing.T) map[string]string {
	f, stop := vfstest.Start(t, w.grid, vfs.Config{Dir: w.dir, Secret: crashSecret})
	vfstest.Settle(t, f)
	stop()
	return w.grid.Tree(w.root)
}

func newWorld(t *testing.T) world {
	g := vfstest.NewGrid()
	w := world{g, g.NewDir(), t.TempDir()}
	g.Add(w.root, "m", g.NewMutable("mutable"), "")
	return w
}

// A process dies anywhere between a close and the link, and in all else that it does. After the restart all that was closed is
// there, whole, and nothing that was not.
func TestDiesAnywhere(t *testing.T) {
	runs := uint64(1000)
	if testing.Short() {
		runs = 100
	}
	died := 0
	for seed := range runs {
		w := newWorld(t)
		r := rand.New(rand.NewPCG(seed, 7))
		s, l := w.live(t, seed, 1+r.IntN(120))
		if len(s.may) > 0 {
			died++
		}
		got := w.wakeUp(t)
		want := append([]map[string]string{s.must}, s.may...)
		if !slices.ContainsFunc(want, func(m map[string]string) bool { return maps.Equal(m, got) }) {
			t.Fatalf("seed %d, died after %q: got %q\nwant one of %q\nafter %s", seed, l.last, got, want, strings.Join(s.ops, "\n      "))
		}
		if err := staging.Audit(w.dir, crashSecret); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	if died < int(runs)/10 {
		t.Errorf("only %d of %d processes died within an operation", died, runs)
	}
}

// Each step of one close and its commit, in turn.
func TestDiesAtEveryStepOfACommit(t *testing.T) {
	for die := 1; ; die++ {
		w := newWorld(t)
		l := &life{die: die}
		f, err := vfs.Open(vfs.Config{Grid: mortal{w.grid, l}, Dir: w.dir, Secret: crashSecret, Disk: durable.FS{Step: func(call, path string) error { return l.next(call) }}})
		closed := errors.New("not opened")
		if err == nil {
			ctx, cancel := context.WithCancel(t.Context())
			ran := make(chan struct{})
			go func() { defer close(ran); _ = f.Run(ctx, func() {}) }()
			v := f.View(auth.Account{Name: "alice", Root: w.root})
			if h, err := v.Open(t.Context(), "/f", create); err == nil {
				_, werr := h.WriteAt(t.Context(), []byte("what was closed is there after all that may happen, and whole"), 0)
				closed = errors.Join(werr, h.Close(t.Context()))
			}
			for range 2000 {
				if l.dead() || closed != nil || len(f.Queue()) == 0 {
					break
				}
				time.Sleep(100 * time.Microsecond)
			}
			cancel()
			<-ran
			_ = f.Close()
		}
		got, is := w.wakeUp(t)["f"]
		if closed == nil && !strings.HasSuffix(got, "and whole") {
			t.Errorf("died after %q: it was closed, and is %q", l.last, got)
		}
		if is && !strings.HasSuffix(got, "and whole") {
			t.Errorf("died after %q: half of it is there: %q", l.last, got)
		}
		if err := staging.Audit(w.dir, crashSecret); err != nil {
			t.Errorf("died after %q: %v", l.last, err)
		}
		if !l.dead() {
			if die < 15 {
				t.Errorf("a commit has only %d steps", die)
			}
			return
		}
	}
}

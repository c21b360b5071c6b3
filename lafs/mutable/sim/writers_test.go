package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs/mutable"
	"tahoe/lafs/mutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
)

// A shape is what a simulation is like, but for chance.
type shape struct {
	name                   string
	format                 caps.Format
	servers, needed, total int
	writers                int
	bad                    int // servers where anything goes wrong; the others are always there
	filler                 int // bytes
}

// Two things hold of all shapes, without which nobody could promise anything. Bad servers hold fewer than k different shares
// between them, so that they alone do not make a version, whatever they took from whom. And of the good ones each holds the version
// of one writer, so that one of these has k shares however the writers get in each other's way.
var shapes = []shape{
	{"two writers, all is well", caps.SDMF, 5, 2, 5, 2, 0, 0},
	{"two writers, a bad server", caps.SDMF, 5, 2, 5, 2, 1, 0},
	{"two writers, bad servers", caps.SDMF, 8, 3, 8, 2, 2, 0},
	{"two writers, 3 of 10", caps.SDMF, 10, 3, 10, 2, 2, 0},
	{"three writers, a bad server", caps.SDMF, 6, 2, 6, 3, 1, 0},
	{"two writers, MDMF, bad servers", caps.MDMF, 8, 3, 8, 2, 2, 0},
	{"two writers, MDMF of two segments", caps.MDMF, 5, 2, 5, 2, 1, 140_000},
	{"more servers than shares", caps.SDMF, 8, 2, 5, 2, 1, 0},
	{"fewer servers than shares", caps.SDMF, 4, 3, 8, 2, 1, 0},
}

// interleavings is how many seeds are tried. A thousand take a processor half a minute.
func interleavings() int {
	switch {
	case long():
		return 3000
	case testing.Short():
		return 20
	}
	return 300
}

// long says whether time does not matter.
func long() bool { return os.Getenv("TAHOE_LONG") != "" }

// TestInterleavings has writers that do not know of each other change one file, over servers that fail. TAHOE_SEED=N runs one seed
// and prints what happened.
func TestInterleavings(t *testing.T) {
	if s := os.Getenv("TAHOE_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		must(t, err)
		synctest.Test(t, func(t *testing.T) { t.Log(strings.Join(newSimulation(t, seed).run().log, "\n")) })
		return
	}
	var total tally
	n, next := interleavings(), atomic.Uint64{}
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1); seed <= uint64(n) && !t.Failed(); seed = next.Add(1) {
					synctest.Test(t, func(t *testing.T) { total.add(newSimulation(t, seed).run()) })
				}
			})
		}
	})
	t.Logf("%d interleavings: %d writes were done, %d may have been, %d were refused; servers refused %d times",
		n, total.done, total.unknown, total.nowhere, total.met)
	if total.met < n || total.unknown == 0 || total.done < n {
		t.Error("too little happens in these simulations")
	}
}

// A tally counts what simulations did.
type tally struct {
	mu                          sync.Mutex
	done, unknown, nowhere, met int
}

func (c *tally) add(h *history) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.unknown, c.nowhere = c.done+h.count(done), c.unknown+h.count(unknown), c.nowhere+h.count(nowhere)
	c.met += h.met
}

// A simulation is one run.
type simulation struct {
	*history
	t       *testing.T
	shape   shape
	seed    uint64
	rng     *rand.Rand
	w       *world
	quiet   atomic.Bool
	late    sync.WaitGroup
	tainted map[string]bool // shares that were damaged where they lie
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	s := shapes[seed%uint64(len(shapes))]
	return &simulation{
		history: newHistory(s.filler), t: t, shape: s, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)),
		w: newWorld(t, s.format, s.servers, s.needed, s.total), tainted: make(map[string]bool),
	}
}

// gateway is a node of its own, behind links of its own.
func (s *simulation) gateway(number int) *mutable.Files {
	return s.w.gateway(number, func(server int, to storage.Server) storage.Server {
		h := fnv.New64a()
		fmt.Fprint(h, s.seed, number, server)
		return newLink(to, fmt.Sprintf("gateway %d, server %d:", number, server), server < s.shape.bad, h.Sum64(), &s.quiet, &s.late, s.history)
	})
}

// run is the whole simulation. What goes wrong fails the test.
func (s *simulation) run() *history {
	s.note("seed %d: %s", s.seed, s.shape.name)
	ctx := s.t.Context()
	s.quiet.Store(true)
	first := s.gateway(0)
	initial := s.begin('I', mark('I', 0, 0), 0)
	f, err := s.w.create(ctx, first, fresh(initial.mark, s.shape.filler))
	must(s.t, err)
	s.end(initial, done, mutable.Version{}, nil)
	s.quiet.Store(false)

	var writers, trouble sync.WaitGroup
	over, stop := context.WithCancel(ctx)
	for i := range s.shape.writers {
		if i > 0 {
			f = s.w.open(s.gateway(i))
		}
		o := &writer{simulation: s, number: i, file: f, rng: rand.New(rand.NewPCG(s.seed, uint64(100+i)))}
		writers.Go(func() { o.work(ctx) })
	}
	for server := range s.shape.bad {
		rng := rand.New(rand.NewPCG(s.seed, uint64(1000+server)))
		trouble.Go(func() { s.disturb(over, server, rng) })
	}
	writers.Wait()
	stop()
	trouble.Wait()
	s.late.Wait()
	s.settle(ctx)
	if p := s.problems(); len(p) > 0 {
		s.t.Errorf("seed %d, %s:\n%s\n\n%s", s.seed, s.shape.name, strings.Join(p, "\n"), strings.Join(s.log, "\n"))
	}
	return s.history
}

// disturb takes a bad server down and up again, damages its shares, and puts old ones back.
func (s *simulation) disturb(ctx context.Context, server int, rng *rand.Rand) {
	index, old := s.w.cap.Index(), map[storage.ShareNum][]byte{}
	for reactor.Sleep(ctx, reactor.System(), time.Duration(rng.Int64N(int64(8*time.Second)))) == nil {
		switch rng.IntN(6) {
		case 0:
			s.note("server %d goes down", server)
			s.w.faulty[server].Stop()
			_ = reactor.Sleep(ctx, reactor.System(), time.Duration(rng.Int64N(int64(20*time.Second))))
			s.w.faulty[server].Start()
			s.note("server %d is up again", server)
		case 1:
			for _, n := range s.w.shares(server) {
				old[n] = s.w.share(server, n)
			}
		case 2:
			for n, b := range old {
				s.note("server %d has its old share %d again", server, n)
				s.w.mems[server].Edit(index, n, func([]byte) []byte { return b })
			}
		case 3:
			for _, n := range s.w.shares(server) {
				s.damage(server, n, rng)
			}
		}
	}
}

// damage flips a bit of a share where it lies.
func (s *simulation) damage(server int, n storage.ShareNum, rng *rand.Rand) {
	s.w.mems[server].Edit(s.w.cap.Index(), n, func(b []byte) []byte {
		at := rng.IntN(len(b))
		if rng.IntN(2) == 0 {
			at %= 200
		}
		b[at] ^= 1 << rng.IntN(8)
		s.mu.Lock()
		s.tainted[string(b)] = true
		s.mu.Unlock()
		s.note("server %d: a bit flips in byte %d of share %d", server, at, n)
		return b
	})
}

// settle ends all trouble, and checks what is left: everything that was done, in shares that are all good, and a file that can
// still be changed.
func (s *simulation) settle(ctx context.Context) {
	s.quiet.Store(true)
	s.note("all is well again")
	s.w.audit(s.excused)
	last := s.w.open(s.gateway(s.shape.writers))
	s.finalRead(ctx, last)
	w := &writer{simulation: s, number: s.shape.writers, file: last, rng: s.rng}
	if r := w.modify(ctx); r.outcome != done {
		s.mu.Lock()
		s.wrongf("the file cannot be changed any more")
		s.mu.Unlock()
	}
	s.finalRead(ctx, s.w.open(s.gateway(s.shape.writers+1)))
	s.mended(s.w.audit(s.excused))
}

// excused says whether a share is bad because it was damaged, and nobody has written it since.
func (s *simulation) excused(_ copyOf, share []byte) bool { return s.tainted[string(share)] }

func (s *simulation) finalRead(ctx context.Context, f *mutable.File) {
	b, v, err := readAll(ctx, f)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wrongf("the file cannot be read any more: %v", err)
		return
	}
	s.read("the last reader", math.MaxInt, b, v)
}

// mended checks that the last write left as many shares as there should be.
func (s *simulation) mended(found map[copyOf]layout.Prefix) {
	newest, nums := uint64(0), map[storage.ShareNum]bool{}
	for _, p := range found {
		newest = max(newest, p.Seqnum)
	}
	for c, p := range found {
		if p.Seqnum == newest {
			nums[c.num] = true
		}
	}
	if len(nums) != s.shape.total {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wrongf("after the last write there are %d different shares of it, not %d", len(nums), s.shape.total)
	}
}

// A writer changes the file through a gateway of its own.
type writer struct {
	*simulation
	number int
	file   *mutable.File
	rng    *rand.Rand
	count  int
}

// work does a few operations.
func (o *writer) work(ctx context.Context) {
	for range 3 + o.rng.IntN(3) {
		time.Sleep(time.Duration(o.rng.Int64N(int64(time.Second))))
		// Half of all simulations only append, so that nothing may ever go.
		switch dice := o.rng.IntN(12); {
		case dice < 2:
			o.look(ctx)
		case dice < 3:
			o.peek(ctx)
		case dice < 5 && o.seed/8%2 == 0:
			o.overwrite(ctx)
		case dice < 7 && o.seed/16%2 == 0:
			o.writeAt(ctx)
		default:
			o.modify(ctx)
		}
	}
}

func (o *writer) mark(kind byte) string {
	o.count++
	return mark(kind, o.number, o.count)
}

func (o *writer) who(what string) string { return fmt.Sprintf("gateway %d, %s", o.number, what) }

// look reads.
func (o *writer) look(ctx context.Context) {
	begin := o.reading()
	b, v, err := readAll(ctx, o.file)
	if err != nil {
		o.note("gateway %d cannot read: %v", o.number, err)
		o.failure(err)
		return
	}
	o.read(o.who("reading"), begin, b, v)
}

// modify appends a token. Half of the times it takes one that is there for a sign that nothing is left to do, otherwise for one
// that the same contents have to be written again.
func (o *writer) modify(ctx context.Context) *record {
	r := o.begin('M', o.mark('M'), 0)
	var last []byte
	calls := 0
	v, err := o.file.Modify(ctx, 1<<20, func(old []byte) ([]byte, error) {
		calls++
		last = bytes.Clone(old)
		c := o.read(o.who("modifying with "+r.mark), anyTime, old, mutable.Version{})
		if !c.has(r.mark) {
			last = append(last, r.mark...)
		} else if o.seed/32%2 == 0 {
			return nil, mutable.ErrUnchanged
		}
		return last, nil
	})
	if calls > 1 { // it may be an earlier attempt that remained
		last = nil
	}
	o.finish(r, v, last, err)
	return r
}

// peek modifies nothing: what it saw at last must be what a reader sees.
func (o *writer) peek(ctx context.Context) {
	begin := o.reading()
	var last []byte
	var end error
	if o.rng.IntN(2) == 0 {
		end = errors.New("no wish to change this")
	} else {
		end = mutable.ErrUnchanged
	}
	v, err := o.file.Modify(ctx, 1<<20, func(old []byte) ([]byte, error) {
		last = bytes.Clone(old)
		return nil, end
	})
	if err != nil && err != end || err == nil && end != mutable.ErrUnchanged {
		o.note("gateway %d cannot peek: %v", o.number, err)
		o.failure(err)
		return
	}
	o.read(o.who("modifying nothing"), begin, last, v)
}

// overwrite writes the file anew.
func (o *writer) overwrite(ctx context.Context) {
	r := o.begin('O', o.mark('O'), 0)
	b := fresh(r.mark, o.shape.filler)
	v, err := o.file.Overwrite(ctx, bytes.NewReader(b), int64(len(b)))
	o.finish(r, v, b, err)
}

// writeAt replaces a slot.
func (o *writer) writeAt(ctx context.Context) {
	r := o.begin('W', o.mark('W'), o.rng.IntN(slots))
	v, err := o.file.WriteAt(ctx, strings.NewReader(r.mark), int64(r.slot*cell), cell)
	o.finish(r, v, nil, err)
}

// finish notes how a write ended. contents are what was written, where that is known.
func (o *writer) finish(r *record, v mutable.Version, contents []byte, err error) {
	o.end(r, outcomeOf(err), v, err)
	o.failure(err)
	if err == nil && contents != nil {
		o.mu.Lock()
		o.sameVersion(r.mark, contents, v)
		o.mu.Unlock()
	}
}

// outcomeOf is what an error says of a write.
func outcomeOf(err error) outcome {
	ucw, isUCW := errors.AsType[*mutable.UncoordinatedWriteError](err)
	we, isWE := errors.AsType[*mutable.WriteError](err)
	switch {
	case err == nil:
		return done
	case isUCW && !ucw.MayRemain, isWE && !we.MayRemain:
		return nowhere
	}
	return unknown
}

// failure notes an error, and is not content with those that need not have been.
func (o *writer) failure(err error) {
	if err == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if errors.Is(err, mutable.ErrUncoordinated) || errors.Is(err, mutable.ErrChanged) {
		return
	}
	o.wrongf("gateway %d failed although there are good servers: %v", o.number, err)
}

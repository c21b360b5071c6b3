package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/mutable"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// The grid of the tests with faults: any two of five shares, one on each server.
const (
	faultServers = 5
	faultNeeded  = 2
)

// A kind of file that faults are tried on. An MDMF file has two segments, so that one can be changed in place.
type fileKind struct {
	format caps.Format
	size   int
}

var fileKinds = []fileKind{{caps.SDMF, 700}, {caps.MDMF, layout.MDMFSegmentSize + 700}}

func (k fileKind) first() []byte   { return fillerOf("first", k.size) }
func (k fileKind) second() []byte  { return fillerOf("second", k.size-10) }
func (k fileKind) patched() []byte { return patch(k.second(), k.size-20, "patch") }

func patch(b []byte, at int, with string) []byte {
	b = bytes.Clone(b)
	copy(b[at:], with)
	return b
}

// An operation is done once, with a gateway that knows nothing. It checks what it got.
type operation struct {
	name  string
	run   func(ctx context.Context, k fileKind, w *world, m *mutable.Files) error
	after func(k fileKind) []byte // the contents then
}

var operations = []operation{
	{"create", func(ctx context.Context, k fileKind, w *world, m *mutable.Files) error {
		_, err := w.create(ctx, m, k.first())
		return err
	}, fileKind.first},
	{"read", func(ctx context.Context, k fileKind, w *world, m *mutable.Files) error {
		b, v, err := readAll(ctx, w.open(m))
		return same(b, k.second(), v, err)
	}, fileKind.second},
	{"read a range", func(ctx context.Context, k fileKind, w *world, m *mutable.Files) error {
		var b bytes.Buffer
		v, err := w.open(m).Read(ctx, int64(k.size-100), 50, &b)
		return same(b.Bytes(), k.second()[k.size-100:k.size-50], v, err)
	}, fileKind.second},
	{"stat", func(ctx context.Context, k fileKind, w *world, m *mutable.Files) error {
		v, err := w.open(m).Stat(ctx)
		if err == nil && v.Size != int64(len(k.second())) {
			err = fmt.Errorf("version %v of %d bytes", v, v.Size)
		}
		return err
	}, fileKind.second},
	{"overwrite", func(ctx context.Context, k fileKind, w *world, m *mutable.Files) error {
		_, err := w.open(m).Overwrite(ctx, bytes.NewReader(k.first()), int64(k.size))
		return err
	}, fileKind.first},
	{"modify", func(ctx context.Context, k fileKind, w *world, m *mutable.Files) error {
		_, err := w.open(m).Modify(ctx, 1<<20, func(old []byte) ([]byte, error) {
			if err := same(old, k.second(), mutable.Version{}, nil); err != nil {
				return nil, err
			}
			return append(bytes.Clone(old), "more"...), nil
		})
		return err
	}, func(k fileKind) []byte { return append(k.second(), "more"...) }},
	{"write at", func(ctx context.Context, k fileKind, w *world, m *mutable.Files) error {
		_, err := w.open(m).WriteAt(ctx, bytes.NewReader([]byte("patch")), int64(k.size-20), 5)
		return err
	}, fileKind.patched},
}

func same(got, want []byte, v mutable.Version, err error) error {
	if err == nil && !bytes.Equal(got, want) {
		return fmt.Errorf("version %v: %d bytes are not the %d that were written", v, len(got), len(want))
	}
	return err
}

// A stage is a world where an operation is about to run.
type stage struct {
	*world
	kind  fileKind
	op    operation
	first serverShares // of the version before
}

// newStage makes a file of two versions, unless the operation makes one.
func newStage(t testing.TB, k fileKind, op operation) *stage {
	t.Helper()
	s := &stage{world: newWorld(t, k.format, faultServers, faultNeeded, faultServers), kind: k, op: op}
	if op.name == "create" {
		return s
	}
	made := k.versions(t)
	s.first = made[0]
	for i, shares := range made[1] {
		for n, b := range shares {
			r, err := s.mems[i].TestAndWrite(t.Context(), s.cap.Index(), storage.SlotWrite{
				WriteEnabler: taghash.WriteEnabler(s.cap.Key(), tubOf(i)),
				Shares:       map[storage.ShareNum]storage.ShareWrite{n: {Writes: []storage.Write{{Data: bytes.NewReader(b)}}}},
			})
			if must(t, err); !r.Wrote {
				t.Fatal("share not written")
			}
		}
	}
	return s
}

// serverShares are the shares of one version on all servers.
type serverShares [faultServers]map[storage.ShareNum][]byte

// madeVersions are the versions of fileKinds. They are made once: signatures take long.
var madeVersions sync.Map

// versions are the shares of the first version, and of the second.
func (k fileKind) versions(t testing.TB) [2]serverShares {
	t.Helper()
	if v, ok := madeVersions.Load(k); ok {
		return v.([2]serverShares)
	}
	var out [2]serverShares
	w := newWorld(t, k.format, faultServers, faultNeeded, faultServers)
	f, err := w.create(t.Context(), w.gateway(0, nil), k.first())
	must(t, err)
	out[0] = w.allShares()
	_, err = f.Overwrite(t.Context(), bytes.NewReader(k.second()), -1)
	must(t, err)
	out[1] = w.allShares()
	madeVersions.Store(k, out)
	return out
}

func (w *world) allShares() (out serverShares) {
	for i := range out {
		out[i] = make(map[storage.ShareNum][]byte)
		for _, n := range w.shares(i) {
			out[i][n] = w.share(i, n)
		}
	}
	return out
}

// calls are how many calls each server got so far.
func (s *stage) calls() (n [faultServers]int) {
	for i, f := range s.faulty {
		n[i] = len(f.Calls())
	}
	return n
}

// patience is how long an operation may take, whatever one server does.
const patience = 2 * time.Minute

// try runs the operation, and checks that it succeeds in time, and what is there afterwards, when all servers are well. whole
// says that a write must leave nothing but good shares of one version.
func (s *stage) try(what string, whole bool) {
	s.t.Helper()
	ctx := s.t.Context()
	began := time.Now()
	m := s.gateway(1, nil)
	if err := s.op.run(ctx, s.kind, s.world, m); err != nil {
		s.t.Errorf("%v %s, %s: %v", s.kind.format, s.op.name, what, err)
		return
	}
	if took := time.Since(began); took > patience {
		s.t.Errorf("%v %s, %s: took %v", s.kind.format, s.op.name, what, took)
	}
	for _, f := range s.faulty {
		f.Clear()
		f.Start()
	}
	for _, reader := range []*mutable.Files{s.gateway(2, nil), m} {
		b, v, err := readAll(ctx, s.open(reader))
		if err := same(b, s.op.after(s.kind), v, err); err != nil {
			s.t.Errorf("%v %s, %s: read afterwards: %v", s.kind.format, s.op.name, what, err)
		}
	}
	s.inspect(what, whole && s.op.writes())
}

func (o operation) writes() bool { return o.after != nil && o.name != "stat" && o.name[:4] != "read" }

// inspect audits the shares.
func (s *stage) inspect(what string, whole bool) {
	s.t.Helper()
	versions := s.audit(func(copyOf, []byte) bool { return !whole })
	newest, nums := layout.Prefix{}, map[storage.ShareNum]bool{}
	for _, p := range versions {
		if p.Seqnum > newest.Seqnum {
			newest = p
		}
	}
	for c, p := range versions {
		if p == newest {
			nums[c.num] = true
		} else if whole {
			s.t.Errorf("%v %s, %s: share %d on server %d is still of version %d", s.kind.format, s.op.name, what, c.num, c.server, p.Seqnum)
		}
	}
	if whole && len(nums) != faultServers {
		s.t.Errorf("%v %s, %s: %d different shares of the new version", s.kind.format, s.op.name, what, len(nums))
	}
}

// eachStage runs f for each kind of file and operation, in fake time. f makes as many stages as it likes.
func eachStage(t *testing.T, f func(t *testing.T, stage func() *stage)) {
	for _, k := range fileKinds {
		for _, op := range operations {
			if k.format == caps.MDMF && !long() && !slices.Contains([]string{"read a range", "overwrite", "write at"}, op.name) {
				continue // the same as of SDMF
			}
			t.Run(fmt.Sprint(k.format, " ", op.name), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { f(t, func() *stage { return newStage(t, k, op) }) })
			})
		}
	}
}

// Each call to each server fails, hangs, is done without an answer, or is the last that the server hears: one such fault stops no
// operation, and leaves no half-written share.
func TestSingleCallFaults(t *testing.T) {
	broken := errors.New("connection lost")
	effects := []storagetest.Effect{
		storagetest.Fail(broken), storagetest.Hang(), storagetest.ApplyThenFail(broken), storagetest.Vanish(0),
	}
	eachStage(t, func(t *testing.T, newStage func() *stage) {
		dry := newStage()
		before := dry.calls()
		must(t, dry.op.run(t.Context(), dry.kind, dry.world, dry.gateway(1, nil)))
		tried := 0
		for server, calls := range dry.calls() {
			for n := 1; n <= calls-before[server]+1; n++ { // one more: there may be a second attempt
				for _, e := range effects {
					s := newStage()
					fault := storagetest.Fault{When: storagetest.When{Nth: n}, Effect: e}
					s.faulty[server].Add(fault)
					s.try(fmt.Sprintf("server %d: %v", server, fault), false)
					tried++
				}
			}
		}
		if tried < faultServers*len(effects) {
			t.Errorf("tried %d faults", tried)
		}
	})
}

// Each server does something all the time: that stops no operation either.
func TestSingleServerFaults(t *testing.T) {
	broken := errors.New("connection lost")
	faults := []storagetest.Fault{
		storagetest.FailAll(storagetest.OpAny, broken), storagetest.HangAll(storagetest.OpAny),
		storagetest.FailAll(storagetest.OpTestAndWrite, broken), storagetest.HangAll(storagetest.OpTestAndWrite),
		storagetest.FailAll(storagetest.OpTestAndWrite, storage.ErrNoSpace), storagetest.FailAll(storagetest.OpTestAndWrite, storage.ErrBadSecret),
		storagetest.FailAll(storagetest.OpReadSlot, broken), storagetest.HangAll(storagetest.OpReadSlot),
		{When: storagetest.When{Op: storagetest.OpReadSlot}, Effect: storagetest.Delay(time.Second)},
		{When: storagetest.When{Op: storagetest.OpReadSlot}, Effect: storagetest.Delay(5 * time.Second)},
		{When: storagetest.When{Op: storagetest.OpTestAndWrite}, Effect: storagetest.Delay(10 * time.Second)},
		{When: storagetest.When{Op: storagetest.OpTestAndWrite}, Effect: storagetest.ApplyThenFail(broken)},
	}
	eachStage(t, func(t *testing.T, newStage func() *stage) {
		for server := range faultServers {
			for _, fault := range faults {
				s := newStage()
				s.faulty[server].Add(fault)
				s.try(fmt.Sprintf("server %d: %v", server, fault), false)
			}
		}
	})
}

// A bit flips in each part of the share of each server, where it lies: the share is not used, and the next write replaces it.
func TestFlippedBits(t *testing.T) {
	eachStage(t, func(t *testing.T, newStage func() *stage) {
		for server := range faultServers {
			for part := layout.PartHeader; part <= layout.PartPrivateKey; part++ {
				s := newStage()
				for _, n := range s.shares(server) {
					at := s.placeIn(server, n, part)
					s.mems[server].FlipBit(s.cap.Index(), n, at)
					whole := part != layout.PartData && part != layout.PartPrivateKey && part < layout.PartShareHashes
					s.try(fmt.Sprintf("bit flipped in byte %d of share %d on server %d, in its %v", at, n, server, part), whole)
				}
			}
		}
	})
}

// A server shows a share with a flipped bit, wherever the share lies well.
func TestFlippedBitsOnTheWay(t *testing.T) {
	eachStage(t, func(t *testing.T, newStage func() *stage) {
		for server := range faultServers {
			for part := layout.PartHeader; part <= layout.PartPrivateKey; part++ {
				s := newStage()
				for _, n := range s.shares(server) {
					at := s.placeIn(server, n, part)
					s.faulty[server].Add(storagetest.FlipBit(n, at))
					s.try(fmt.Sprintf("byte %d of share %d on server %d shown flipped, in its %v", at, n, server, part), false)
				}
			}
		}
	})
}

// placeIn is a byte in the middle of a part of a share.
func (s *stage) placeIn(server int, n storage.ShareNum, part layout.Part) int64 {
	h, err := layout.ParseHeader(s.share(server, n))
	must(s.t, err)
	span := h.Span(part)
	return span.Offset + span.Size/2
}

// damages are what can be wrong with servers for good.
var damages = []struct {
	name    string
	replace bool // a write makes it good
	do      func(s *stage, server int, n storage.ShareNum)
}{
	{"missing", true, func(s *stage, server int, n storage.ShareNum) { s.mems[server].Remove(s.cap.Index(), n) }},
	{"stale", true, func(s *stage, server int, n storage.ShareNum) {
		s.mems[server].Edit(s.cap.Index(), n, func([]byte) []byte { return s.first[server][n] })
	}},
	{"stale, with a forged number", true, func(s *stage, server int, n storage.ShareNum) {
		s.mems[server].Edit(s.cap.Index(), n, func([]byte) []byte {
			b := bytes.Clone(s.first[server][n])
			b[8] = 99 // seqnum
			return b
		})
	}},
	{"corrupt", true, func(s *stage, server int, n storage.ShareNum) {
		s.mems[server].Edit(s.cap.Index(), n, func(b []byte) []byte { b[20] ^= 4; return b })
	}},
	{"cut short", true, func(s *stage, server int, n storage.ShareNum) {
		s.mems[server].Edit(s.cap.Index(), n, func(b []byte) []byte { return b[:len(b)/4] })
	}},
	{"empty", true, func(s *stage, server int, n storage.ShareNum) {
		s.mems[server].Edit(s.cap.Index(), n, func([]byte) []byte { return nil })
	}},
	{"down", false, func(s *stage, server int, _ storage.ShareNum) { s.faulty[server].Stop() }},
	{"hanging", false, func(s *stage, server int, _ storage.ShareNum) {
		s.faulty[server].Add(storagetest.HangAll(storagetest.OpAny))
	}},
}

// All shares but k of them are damaged, whichever those are: every operation still works.
func TestDamagedShares(t *testing.T) {
	eachStage(t, func(t *testing.T, newStage func() *stage) {
		for _, d := range damages {
			for set := range 1 << faultServers {
				s := newStage()
				if s.op.name == "create" || !s.damage(set, d.do) {
					continue
				}
				s.try(fmt.Sprintf("servers %05b: shares %s", set, d.name), d.replace && d.name != "cut short")
			}
		}
	})
}

// damage damages the shares of a set of servers, which leaves enough.
func (s *stage) damage(set int, do func(s *stage, server int, n storage.ShareNum)) bool {
	n := 0
	for i := range faultServers {
		n += set >> i & 1
	}
	if n == 0 || n > faultServers-faultNeeded || n > 1 && s.kind.format == caps.MDMF && set%3 != 0 && !long() {
		return false
	}
	for i := range faultServers {
		if set>>i&1 == 1 {
			for _, num := range s.shares(i) {
				do(s, i, num)
			}
		}
	}
	return true
}

// With fewer than k good shares nothing is read, and the error says what there is.
func TestTooFewShares(t *testing.T) {
	for _, k := range fileKinds {
		synctest.Test(t, func(t *testing.T) {
			for _, d := range damages[3:] {
				s := newStage(t, k, operations[1])
				for server := range faultServers - 1 {
					for _, n := range s.shares(server) {
						d.do(s, server, n)
					}
				}
				_, err := s.open(s.gateway(1, nil)).Read(t.Context(), 0, 1, io.Discard)
				e, ok := errors.AsType[*mutable.NotEnoughSharesError](err)
				if !ok || e.Have != 1 || e.Need != faultNeeded {
					t.Errorf("%v, shares %s: %v", k.format, d.name, err)
				}
			}
		})
	}
}

// A write that finds a place for fewer than k shares is not done, and says that it may be there all the same.
func TestTooFewServers(t *testing.T) {
	broken := errors.New("connection lost")
	for _, name := range []string{"create", "overwrite", "write at"} {
		op := operations[slices.IndexFunc(operations, func(o operation) bool { return o.name == name })]
		for _, k := range fileKinds {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, k, op)
				for i, f := range s.faulty {
					from := 1
					if i == 3 {
						from = 2 // one share finds a place
					}
					f.Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpTestAndWrite, From: from}, Effect: storagetest.Fail(broken)})
				}
				err := op.run(t.Context(), k, s.world, s.gateway(1, nil))
				if e, ok := errors.AsType[*mutable.WriteError](err); !ok || e.Placed != 1 || e.Need != faultNeeded || !e.MayRemain || !errors.Is(err, broken) {
					t.Errorf("%v %s: %v", k.format, name, err)
				}
				s.audit(nil)
			})
		}
	}
}

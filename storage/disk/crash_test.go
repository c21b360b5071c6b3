package disk_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"tahoe/internal/durable/durabletest"
	"tahoe/storage"
	"tahoe/storage/disk"
)

// An operation that crash tests interrupt. The states are the whole contents that the store may have after a crash;
// the last is the one after the operation.
type operation struct {
	name   string
	before func(t *testing.T, s *disk.Server)
	run    func(t *testing.T, s *disk.Server) error
	states []map[storage.ShareNum]string
}

const big = 600_000 // more than one buffer

func bigData() string { return string(bytes.Repeat([]byte("0123456789"), big/10)) }

func upload(t *testing.T, s *disk.Server, n storage.ShareNum, data string) error {
	got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: []storage.ShareNum{n}, Size: int64(len(data)), Lease: lease(1)})
	if err != nil {
		return err
	}
	w := got.Writers[n]
	if w == nil {
		return errors.New("no writer")
	}
	if _, err := w.Write(t.Context(), storage.Span{Size: int64(len(data))}, bytes.NewReader([]byte(data))); err != nil {
		return errors.Join(err, w.Abort(t.Context()))
	}
	if err := w.Close(t.Context()); err != nil {
		return errors.Join(err, w.Abort(t.Context()))
	}
	return nil
}

func slotWrite(t *testing.T, s *disk.Server, shares map[storage.ShareNum]storage.ShareWrite) error {
	got, err := s.TestAndWrite(t.Context(), goldenIndex, storage.SlotWrite{WriteEnabler: fill('w'), Lease: lease(1), Shares: shares})
	if err == nil && !got.Wrote {
		err = errors.New("not written")
	}
	return err
}

type shares = map[storage.ShareNum]string

func operations() []operation {
	none := func(*testing.T, *disk.Server) {}
	slot := func(t *testing.T, s *disk.Server) {
		err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{0: writes(at(0, "old zero")), 1: writes(at(0, "old one"))})
		if err != nil {
			t.Fatal(err)
		}
	}
	leases := func(n byte) func(t *testing.T, s *disk.Server) {
		return func(t *testing.T, s *disk.Server) {
			for k := byte(1); k <= n; k++ {
				if err := s.AddLease(t.Context(), goldenIndex, lease(k)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	immutable := func(t *testing.T, s *disk.Server) {
		if err := upload(t, s, 2, "an immutable share"); err != nil {
			t.Fatal(err)
		}
	}
	add := func(t *testing.T, s *disk.Server) error { return s.AddLease(t.Context(), goldenIndex, lease(9)) }
	zero := int64(0)
	return []operation{
		{"upload", none, func(t *testing.T, s *disk.Server) error { return upload(t, s, 2, bigData()) },
			[]shares{{}, {2: bigData()}}},
		{"new slot", none, func(t *testing.T, s *disk.Server) error {
			return slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{0: writes(at(5, "new"))})
		}, []shares{{}, {0: "\x00\x00\x00\x00\x00new"}}},
		{"change of two shares", slot, func(t *testing.T, s *disk.Server) error {
			return slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{0: writes(at(0, "NEW")), 1: writes(at(4, bigData()))})
		}, []shares{{0: "old zero", 1: "old one"}, {0: "NEW zero", 1: "old one"}, {0: "NEW zero", 1: "old " + bigData()}}},
		{"deletion", slot, func(t *testing.T, s *disk.Server) error {
			return slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{0: {NewLength: &zero}, 1: {NewLength: &zero}})
		}, []shares{{0: "old zero", 1: "old one"}, {1: "old one"}, {}}},
		{"lease on an immutable share", immutable, add, []shares{{2: "an immutable share"}}},
		{"lease on a slot", slot, add, []shares{{0: "old zero", 1: "old one"}}},
		{"extra lease on a slot", func(t *testing.T, s *disk.Server) { slot(t, s); leases(4)(t, s) }, add,
			[]shares{{0: "old zero", 1: "old one"}}},
		{"change with extra leases", func(t *testing.T, s *disk.Server) { slot(t, s); leases(7)(t, s) }, func(t *testing.T, s *disk.Server) error {
			return slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{0: writes(at(1000, "far"))})
		}, []shares{{0: "old zero", 1: "old one"}, {0: "old zero" + string(make([]byte, 992)) + "far", 1: "old one"}}},
	}
}

// TestDiesAtEveryStep runs each operation once to count the steps that change the disk, and then once for each step with
// the process dying before it. After a restart the audit finds nothing, the store holds one of the states it may have,
// and the operation can be done again.
func TestDiesAtEveryStep(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			steps := count(t, op)
			t.Logf("%d steps", steps)
			for n := 1; n <= steps; n++ {
				dieAt(t, op, n)
			}
		})
	}
}

// count runs op to its end.
func count(t *testing.T, op operation) int {
	t.Helper()
	dir := t.TempDir()
	op.before(t, open(t, disk.Config{Dir: dir}))
	crash := &lateCrash{}
	s := open(t, disk.Config{Dir: dir, Step: crash.step})
	crash.c = durabletest.Count()
	if err := op.run(t, s); err != nil {
		t.Fatal(err)
	}
	steps := len(crash.c.Steps())
	if steps < 2 {
		t.Fatalf("got steps %q", crash.c.Steps())
	}
	wantState(t, s, op.states[len(op.states)-1:], "undisturbed")
	return steps
}

// lateCrash is a hook that lets opening the store pass.
type lateCrash struct{ c *durabletest.Crash }

func (l *lateCrash) step(call, path string) error {
	if l.c == nil {
		return nil
	}
	return l.c.Step(call, path)
}

func dieAt(t *testing.T, op operation, n int) {
	t.Helper()
	dir := t.TempDir()
	op.before(t, open(t, disk.Config{Dir: dir}))
	crash := &lateCrash{}
	s := open(t, disk.Config{Dir: dir, Step: crash.step})
	crash.c = durabletest.At(n)
	_ = op.run(t, s) // some steps, tidying up, may fail without harm
	at := crash.c.Last()

	s = open(t, disk.Config{Dir: dir})
	noFindings(t, s)
	wantState(t, s, op.states, "died before "+at)
	after := content(t, s)
	if slices.EqualFunc(op.states[len(op.states)-1:], []shares{after}, equal) {
		return // it was done
	}
	if err := op.run(t, s); err != nil {
		t.Errorf("died before %s: doing it again: %v", at, err)
	}
	noFindings(t, s)
	wantState(t, s, op.states[len(op.states)-1:], "done again after dying before "+at)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

func equal(a, b shares) bool {
	if len(a) != len(b) {
		return false
	}
	for n, data := range a {
		if other, ok := b[n]; !ok || other != data {
			return false
		}
	}
	return true
}

// wantState checks that the store holds one of the states.
func wantState(t *testing.T, s *disk.Server, states []shares, what string) {
	t.Helper()
	got := content(t, s)
	for _, want := range states {
		if equal(got, want) {
			return
		}
	}
	for n, data := range got {
		t.Logf("share %d: %d bytes, %.40q", n, len(data), data)
	}
	t.Errorf("%s: the store holds %d shares, in none of the %d states allowed", what, len(got), len(states))
}

// content is all shares of the index, with their data.
func content(t *testing.T, s *disk.Server) shares {
	t.Helper()
	out := shares{}
	slot, err := s.ReadSlot(t.Context(), goldenIndex, nil, []storage.Span{{Size: 1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	for n, values := range slot {
		out[n] = string(values[0])
	}
	buckets, err := s.Buckets(t.Context(), goldenIndex)
	if err != nil {
		t.Fatal(err)
	}
	for n, r := range buckets {
		out[n] = string(readAll(t, r))
	}
	return out
}

// TestOrderOfSteps: content is synced before it gets its name, and directories after.
func TestOrderOfSteps(t *testing.T) {
	for _, c := range []struct {
		op   int
		want []string
	}{
		{0, []string{"write", "sync", "rename", "syncdir"}},
		{2, []string{"write", "sync", "write", "sync", "rename", "rename", "syncdir"}},
	} {
		op := operations()[c.op]
		dir := t.TempDir()
		op.before(t, open(t, disk.Config{Dir: dir}))
		crash := &lateCrash{}
		s := open(t, disk.Config{Dir: dir, Step: crash.step})
		crash.c = durabletest.Count()
		if err := op.run(t, s); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, step := range crash.c.Steps() {
			call, _, _ := strings.Cut(step, " ")
			repeated := len(got) > 0 && got[len(got)-1] == call && call != "rename"
			if slices.Contains(c.want, call) && !repeated {
				got = append(got, call)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got steps %q, want %q", op.name, got, c.want)
		}
	}
}

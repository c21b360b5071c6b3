package mutable_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"tahoe/caps"
	"tahoe/lafs/health"
	"tahoe/lafs/mutable"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

var verifying = health.Options{Verify: true}

func (w *world) check(f *mutable.File, o health.Options) *health.Result {
	w.t.Helper()
	r, err := f.Check(w.t.Context(), o)
	must(w.t, err)
	return r
}

func (w *world) repair(f *mutable.File, o health.Options) *health.Repair {
	w.t.Helper()
	r, err := f.Repair(w.t.Context(), o)
	must(w.t, err)
	return r
}

// share is the share of a number, where it was placed first, and the server that has it.
func (w *world) share(f *mutable.File, n storage.ShareNum) (server int) {
	for s, m := range w.mems {
		if m.Bytes(index(f), n) != nil {
			return s
		}
	}
	w.t.Fatalf("nobody has share %d", n)
	return 0
}

func verifier(t testing.TB, m *mutable.Files, f *mutable.File) *mutable.Verifier {
	t.Helper()
	v, ok := f.Cap().Verify()
	if !ok {
		t.Fatal("no capability to verify")
	}
	return m.OpenVerify(v.(caps.MutableVerify))
}

// TestVerifyEveryPart flips bits of every part of a share: verification names the part, and repair mends the share in place.
func TestVerifyEveryPart(t *testing.T) {
	for _, format := range []caps.Format{caps.SDMF, caps.MDMF} {
		for _, size := range []int{0, 100, 300_000} {
			t.Run(fmt.Sprintf("%v %d", format, size), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { verifyEveryPart(t, format, size) })
			})
		}
	}
}

func verifyEveryPart(t *testing.T, format caps.Format, size int) {
	w := newWorld(t, 10)
	f := w.create(w.files(), format, random(1, size))
	s := w.share(f, 4)
	h, err := layout.ParseHeader(w.mems[s].Bytes(index(f), 4))
	must(t, err)
	for part := layout.PartHeader; part <= layout.PartPrivateKey; part++ {
		span := h.Span(part)
		if part == layout.PartHeader {
			span = storage.Span{Size: h.HeaderSize()}
		}
		if span.Size == 0 || size == 0 && part == layout.PartBlockHashes { // which an empty file does not need
			continue
		}
		step := max(span.Size/7, 1)
		for offset := span.Offset; offset < span.End(); offset += step {
			if !w.mems[s].FlipBit(index(f), 4, offset) {
				t.Fatalf("%v: the share ends before byte %d", part, offset)
			}
			m := w.files()
			what := fmt.Sprintf("%v, byte %d", part, offset)
			r := w.check(w.same(m, f), verifying)
			if len(r.Corrupt) != 1 || r.Corrupt[0].Share != 4 || r.Good != 9 || r.Healthy || !r.Recoverable {
				t.Fatalf("%s: got %+v", what, r)
			}
			root := part == layout.PartBlockHashes && r.Corrupt[0].Part == layout.PartShareHashes.String() // they contradict each other
			if got := r.Corrupt[0].Part; part != layout.PartHeader && got != part.String() && !root {
				t.Errorf("%s: got %q", what, got)
			}
			v, err := verifier(t, w.files(), f).Check(t.Context(), verifying)
			must(t, err)
			if want := part == layout.PartPrivateKey; v.Healthy != want && part != layout.PartHeader { // which says where that key ends
				t.Errorf("%s, by the capability to verify: got %+v, want healthy %v", what, v, want)
			}
			rep := w.repair(w.same(w.files(), f), verifying)
			if !rep.Attempted || !rep.Successful || rep.Placed != 1 {
				t.Fatalf("%s: repair: got %+v, %v", what, rep, rep.Err)
			}
			if got := w.audit(f); len(got) != 1 || got[1] != 10 {
				t.Fatalf("%s: after the repair: got %v", what, got)
			}
		}
	}
	wantContents(t, w.same(w.files(), f), random(1, size))
}

// TestRepairTable: what is found and mended of each kind of damage, without a new version where that suffices.
func TestRepairTable(t *testing.T) {
	type outcome struct {
		good, wrong, corrupt, versions, lost int
		placed                               int
		seqnum                               uint64 // of all shares afterwards; 0: not repaired
		err                                  error
	}
	for _, c := range []struct {
		name   string
		damage func(w *world, f *mutable.File)
		force  bool
		want   outcome
	}{
		{"nothing", func(*world, *mutable.File) {}, false, outcome{good: 10, versions: 1, seqnum: 1}},
		{"one missing", func(w *world, f *mutable.File) { w.lose(w.share(f, 2), index(f)) }, false, outcome{good: 9, versions: 1, placed: 1, seqnum: 1}},
		{"just enough", func(w *world, f *mutable.File) { w.loseBut(f, 3) }, false, outcome{good: 3, versions: 1, placed: 7, seqnum: 1}},
		{"too few", func(w *world, f *mutable.File) { w.loseBut(f, 2) }, false, outcome{good: 2, lost: 1, err: &mutable.NotEnoughSharesError{}}},
		{"none", func(w *world, f *mutable.File) { w.loseBut(f, 0) }, false, outcome{err: &mutable.NotEnoughSharesError{}}},
		{"three servers with an old version", func(w *world, f *mutable.File) {
			w.without(f, 3, func(g *mutable.File) { replaceAll(w.t, g, random(2, 1000)) })
		}, false, outcome{good: 10, wrong: 3, versions: 2, placed: 3, seqnum: 2}},
		{"two servers with an old version", func(w *world, f *mutable.File) {
			w.without(f, 2, func(g *mutable.File) { replaceAll(w.t, g, random(2, 1000)) })
		}, false, outcome{good: 10, wrong: 2, versions: 1, lost: 1, placed: 2, seqnum: 2}},
		{"a newer version that is lost", func(w *world, f *mutable.File) { w.loseNewer(f) }, false,
			outcome{good: 8, wrong: 2, versions: 1, lost: 1, err: mutable.ErrNewerVersion}},
		{"a newer version that is lost, forced", func(w *world, f *mutable.File) { w.loseNewer(f) }, true,
			outcome{good: 8, wrong: 2, versions: 1, lost: 1, placed: 10, seqnum: 3}},
		{"two heads", func(w *world, f *mutable.File) { w.fork(f) }, false,
			outcome{good: 5, wrong: 5, versions: 2, err: mutable.ErrSeveralHeads}},
		{"two heads, forced", func(w *world, f *mutable.File) { w.fork(f) }, true,
			outcome{good: 5, wrong: 5, versions: 2, placed: 10, seqnum: 3}},
		{"dead server", func(w *world, f *mutable.File) { w.faulty[w.share(f, 2)].Stop() }, false, outcome{good: 9, versions: 1, placed: 1, seqnum: 1}},
		{"hung server", func(w *world, f *mutable.File) {
			w.faulty[w.share(f, 2)].Add(storagetest.HangAll(storagetest.OpAny))
		}, false, outcome{good: 9, versions: 1, placed: 1, seqnum: 1}},
	} {
		for _, format := range []caps.Format{caps.SDMF, caps.MDMF} {
			t.Run(fmt.Sprintf("%v, %s", format, c.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 10)
					f := w.create(w.files(), format, random(1, 1000))
					c.damage(w, f)
					r := w.check(w.same(w.files(), f), verifying)
					got := outcome{good: r.Good, wrong: r.Wrong, corrupt: len(r.Corrupt), versions: r.Versions, lost: r.Lost}
					want := c.want
					want.placed, want.seqnum, want.err = 0, 0, nil
					if got != want || r.Healthy != (c.name == "nothing") || r.Recoverable != (r.Versions > 0) {
						t.Errorf("check: got %+v", r)
					}
					rep := w.repair(w.same(w.files(), f), health.Options{Verify: true, Force: c.force})
					if rep.Attempted != (c.name != "nothing") || rep.Successful != (rep.Attempted && c.want.err == nil) || rep.Placed != c.want.placed {
						t.Errorf("repair: got %+v, %v", rep, rep.Err)
					}
					if c.want.err != nil {
						if _, short := c.want.err.(*mutable.NotEnoughSharesError); short {
							if _, ok := errors.AsType[*mutable.NotEnoughSharesError](rep.Err); !ok {
								t.Errorf("got %v", rep.Err)
							}
						} else if !errors.Is(rep.Err, c.want.err) {
							t.Errorf("got %v, want %v", rep.Err, c.want.err)
						}
						return
					}
					for _, x := range w.faulty {
						x.Clear()
						x.Start()
					}
					if rep.Attempted && (!rep.After.Healthy || rep.After.Good != 10 || rep.After.Wrong != 0) {
						t.Errorf("after: got %+v", rep.After)
					}
					if got := w.audit(f); len(got) != 1 || got[c.want.seqnum] < 10 {
						t.Errorf("afterwards: got %v, want all of version %d", got, c.want.seqnum)
					}
					if r := w.check(w.same(w.files(), f), verifying); !r.Healthy {
						t.Errorf("afterwards: got %+v", r)
					}
					// The places are the writers': nothing keeps them from the next version.
					replaceAll(t, w.same(w.files(), f), random(3, 500))
					wantContents(t, w.same(w.files(), f), random(3, 500))
				})
			})
		}
	}
}

// TestRepairTakesTheRightToWrite: without it nothing is written, since nobody could write to the new places.
func TestRepairTakesTheRightToWrite(t *testing.T) {
	w := newWorld(t, 10)
	f := w.create(w.files(), caps.SDMF, random(1, 1000))
	w.lose(w.share(f, 2), index(f))
	m := w.files()
	reader, err := m.Open(f.Cap().(caps.MutableWrite).ReadOnly())
	must(t, err)
	before := w.count(storagetest.OpTestAndWrite)
	for _, repair := range []func() (*health.Repair, error){
		func() (*health.Repair, error) { return reader.Repair(t.Context(), verifying) },
		func() (*health.Repair, error) { return verifier(t, m, f).Repair(t.Context(), verifying) },
	} {
		r, err := repair()
		must(t, err)
		if r.Attempted || r.Successful || !errors.Is(r.Err, mutable.ErrRepairReadOnly) || r.After != r.Before || r.Before.Good != 9 {
			t.Errorf("got %+v", r)
		}
	}
	if n := w.count(storagetest.OpTestAndWrite); n != before {
		t.Errorf("%d writes", n-before)
	}
}

func TestCheckAddsLeases(t *testing.T) {
	w := newWorld(t, 10)
	f := w.create(w.files(), caps.SDMF, random(1, 1000))
	other := w.files(func(c *mutable.Config) {
		lease := c.Lease
		c.Lease = func(i storage.Index, tub [20]byte) storage.LeaseSecrets { tub[0]++; return lease(i, tub) }
	})
	w.check(w.same(other, f), health.Options{AddLease: true})
	for n := range storage.ShareNum(10) {
		if got := w.mems[w.share(f, n)].LeaseCount(index(f), n); got != 2 {
			t.Errorf("share %d has %d leases, want 2", n, got)
		}
	}
}

func replaceAll(t testing.TB, f *mutable.File, b []byte) {
	t.Helper()
	_, err := f.Modify(t.Context(), 1<<20, func([]byte) ([]byte, error) { return b, nil })
	must(t, err)
}

// loseBut leaves n shares.
func (w *world) loseBut(f *mutable.File, n int) {
	for _, m := range w.mems {
		for _, num := range m.Shares(index(f)) {
			if int(num) >= n {
				m.Remove(index(f), num)
			}
		}
	}
}

// without does something while the servers of the first n shares are away. They come back with what they had.
func (w *world) without(f *mutable.File, n int, do func(*mutable.File)) {
	var away []int
	for num := range storage.ShareNum(n) {
		away = append(away, w.share(f, num))
	}
	for _, s := range away {
		w.faulty[s].Stop()
	}
	do(w.same(w.files(), f))
	for _, s := range away {
		w.faulty[s].Start()
	}
}

// loseNewer has a new version, of which all but two shares go back to what they were.
func (w *world) loseNewer(f *mutable.File) {
	old := w.snapshot(f)
	replaceAll(w.t, w.same(w.files(), f), random(2, 1000))
	for n := storage.ShareNum(2); n < 10; n++ {
		w.restore(f, n, old[n])
	}
}

// fork has two new versions with the same number, of five shares each.
func (w *world) fork(f *mutable.File) {
	old := w.snapshot(f)
	replaceAll(w.t, w.same(w.files(), f), random(2, 1000))
	first := w.snapshot(f)
	for n := range storage.ShareNum(10) {
		w.restore(f, n, old[n])
	}
	replaceAll(w.t, w.same(w.files(), f), random(3, 1000))
	for n := range storage.ShareNum(5) {
		w.restore(f, n, first[n])
	}
}

func (w *world) snapshot(f *mutable.File) [10][]byte {
	var out [10][]byte
	for n := range storage.ShareNum(10) {
		out[n] = w.mems[w.share(f, n)].Bytes(index(f), n)
	}
	return out
}

func (w *world) restore(f *mutable.File, n storage.ShareNum, b []byte) {
	w.mems[w.share(f, n)].Edit(index(f), n, func([]byte) []byte { return b })
}

// TestCheckIsFollowed: who looks on at a check and a repair sees how far they are.
func TestCheckIsFollowed(t *testing.T) {
	for _, format := range []caps.Format{caps.SDMF, caps.MDMF} {
		w := newWorld(t, 10)
		f := w.create(w.files(), format, random(1, 300_000))
		w.lose(w.share(f, 2), index(f))
		var last health.Progress
		steps := 0
		o := verifying
		o.Meter = health.NewMeter(func(p health.Progress) { last, steps = p, steps+1 })
		if r := w.repair(w.same(w.files(), f), o); !r.Successful {
			t.Fatalf("%v: got %+v", format, r)
		}
		if last.Asked != 10 || last.Answered != 10 || last.Shares != 9 || last.ToVerify < 9*100_000 || last.Verified != last.ToVerify ||
			last.ToPush < 100_000 || last.Pushed != last.ToPush || steps < 21 {
			t.Errorf("%v: got %+v after %d steps", format, last, steps)
		}
	}
}

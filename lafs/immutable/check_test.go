package immutable_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/lafs/immutable"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

func verifyCap(t testing.TB, c caps.CHK) caps.CHKVerify {
	t.Helper()
	v, ok := c.Verify()
	if !ok {
		t.Fatal("no verify capability")
	}
	return v.(caps.CHKVerify)
}

func testLease(i storage.Index, tub [20]byte) storage.LeaseSecrets {
	return taghash.Lease([]byte("master"), i, tub)
}

func (w *world) checker() *immutable.Checker {
	return immutable.NewChecker(immutable.CheckerConfig{
		Servers: grid.Fixed(w.servers...), Lease: testLease, Pool: reactor.NewPool(2), Budget: w.budget,
	})
}

func (w *world) repairer() *immutable.Repairer {
	u := immutable.NewUploader(immutable.UploaderConfig{Servers: grid.Fixed(w.servers...), Lease: testLease})
	return immutable.NewRepairer(u, w.downloader(), w.checker())
}

func (w *world) check(t testing.TB, c caps.CHK, o health.Options) *health.Result {
	t.Helper()
	r, err := w.checker().Check(t.Context(), verifyCap(t, c), o)
	must(t, err)
	return r
}

func (w *world) repair(t testing.TB, c caps.CHK, o health.Options) *health.Repair {
	t.Helper()
	r, err := w.repairer().Repair(t.Context(), verifyCap(t, c), o)
	must(t, err)
	return r
}

// wrote is how many shares were written to all servers.
func (w *world) wrote() (n int) {
	for _, f := range w.faulty {
		n += f.Count(storagetest.OpClose)
	}
	return n
}

// good is how many different shares of e servers have, byte for byte.
func (w *world) good(e encoded) int {
	found := map[storage.ShareNum]bool{}
	for _, m := range w.mems {
		for _, n := range m.Shares(e.chk.Index()) {
			if int(n) < len(e.shares) && bytes.Equal(m.Bytes(e.chk.Index(), n), e.shares[n]) {
				found[n] = true
			}
		}
	}
	return len(found)
}

var verifying = health.Options{Verify: true}

// wantCorrupt checks that a verification names one corrupt share, and the part of it; none when part is empty.
func wantCorrupt(t *testing.T, what string, r *health.Result, n storage.ShareNum, part string) {
	t.Helper()
	if part == "" {
		if !r.Healthy || len(r.Corrupt)+len(r.Incompatible) > 0 {
			t.Errorf("%s: got %+v, want healthy: nobody uses that", what, r)
		}
		return
	}
	bad := append(r.Corrupt, r.Incompatible...)
	if len(bad) != 1 || bad[0].Share != n || bad[0].Part != part || bad[0].Server.Name() != fmt.Sprintf("server-%03d", n) {
		t.Errorf("%s: got %+v, want share %d, %q", what, bad, n, part)
	}
	if r.Healthy || !r.Recoverable || r.Good != r.Expected-1 || r.Hosts != r.Expected-1 || r.Happiness != r.Expected-1 {
		t.Errorf("%s: got %+v", what, r)
	}
}

// TestVerifyEveryByte flips a bit of each byte of a share: whatever a reader uses is noticed, and its part named.
func TestVerifyEveryByte(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 100)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 10)
		for offset := range int64(len(e.shares[4])) {
			w.mems[4].FlipBit(e.chk.Index(), 4, offset)
			wantCorrupt(t, fmt.Sprintf("byte %d", offset), w.check(t, e.chk, verifying), 4, e.used(offset))
			w.mems[4].FlipBit(e.chk.Index(), 4, offset)
		}
	})
}

// used is part in the words of a verification, which does not look at what no reader uses: two sizes in the header, and where the
// plaintext hash tree is.
func (e encoded) used(offset int64) string {
	if offset >= 4 && offset < 12 || offset >= 16 && offset < 20 {
		return ""
	}
	return strings.TrimSuffix(e.part(offset), ":")
}

// TestVerifyLarge does the same with shares of many segments, of all ages and versions, which are read in parts.
func TestVerifyLarge(t *testing.T) {
	for _, x := range []struct {
		name string
		enc  slowEncoder
		size int
	}{
		{"many segments", slowEncoder{k: 3, n: 6, maxSegment: 64 << 10}, 700_000},
		{"old", slowEncoder{k: 3, n: 6, maxSegment: 128 << 10}, 700_000},
		{"today", slowEncoder{k: 3, n: 6, maxSegment: mib}, 3 * mib},
		{"one share", slowEncoder{k: 1, n: 1, maxSegment: mib}, 100_000},
	} {
		e := encodeFile(t, x.enc, x.size)
		synctest.Test(t, func(t *testing.T) {
			w := e.world(t, e.g.Total)
			if r := w.check(t, e.chk, verifying); !r.Healthy || r.Summary != "Healthy" {
				t.Fatalf("%s: got %+v", x.name, r)
			}
			offsets := []int64{0, 3, 4, 0xc, 0x10, 0x17, 0x18, 0x1c, 0x20, 0x23, e.l.ShareSize() - 1}
			for _, region := range []string{"blocks", "ciphertext hash tree", "block hashes", "share hashes", "UEB"} {
				from, to := e.region(region)
				offsets = append(offsets, from, from+1, from+(to-from)/3, (from+to)/2, to-1)
			}
			if e.g.Total == 1 {
				return
			}
			for _, offset := range offsets {
				w.mems[2].FlipBit(e.chk.Index(), 2, offset)
				wantCorrupt(t, fmt.Sprintf("%s: byte %d", x.name, offset), w.check(t, e.chk, verifying), 2, e.used(offset))
				w.mems[2].FlipBit(e.chk.Index(), 2, offset)
			}
		})
	}
}

// TestVerifyVersion2: shares of version 2 are as good.
func TestVerifyVersion2(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib, v2: true, moreUEB: "a:1:x,"}, 100_000)
	w := e.world(t, 10)
	if r := w.check(t, e.chk, verifying); !r.Healthy {
		t.Errorf("got %+v", r)
	}
}

// TestCheckTable: what a check reports of each kind of damage, and what a repair does about it.
func TestCheckTable(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: 64 << 10}, 300_000)
	i := e.chk.Index()
	for _, c := range []struct {
		name    string
		servers int
		damage  func(w *world)
		plain   int // good shares without verification
		good    int
		corrupt int
		happy   int
		written int  // by a repair
		lost    bool // it cannot be repaired
		unmoved bool // nothing takes what is missing
	}{
		{name: "nothing", servers: 10, damage: func(*world) {}, plain: 10, good: 10, happy: 10},
		{name: "one missing", servers: 10, damage: func(w *world) { w.mems[3].Remove(i, 3) }, plain: 9, good: 9, happy: 9, written: 1},
		{name: "six of ten", servers: 10, damage: func(w *world) { removeAll(w, i, 4) }, plain: 6, good: 6, happy: 6, written: 4},
		{name: "just enough", servers: 10, damage: func(w *world) { removeAll(w, i, 7) }, plain: 3, good: 3, happy: 3, written: 7},
		{name: "too few", servers: 10, damage: func(w *world) { removeAll(w, i, 8) }, plain: 2, good: 2, happy: 2, lost: true},
		{name: "none", servers: 10, damage: func(w *world) { removeAll(w, i, 10) }, lost: true},
		{name: "one corrupt", servers: 10, damage: func(w *world) { w.mems[3].FlipBit(i, 3, 1000) }, plain: 10, good: 9, corrupt: 1, happy: 9, written: 1},
		{name: "all but three corrupt", servers: 10, damage: func(w *world) { corruptAll(w, i, 7) }, plain: 10, good: 3, corrupt: 7, happy: 3, written: 7},
		{name: "all but two corrupt", servers: 10, damage: func(w *world) { corruptAll(w, i, 8) }, plain: 10, good: 2, corrupt: 8, happy: 2, lost: true},
		{name: "truncated", servers: 10, damage: func(w *world) {
			w.mems[3].Edit(i, 3, func(b []byte) []byte { return b[:len(b)/2] })
		}, plain: 10, good: 9, corrupt: 1, happy: 9, written: 1},
		{name: "empty", servers: 10, damage: func(w *world) {
			w.mems[3].Edit(i, 3, func(b []byte) []byte { return nil })
		}, plain: 10, good: 9, corrupt: 1, happy: 9, written: 1},
		{name: "twice, one good", servers: 11, damage: func(w *world) {
			w.mems[10].Put(i, 3, e.shares[3])
			w.mems[3].FlipBit(i, 3, 1000)
		}, plain: 10, good: 10, corrupt: 1, happy: 10},
		{name: "misplaced", servers: 10, damage: func(w *world) {
			w.mems[3].Put(i, 2, e.shares[7]) // share 7 as number 2, besides the true one
		}, plain: 10, good: 10, corrupt: 1, happy: 10},
		{name: "number out of range", servers: 10, damage: func(w *world) { w.mems[3].Put(i, 12, e.shares[7]) }, plain: 10, good: 10, corrupt: 1, happy: 10},
		{name: "all on one server", servers: 1, damage: func(*world) {}, plain: 10, good: 10, happy: 1},
		{name: "dead server", servers: 10, damage: func(w *world) { w.faulty[3].Stop() }, plain: 9, good: 9, happy: 9, written: 1},
		{name: "hung server", servers: 10, damage: func(w *world) { w.faulty[3].Add(storagetest.HangAll(storagetest.OpAny)) }, plain: 9, good: 9, happy: 9, written: 1},
		{name: "server that hangs in reads", servers: 10, damage: func(w *world) {
			w.faulty[3].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Stall(1000)})
		}, plain: 10, good: 9, happy: 9, written: 1},
		{name: "one missing, and servers that take nothing", servers: 10, damage: func(w *world) {
			w.mems[3].Remove(i, 3)
			for _, f := range w.faulty {
				f.Add(storagetest.FailAll(storagetest.OpAllocate, storage.ErrNoSpace))
			}
		}, plain: 9, good: 9, happy: 9, unmoved: true},
		{name: "one missing, and a server that hangs when it should take it", servers: 10, damage: func(w *world) {
			w.mems[3].Remove(i, 3)
			w.faulty[3].Add(storagetest.HangAll(storagetest.OpAllocate))
		}, plain: 9, good: 9, happy: 9, written: 1},
		{name: "one missing, and a server that fails while it takes it", servers: 10, damage: func(w *world) {
			w.mems[3].Remove(i, 3)
			w.faulty[3].Add(storagetest.FailAll(storagetest.OpWrite, storage.ErrNoSpace))
		}, plain: 9, good: 9, happy: 9, written: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := e.world(t, c.servers)
				c.damage(w)
				if r := w.check(t, e.chk, health.Options{}); r.Good != c.plain {
					t.Errorf("check: got %d good shares, want %d", r.Good, c.plain)
				}
				r := w.check(t, e.chk, verifying)
				if r.Good != c.good || len(r.Corrupt) != c.corrupt || r.Happiness != c.happy || r.Healthy != (c.good == 10) || r.Recoverable != (c.good >= 3) {
					t.Errorf("verify: got %+v", r)
				}
				var rep *health.Repair
				limit(t, 3*time.Minute, func() { rep = w.repair(t, e.chk, verifying) })
				if rep.Attempted != (c.good < 10) || rep.Successful != (rep.Attempted && !c.lost && !c.unmoved) || rep.Placed != c.written || w.wrote() != c.written {
					t.Errorf("repair: got %+v, %d written; %v", rep, w.wrote(), rep.Err)
				}
				if rep.Attempted && !rep.Successful && rep.Err == nil {
					t.Error("a repair failed and does not say why")
				}
				if c.lost || c.unmoved {
					return
				}
				for _, f := range w.faulty {
					f.Clear()
				}
				if got := w.good(e); got != 10 {
					t.Errorf("%d different good shares after the repair", got)
				}
				if rep.Attempted && (!rep.After.Healthy || rep.After.Good != 10) {
					t.Errorf("after: got %+v", rep.After)
				}
				readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain)
			})
		})
	}
}

func removeAll(w *world, i storage.Index, n int) {
	for s := range n {
		w.mems[s].Remove(i, storage.ShareNum(s))
	}
}

func corruptAll(w *world, i storage.Index, n int) {
	for s := range n {
		w.mems[s].FlipBit(i, storage.ShareNum(s), 1000)
	}
}

// TestCheckIsFollowed: who looks on at a check and a repair sees them begin, go on and end.
func TestCheckIsFollowed(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: 64 << 10}, 300_000)
	w := e.world(t, 10)
	w.mems[3].Remove(e.chk.Index(), 3)
	w.mems[4].FlipBit(e.chk.Index(), 4, 0) // of which nothing more is read
	var told []health.Progress
	o := verifying
	o.Meter = health.NewMeter(func(p health.Progress) { told = append(told, p) })
	if r := w.repair(t, e.chk, o); !r.Successful {
		t.Fatalf("got %+v", r)
	}
	last := told[len(told)-1]
	want := health.Progress{
		Asked: 10, Answered: 10, Shares: 9, Verified: 9 * e.g.ShareDataSize(), ToVerify: 9 * e.g.ShareDataSize(), Pushed: last.ToPush, ToPush: last.ToPush,
	}
	if last != want || last.ToPush < 2*e.g.ShareDataSize() {
		t.Errorf("at the end: got %+v, want %+v, and two shares pushed", last, want)
	}
	halfway := func(p health.Progress) bool { return p.Verified > 0 && p.Verified < p.ToVerify }
	if told[0] != (health.Progress{Asked: 10}) || !slices.ContainsFunc(told, halfway) {
		t.Errorf("got %d steps, the first %+v", len(told), told[0])
	}
}

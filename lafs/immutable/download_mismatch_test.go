package immutable_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// A capability that was changed contradicts all shares alike: it is to blame, and not the servers.
func TestCapabilityThatDoesNotFit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(p *caps.CHKParams)
		want   string
	}{
		{"hash", func(p *caps.CHKParams) { p.UEBHash[5] ^= 1 }, "its hash is not that"},
		{"larger", func(p *caps.CHKParams) { p.Size++ }, "encoded 3-of-10, and they are of one of"},
		{"smaller", func(p *caps.CHKParams) { p.Size /= 2 }, "encoded 3-of-10, and they are of one of"},
		{"much larger", func(p *caps.CHKParams) { p.Size *= 1000 }, "encoded 3-of-10, and they are of one of"},
		{"k", func(p *caps.CHKParams) { p.Needed = 4 }, "encoded 4-of-10, and"},
		{"n", func(p *caps.CHKParams) { p.Total = 11 }, "encoded 3-of-11, and"},
		{"hash and size", func(p *caps.CHKParams) { p.UEBHash[5] ^= 1; p.Size++ }, "its hash is not that"},
	} {
		for _, size := range []int{500, 3 * mib} {
			e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, size)
			p := caps.CHKParams{Key: e.chk.Key(), UEBHash: e.chk.UEBHash(), Needed: 3, Total: 10, Size: int64(size)}
			tc.change(&p)
			chk, err := caps.NewCHK(p)
			must(t, err)
			t.Run(tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := e.world(t, 10)
					var b bytes.Buffer
					limit(t, time.Second, func() { err = w.downloader().Open(chk).Read(t.Context(), 0, 100, &b) })
					_, ok := errors.AsType[*immutable.MismatchError](err)
					if _, short := errors.AsType[*immutable.NotEnoughSharesError](err); !ok || !short || b.Len() > 0 {
						t.Fatalf("got %d bytes, %v", b.Len(), err)
					}
					if text := err.Error(); !strings.HasPrefix(text, "the capability does not fit the shares: ") || !strings.Contains(text, tc.want) || len(text) > 200 {
						t.Errorf("got %q", text)
					}
					if a := w.advisories(); len(a) > 0 {
						t.Errorf("got advice %v", a)
					}
				})
			})
		}
	}
}

// Shares that are wrong in different ways, or on few servers, are no proof against the capability.
func TestWrongUEBsAreReported(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 500)
	for _, tc := range []struct {
		name string
		bad  func(w *world)
		want int
		ok   bool
	}{
		{"seven alike", func(w *world) {
			for i := range 7 {
				w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), e.l.ShareSize()-3)
			}
		}, 7, true},
		{"two alike of two", func(w *world) {
			for i := range 10 {
				if i > 1 {
					w.faulty[i].Stop()
					continue
				}
				w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), e.l.ShareSize()-3)
			}
			w.mems[0].Put(e.chk.Index(), 7, e.shares[7])
			w.mems[0].FlipBit(e.chk.Index(), 7, e.l.ShareSize()-3)
		}, 3, false},
		{"each in its own way", func(w *world) {
			for i := range 10 {
				w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), e.l.ShareSize()-3-int64(i))
			}
		}, 8, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := e.world(t, 10)
				for _, f := range w.faulty[7:] { // so that the wrong ones come first
					f.Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpBuckets}, Effect: storagetest.Delay(time.Millisecond)})
				}
				tc.bad(w)
				var b bytes.Buffer
				err := w.downloader().Open(e.chk).Read(t.Context(), 0, 500, &b)
				if _, short := errors.AsType[*immutable.NotEnoughSharesError](err); tc.ok != (err == nil) || tc.ok == short {
					t.Errorf("got %v", err)
				}
				if _, ok := errors.AsType[*immutable.MismatchError](err); ok {
					t.Errorf("the capability is right: %v", err)
				}
				served := 0
				for _, f := range w.faulty {
					served += min(f.Count(storagetest.OpRead), 1)
				}
				if got := len(w.advisories()); got > tc.want+2 || got < min(tc.want, served) && tc.ok || got == 0 {
					t.Errorf("got %d advisories, want %d", got, tc.want)
				}
			})
		})
	}
}

func TestEqualTroublesAreSaidOnce(t *testing.T) {
	var asked grid.Answers
	for i, name := range []string{"attic", "cellar", "shed"} {
		asked = append(asked, grid.Answer{Server: name, Err: &grid.CorruptShareError{
			Server: name, Share: storage.ShareNum(i), Part: "header", Err: errFull}})
	}
	err := &immutable.NotEnoughSharesError{Have: 0, Need: 3, Asked: asked}
	want := "found 0 good shares, and 3 are needed to rebuild the file; asked 3 servers (attic, cellar, shed: a corrupt share, header: the writer is full)"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

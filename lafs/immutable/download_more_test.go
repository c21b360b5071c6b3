package immutable_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

func TestSharesFarDownTheList(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 500)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 60)
		order := grid.Fixed(w.servers...).Permuted(e.chk.Index())
		for i, s := range []int{12, 40, 59} {
			for m := range w.servers {
				if w.servers[m] == order[s] {
					w.mems[m].Put(e.chk.Index(), storage.ShareNum(i), e.shares[i])
				}
			}
		}
		readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain)
	})
}

func TestAnotherCopyOfTheSameShare(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 3, maxSegment: mib}, 3*mib)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 6)
		for i := range 6 {
			w.mems[i].Put(e.chk.Index(), storage.ShareNum(i%3), e.shares[i%3])
		}
		w.faulty[0].Add(storagetest.FlipBit(0, 400_000))
		w.faulty[1].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Stall(800_000)})
		w.faulty[5].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Vanish(10_000)})
		limit(t, 8*time.Second, func() { readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain) })
	})
}

// Every share has one wrong block, each another one, so that only all shares together make the file.
func TestSharesWithOneBadBlockEachStillServe(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 2, n: 4, maxSegment: 1000}, 4000)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 4)
		for i := range 4 {
			w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), e.l.Data+int64(i)*e.g.BlockSize+7)
		}
		readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain)
	})
}

func TestLyingAboutShareNumbers(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 500)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		for i := range 7 {
			w.mems[i].Put(e.chk.Index(), storage.ShareNum(i), e.shares[(i+1)%7]) // each is another one's
		}
		w.mems[7].Put(e.chk.Index(), 10, e.shares[0]) // there is no share 10
		w.mems[8].Put(e.chk.Index(), 255, e.shares[0])
		var b bytes.Buffer
		err := w.downloader().Open(e.chk).Read(t.Context(), 0, 500, &b)
		if short, ok := errors.AsType[*immutable.NotEnoughSharesError](err); !ok || short.Have > 2 || b.Len() != 0 {
			t.Errorf("got %d bytes, %v", b.Len(), err)
		}
		if got := len(w.advisories()); got < 5 { // with four left it is over: two lanes may be interrupted
			t.Errorf("got %d advisories, want at least 5", got)
		}
		for i := range 3 {
			w.mems[9].Put(e.chk.Index(), storage.ShareNum(7+i), e.shares[7+i])
		}
		readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain)
	})
}

func TestSharesOfAnotherFileAreRefused(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 500)
	_, others := slowEncoder{k: 3, n: 10, maxSegment: 128}.encode(t, e.plain)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		w.place(e.chk, others)
		var b bytes.Buffer
		err := w.downloader().Open(e.chk).Read(t.Context(), 0, 500, &b)
		if _, ok := errors.AsType[*immutable.MismatchError](err); !ok || b.Len() != 0 {
			t.Errorf("got %d bytes, %v", b.Len(), err)
		}
	})
}

func TestSharesThatMoveAreFoundAgain(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 500)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		for i := range 3 {
			w.mems[i].Put(e.chk.Index(), storage.ShareNum(i), e.shares[i])
		}
		f := w.downloader().Open(e.chk)
		readAll(t, t.Context(), f, e.plain)
		for i := range 3 {
			w.mems[i].Remove(e.chk.Index(), storage.ShareNum(i))
			w.mems[9-i].Put(e.chk.Index(), storage.ShareNum(i), e.shares[i])
		}
		readAll(t, t.Context(), f, e.plain)
		for i := range 3 {
			w.mems[9-i].Remove(e.chk.Index(), storage.ShareNum(i))
		}
		err := f.Read(t.Context(), 0, 500, io.Discard)
		if short, ok := errors.AsType[*immutable.NotEnoughSharesError](err); !ok || short.Have >= 3 { // one that was known from before may count until it was asked for
			t.Errorf("got %v", err)
		}
		w.place(e.chk, e.shares)
		readAll(t, t.Context(), f, e.plain)
	})
}

func TestServersThatComeBack(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 500)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 10)
		f := w.downloader().Open(e.chk)
		for _, s := range w.faulty[:8] {
			s.Stop()
		}
		if err := f.Read(t.Context(), 0, 500, io.Discard); err == nil {
			t.Fatal("got no error with two servers")
		}
		for _, s := range w.faulty[:8] {
			s.Start()
		}
		readAll(t, t.Context(), f, e.plain)
	})
}

func TestEachPartIsReportedOnce(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 3, maxSegment: mib}, 500)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 3)
		w.mems[1].FlipBit(e.chk.Index(), 1, e.l.BlockHashes)
		f := w.downloader().Open(e.chk)
		for range 3 {
			if err := f.Read(t.Context(), 0, 500, io.Discard); err == nil {
				t.Fatal("got no error")
			}
		}
		if got := w.advisories(); len(got) != 1 {
			t.Errorf("got %v, want one advisory", got)
		}
	})
}

func TestReadsWaitForTheBudget(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: 128 << 10}, mib)
	w := e.world(t, 10)
	w.budget = reactor.NewBudget(3 * mib)
	d := w.downloader()
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			c := &checker{t: t, want: e.plain}
			if err := d.Open(e.chk).Read(t.Context(), 0, mib, c); err != nil || c.n != mib {
				t.Errorf("got %d bytes, %v", c.n, err)
			}
		})
	}
	wg.Wait()
	if n := w.budget.InUse(); n != 0 {
		t.Errorf("%d bytes of the budget are not given back", n)
	}
}

// A synthetic serves the one share of a 1-of-1 file of zero bytes, whose ciphertext is made as it is read.
type synthetic struct {
	*storagetest.Mem
	block cipher.Block
	l     layout.Layout
	end   int64 // of the blocks
	head  []byte
	tail  []byte // from end on
}

func newSynthetic(t testing.TB, size int64) (*synthetic, caps.CHK) {
	g, err := layout.NewGeometry(1, 1, size, mib)
	must(t, err)
	key := [16]byte{1}
	block, err := aes.NewCipher(key[:])
	must(t, err)
	s := &synthetic{Mem: storagetest.NewMem(storagetest.Config{}), block: block}
	var segments, blocks []taghash.Hash
	whole := taghash.NewCiphertext()
	for i := range g.Segments {
		off, n, _ := g.Segment(i)
		b := make([]byte, n)
		_, _ = io.ReadFull(&keystream{s.block, off}, b)
		segments, blocks = append(segments, taghash.CiphertextSegment(b)), append(blocks, taghash.Block(b))
	}
	ct, bt := hashtree.Build(segments), hashtree.Build(blocks)
	u := layout.NewUEB(g)
	u.CiphertextHash, u.CiphertextRoot, u.ShareRoot = whole.Sum(), ct.Root(), bt.Root()
	s.l, err = g.Layout(layout.UEBSize(g))
	must(t, err)
	s.head, s.end = s.l.Header(), s.l.PlaintextHashes
	s.tail = appendTree(appendTree(make([]byte, g.TreeSize()), ct), bt)
	root := bt.Root()
	s.tail = append(binary.BigEndian.AppendUint16(s.tail, 0), root[:]...)
	s.tail = s.l.AppendUEB(s.tail, u.Encode())
	chk, err := caps.NewCHK(caps.CHKParams{Key: key, UEBHash: taghash.UEB(u.Encode()), Needed: 1, Total: 1, Size: size})
	must(t, err)
	return s, chk
}

// A keystream reads the ciphertext of zero bytes.
type keystream struct {
	block cipher.Block
	at    int64
}

func (k *keystream) Read(p []byte) (int, error) {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(k.at/aes.BlockSize))
	c := cipher.NewCTR(k.block, iv[:])
	skip := make([]byte, k.at%aes.BlockSize)
	c.XORKeyStream(skip, skip)
	clear(p)
	c.XORKeyStream(p, p)
	k.at += int64(len(p))
	return len(p), nil
}

func (s *synthetic) Buckets(context.Context, storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	return map[storage.ShareNum]storage.Reader{0: s}, nil
}

func (s *synthetic) Read(_ context.Context, span storage.Span) (io.ReadCloser, error) {
	var parts []io.Reader
	if n := int64(len(s.head)); span.Offset < n {
		parts = append(parts, bytes.NewReader(s.head[span.Offset:min(n, span.End())]))
	}
	if from, to := max(span.Offset, s.l.Data), min(span.End(), s.end); from < to {
		parts = append(parts, io.LimitReader(&keystream{s.block, from - s.l.Data}, to-from))
	}
	if from, to := max(span.Offset, s.end), min(span.End(), s.l.ShareSize()); from < to {
		parts = append(parts, bytes.NewReader(s.tail[from-s.end:to-s.end]))
	}
	return io.NopCloser(io.MultiReader(parts...)), nil
}

// A gauge takes note of the memory in use as bytes are written to it.
type gauge struct {
	budget    *reactor.Budget
	bytes     int64
	maxBudget int64
	maxHeap   uint64
	everyNth  int
	nonZero   bool
}

func (g *gauge) Write(p []byte) (int, error) {
	g.bytes += int64(len(p))
	g.maxBudget = max(g.maxBudget, g.budget.InUse())
	g.nonZero = g.nonZero || len(bytes.Trim(p, "\x00")) > 0
	if g.everyNth++; g.everyNth%16 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		g.maxHeap = max(g.maxHeap, m.HeapAlloc)
	}
	return len(p), nil
}

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	size := int64(256*mib + 1)
	if testing.Short() {
		size = 48*mib + 1
	}
	s, chk := newSynthetic(t, size)
	server, err := grid.NewServer(grid.Announcement{ID: "synthetic", FURL: "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@tcp:localhost:1/x"}, s)
	must(t, err)
	budget := reactor.NewBudget(1 << 30)
	d := immutable.NewDownloader(immutable.DownloaderConfig{Servers: grid.Fixed(server), Pool: reactor.NewPool(2), Budget: budget})
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	w := &gauge{budget: budget}
	if err := d.Open(chk).Read(t.Context(), 0, size, w); err != nil {
		t.Fatal(err)
	}
	if w.bytes != size || w.nonZero {
		t.Errorf("got %d bytes, all zero %v, want %d zero bytes", w.bytes, !w.nonZero, size)
	}
	if w.maxBudget > 10*mib {
		t.Errorf("took %d bytes of the budget, want at most 10 MiB", w.maxBudget)
	}
	if grown := int64(w.maxHeap) - int64(before.HeapAlloc); grown > 40*mib {
		t.Errorf("the heap grew by %d MiB", grown/mib)
	}
}

func Example_downloadError() {
	err := &grid.CorruptShareError{Server: "attic", Share: 4, Part: "block 3"}
	fmt.Println(err)
	// Output: share 4 of aaaaa on attic is corrupt in its block 3
}

// A tree of this size is read from one share only.
func TestLargeCiphertextHashTree(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 6, maxSegment: mib}, 2*mib)
	many := encodeFile(t, slowEncoder{k: 3, n: 6, maxSegment: 300}, 500_000)
	for _, tc := range []struct {
		name  string
		bad   int
		fault func(e encoded) storagetest.Effect
		ok    bool
	}{
		{"all good", 0, nil, true},
		{"flipped", 3, func(e encoded) storagetest.Effect { return storagetest.Flip(e.l.CiphertextHashes+5, 1) }, true},
		{"all but one flipped", 5, func(e encoded) storagetest.Effect { return storagetest.Flip(e.l.CiphertextHashes+5, 1) }, true},
		{"all flipped", 6, func(e encoded) storagetest.Effect { return storagetest.Flip(e.l.CiphertextHashes+5, 1) }, false},
		{"stalls", 3, func(e encoded) storagetest.Effect { return storagetest.Stall(50_000) }, true},
		{"truncated", 3, func(e encoded) storagetest.Effect { return storagetest.Truncate(50_000) }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, e := range []encoded{e, many} {
				synctest.Test(t, func(t *testing.T) {
					w := e.world(t, 6)
					for i := range tc.bad {
						w.faulty[i].Add(storagetest.Fault{Effect: tc.fault(e)})
					}
					var b bytes.Buffer
					limit(t, 15*time.Second, func() {
						err := w.downloader().Open(e.chk).Read(t.Context(), 0, int64(len(e.plain)), &b)
						if (err == nil) != tc.ok {
							t.Errorf("got %v, want success %v", err, tc.ok)
						}
					})
					if want := e.plain; tc.ok && !bytes.Equal(b.Bytes(), want) || !tc.ok && b.Len() > 0 {
						t.Errorf("got %d bytes, want %d", b.Len(), len(want))
					}
				})
			}
		})
	}
}

func TestNoServers(t *testing.T) {
	w := newWorld(t, 0)
	err := w.downloader().Open(mustCHK(t, 100)).Read(t.Context(), 0, 100, io.Discard)
	if short, ok := errors.AsType[*immutable.NotEnoughSharesError](err); !ok || short.Have != 0 || short.Need != 3 {
		t.Errorf("got %v", err)
	}
}

// Parts that all shares have may be wrong in all shares but one, even when there is no share to spare.
func TestNoShareToSpare(t *testing.T) {
	for _, size := range []int{500, 3 * mib} {
		e := encodeFile(t, slowEncoder{k: 3, n: 3, maxSegment: mib}, size)
		for _, at := range []int64{0, 0x0d, e.l.CiphertextHashes, e.l.UEB, e.l.UEB + 100} {
			synctest.Test(t, func(t *testing.T) {
				w := e.world(t, 3)
				for i := range 2 {
					w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), at)
				}
				limit(t, time.Second, func() { readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain) })
				if got := len(w.advisories()); at != e.l.CiphertextHashes && got != 2 {
					t.Errorf("byte %d: got %d advisories, want 2", at, got)
				}
			})
		}
	}
}

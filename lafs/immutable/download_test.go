package immutable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

const mib = 1 << 20

func TestDownload(t *testing.T) {
	for _, tc := range []struct {
		name string
		enc  slowEncoder
		size int
	}{
		{"one byte", slowEncoder{k: 3, n: 10, maxSegment: mib}, 1},
		{"small", slowEncoder{k: 3, n: 10, maxSegment: mib}, 1000},
		{"one of one", slowEncoder{k: 1, n: 1, maxSegment: mib}, 56},
		{"one of three", slowEncoder{k: 1, n: 3, maxSegment: mib}, 3*mib + 5},
		{"just below a segment", slowEncoder{k: 3, n: 10, maxSegment: mib}, mib - 1},
		{"a segment", slowEncoder{k: 3, n: 10, maxSegment: mib}, mib},
		{"as rounded up", slowEncoder{k: 3, n: 10, maxSegment: mib}, mib + 2},
		{"just over a segment", slowEncoder{k: 3, n: 10, maxSegment: mib}, mib + 3},
		{"many segments", slowEncoder{k: 3, n: 10, maxSegment: mib}, 20*mib + 17},
		{"old segments", slowEncoder{k: 3, n: 10, maxSegment: 128 << 10}, mib + 1},
		{"old and small", slowEncoder{k: 3, n: 10, maxSegment: 128 << 10}, 128<<10 + 1},
		{"old UEB", slowEncoder{k: 3, n: 10, maxSegment: 128 << 10, moreUEB: "a_plaintext_hash:3:abc,"}, mib + 1},
		{"long UEB", slowEncoder{k: 3, n: 10, maxSegment: mib, moreUEB: "a:1000:" + strings.Repeat("x", 1000) + ","}, 2*mib + 1},
		{"long UEB, small", slowEncoder{k: 3, n: 10, maxSegment: mib, moreUEB: "a:1000:" + strings.Repeat("x", 1000) + ","}, 100},
		{"version 2", slowEncoder{k: 3, n: 10, maxSegment: mib, v2: true}, 2 * mib},
		{"version 2, small", slowEncoder{k: 3, n: 10, maxSegment: mib, v2: true}, 100},
		{"version 2, old", slowEncoder{k: 3, n: 10, maxSegment: 128 << 10, v2: true}, 2 * mib},
		{"tiny segments", slowEncoder{k: 2, n: 4, maxSegment: 100}, 40_000},
		{"big segments", slowEncoder{k: 3, n: 4, maxSegment: 4 * mib}, 9 * mib},
		{"71 of 255", slowEncoder{k: 71, n: 255, maxSegment: mib}, 2*mib + 1},
		{"101 of 256", slowEncoder{k: 101, n: 256, maxSegment: mib}, mib + 1},
		{"all of them", slowEncoder{k: 5, n: 5, maxSegment: mib}, 3*mib + 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			plain := noise(1, tc.size)
			chk, shares := tc.enc.encode(t, plain)
			w := newWorld(t, 10)
			w.place(chk, shares)
			f := w.downloader().Open(chk)
			readAll(t, t.Context(), f, plain)
			readAll(t, t.Context(), f, plain)
			late := w.downloader().Open(chk)
			readRange(t, t.Context(), late, plain, int64(tc.size)*3/4, 10)
			if a := w.advisories(); len(a) > 0 {
				t.Errorf("got advice %v", a)
			}
			if n := w.budget.InUse(); n != 0 {
				t.Errorf("%d bytes of the budget are not given back", n)
			}
		})
	}
}

// The round trips: each request takes 50 ms of fake time to be answered, and streams flow freely once they are open.
func TestRoundTrips(t *testing.T) {
	const trip = 50 * time.Millisecond
	for _, tc := range []struct {
		name         string
		size         int
		maxSegment   int64
		off, n       int64
		first, again int // round trips of the first read, and of another one
		reads        int // requests for bytes of the first read
	}{
		{"1 KiB", 1024, mib, 0, 1024, 2, 1, 3},
		{"100 KiB", 100 << 10, mib, 0, 100 << 10, 2, 1, 3},
		{"1 MiB", mib, mib, 0, mib, 2, 1, 3},
		{"20 MiB", 20 * mib, mib, 0, 20 * mib, 2, 1, 6},
		{"a few bytes in the middle", 20 * mib, mib, 10 * mib, 10, 2, 1, 6},
		{"old segments", 3 * mib, 128 << 10, 0, 3 * mib, 4, 1, 15},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plain := noise(2, tc.size)
				chk, shares := slowEncoder{k: 3, n: 10, maxSegment: tc.maxSegment}.encode(t, plain)
				w := newWorld(t, 10)
				w.place(chk, shares)
				for _, f := range w.faulty {
					f.Add(storagetest.Fault{Effect: storagetest.Delay(trip)})
				}
				f := w.downloader().Open(chk)
				limit(t, time.Duration(tc.first)*trip, func() { readRange(t, t.Context(), f, plain, tc.off, tc.n) })
				if got := w.reads(); got > tc.reads {
					t.Errorf("got %d requests, want at most %d", got, tc.reads)
				}
				limit(t, time.Duration(tc.again)*trip, func() { readRange(t, t.Context(), f, plain, tc.off, tc.n) })
				if got := w.reads(); got > tc.reads+3 {
					t.Errorf("got %d requests after the second read, want at most %d", got, tc.reads+3)
				}
			})
		})
	}
}

func TestRanges(t *testing.T) {
	plain := noise(3, 10_007)
	chk, shares := slowEncoder{k: 3, n: 5, maxSegment: 1000}.encode(t, plain)
	w := newWorld(t, 5)
	w.place(chk, shares)
	f := w.downloaderWith(immutable.DownloaderConfig{Window: 3000}).Open(chk)
	rapid.Check(t, func(rt *rapid.T) {
		off := rapid.Int64Range(0, 11_000).Draw(rt, "off")
		n := rapid.Int64Range(0, 11_000).Draw(rt, "n")
		fresh := rapid.Bool().Draw(rt, "fresh")
		if fresh {
			readRange(t, t.Context(), w.downloader().Open(chk), plain, off, n)
			return
		}
		readRange(t, t.Context(), f, plain, off, n)
	})
}

func TestEdgesOfRanges(t *testing.T) {
	plain := noise(4, 100)
	chk, shares := slowEncoder{k: 3, n: 10, maxSegment: mib}.encode(t, plain)
	for _, tc := range []struct {
		name   string
		off, n int64
		want   int
		err    error
		asks   bool
	}{
		{"nothing", 10, 0, 0, nil, false},
		{"at the end", 100, 10, 0, nil, false},
		{"behind the end", 1 << 62, 1 << 62, 0, nil, false},
		{"over the end", 90, 1 << 62, 10, nil, true},
		{"negative offset", -1, 10, 0, storage.ErrRange, false},
		{"negative size", 1, -1, 0, storage.ErrRange, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, 10)
			w.place(chk, shares)
			var b bytes.Buffer
			err := w.downloader().Open(chk).Read(t.Context(), tc.off, tc.n, &b)
			if !errors.Is(err, tc.err) || b.Len() != tc.want {
				t.Errorf("got %d bytes, %v, want %d, %v", b.Len(), err, tc.want, tc.err)
			}
			if asked := w.faulty[0].Count(storagetest.OpBuckets) > 0; asked != tc.asks {
				t.Errorf("asked servers: %v, want %v", asked, tc.asks)
			}
		})
	}
}

func TestConcurrentReads(t *testing.T) {
	plain := noise(5, 5*mib)
	chk, shares := slowEncoder{k: 3, n: 10, maxSegment: mib}.encode(t, plain)
	w := newWorld(t, 10)
	w.place(chk, shares)
	w.faulty[0].Add(storagetest.FlipBit(0, 500_000))
	w.faulty[1].Add(storagetest.FailAll(storagetest.OpRead, storagetest.ErrFault))
	f := w.downloader().Open(chk)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c := &checker{t: t, want: plain[i*1000 : i*1000+2*mib]}
			if err := f.Read(t.Context(), int64(i)*1000, 2*mib, c); err != nil || c.n != 2*mib {
				t.Errorf("got %d bytes, %v", c.n, err)
			}
		})
	}
	wg.Wait()
	if n := w.budget.InUse(); n != 0 {
		t.Errorf("%d bytes of the budget are not given back", n)
	}
}

func TestServersOfManySharesShareTheWork(t *testing.T) {
	plain := noise(6, 3*mib)
	chk, shares := slowEncoder{k: 3, n: 9, maxSegment: mib}.encode(t, plain)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.place(chk, shares)
		readAll(t, t.Context(), w.downloader().Open(chk), plain)
		for i, f := range w.faulty {
			if got := f.Count(storagetest.OpRead); got != 2 {
				t.Errorf("server %d served %d reads, want 2", i, got)
			}
		}
	})
}

var errFull = errors.New("the writer is full")

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterFails(t *testing.T) {
	plain := noise(7, 5*mib)
	chk, shares := slowEncoder{k: 3, n: 10, maxSegment: mib}.encode(t, plain)
	w := newWorld(t, 10)
	w.place(chk, shares)
	if err := w.downloader().Open(chk).Read(t.Context(), 0, 5*mib, &failingWriter{2 * mib}); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	plain := noise(8, 100)
	chk, shares := slowEncoder{k: 3, n: 10, maxSegment: mib}.encode(t, plain)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		w.place(chk, shares)
		for _, f := range w.faulty {
			f.Add(storagetest.HangAll(storagetest.OpRead))
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errFull)
		defer cancel()
		limit(t, time.Second, func() {
			if err := w.downloader().Open(chk).Read(ctx, 0, 100, io.Discard); !errors.Is(err, errFull) {
				t.Errorf("got %v, want %v", err, errFull)
			}
		})
	})
}

// slowWriter takes its time for each piece.
type slowWriter struct {
	io.Writer
	pause time.Duration
}

func (w slowWriter) Write(p []byte) (int, error) {
	time.Sleep(w.pause)
	return w.Writer.Write(p)
}

func TestStalledWriterHoldsOnlyItsBudget(t *testing.T) {
	plain := noise(9, 12*mib)
	chk, shares := slowEncoder{k: 3, n: 10, maxSegment: mib}.encode(t, plain)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		w.place(chk, shares)
		f := w.downloaderWith(immutable.DownloaderConfig{Window: 2 * mib}).Open(chk)
		var wg sync.WaitGroup
		wg.Go(func() {
			c := &checker{t: t, want: plain}
			if err := f.Read(t.Context(), 0, 12*mib, slowWriter{c, time.Hour}); err != nil || c.n != len(plain) {
				t.Errorf("got %d bytes, %v", c.n, err)
			}
		})
		time.Sleep(time.Minute)
		if got := w.budget.InUse(); got < 2*mib || got > 6*mib {
			t.Errorf("a Read with a window of 2 MiB holds %d bytes", got)
		}
		limit(t, time.Second, func() { readAll(t, t.Context(), f, plain) })
		wg.Wait()
	})
}

func TestSizeZero(t *testing.T) {
	chk := mustCHK(t, 0)
	w := newWorld(t, 1)
	f := w.downloader().Open(chk)
	if err := f.Read(t.Context(), 0, 100, io.Discard); err != nil || f.Size() != 0 {
		t.Errorf("got %v, size %d", err, f.Size())
	}
}

func TestHugeSizeIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	if err := w.downloader().Open(mustCHK(t, 1<<60)).Read(t.Context(), 0, 100, io.Discard); err == nil {
		t.Error("got no error")
	}
}

func ExampleNotEnoughSharesError() {
	err := &immutable.NotEnoughSharesError{Have: 2, Need: 3, Asked: grid.Answers{
		{Server: "attic", Shares: []storage.ShareNum{4}}, {Server: "cellar", Shares: []storage.ShareNum{7}}, {Server: "shed"}}}
	fmt.Println(err)
	// Output: found 2 good shares, and 3 are needed to rebuild the file; asked 3 servers (attic, cellar: 1 share; shed: no shares)
}

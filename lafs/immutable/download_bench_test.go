package immutable_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"tahoe/storage"
)

// sumRate is H: how many bytes a second one core hashes in this run.
func sumRate() float64 {
	b := make([]byte, 16*mib)
	begin := time.Now()
	for range 4 {
		_ = sha256.Sum256(b)
	}
	return 4 * float64(len(b)) / time.Since(begin).Seconds()
}

// BenchmarkDownload reads from servers in memory. Its limit is c·H/2: each byte is hashed twice, on c cores.
func BenchmarkDownload(b *testing.B) {
	for _, size := range []int{1 << 10, mib, 100 * mib} {
		for _, parity := range []bool{false, true} {
			name := fmt.Sprintf("%dKiB/primary", size>>10)
			if parity {
				name = fmt.Sprintf("%dKiB/parity", size>>10)
			}
			b.Run(name, func(b *testing.B) { benchDownload(b, size, parity) })
		}
	}
}

func benchDownload(b *testing.B, size int, parity bool) {
	e := encodeFile(b, slowEncoder{k: 3, n: 10, maxSegment: mib}, size)
	w := newWorld(b, 10)
	w.place(e.chk, e.shares)
	for i := range w.servers {
		if parity == (i < 3) && i < 6 {
			w.mems[i].Remove(e.chk.Index(), storage.ShareNum(i))
		}
		if !parity && i >= 3 {
			w.mems[i].Remove(e.chk.Index(), storage.ShareNum(i))
		}
	}
	d := w.downloader()
	h := sumRate()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Open(e.chk).Read(b.Context(), 0, int64(size), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	limit := float64(runtime.GOMAXPROCS(0)) * h / 2
	rate := float64(size) * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate/limit, "of-limit")
	b.ReportMetric(h/1e6, "H-MB/s")
}

// BenchmarkFirstByte measures how long the first bytes of a large file take.
func BenchmarkFirstByte(b *testing.B) {
	e := encodeFile(b, slowEncoder{k: 3, n: 10, maxSegment: mib}, 20*mib)
	w := newWorld(b, 10)
	w.place(e.chk, e.shares)
	d := w.downloader()
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Open(e.chk).Read(b.Context(), 0, 1, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSmallRange reads a few bytes of a file that is open.
func BenchmarkSmallRange(b *testing.B) {
	e := encodeFile(b, slowEncoder{k: 3, n: 10, maxSegment: mib}, 20*mib)
	w := newWorld(b, 10)
	w.place(e.chk, e.shares)
	f := w.downloader().Open(e.chk)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Read(b.Context(), 10*mib, 100, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

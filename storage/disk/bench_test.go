package disk_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/disk"
	"tahoe/storage/storagetest"
)

func BenchmarkDisk(b *testing.B) {
	storagetest.Bench(b, func(b testing.TB) storage.Server { return open(b, disk.Config{Dir: b.TempDir()}) })
}

const benchShares = 10

// BenchmarkUploadAgainstRaw uploads ten shares to ten servers, as an upload does, and in turn writes and syncs the same
// bytes as ten plain files. It prints the ratio. What an upload does more is a rename and the sync of directories.
func BenchmarkUploadAgainstRaw(b *testing.B) {
	for _, size := range []int{350, 350_000, 35_000_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) { benchAgainstRaw(b, size) })
	}
}

func benchAgainstRaw(b *testing.B, size int) {
	dir := b.TempDir()
	var servers []*disk.Server
	for k := range benchShares {
		servers = append(servers, open(b, disk.Config{Dir: filepath.Join(dir, strconv.Itoa(k))}))
	}
	data := bytes.Repeat([]byte("0123456789"), size/10)
	b.SetBytes(int64(benchShares * size))
	var ours, raw time.Duration
	var k uint64
	for b.Loop() {
		k++
		upload := func() { each(func(n int) { uploadBench(b, servers[n], k, data) }) }
		plain := func() {
			each(func(n int) { writeRaw(b, filepath.Join(dir, strconv.Itoa(n), strconv.FormatUint(k, 10)), data) })
		}
		if k%2 == 0 { // neither always finds the disk that the other has left
			ours += took(upload)
			raw += took(plain)
		} else {
			raw += took(plain)
			ours += took(upload)
		}
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs-upload/op")
	b.ReportMetric(float64(raw.Microseconds())/float64(b.N), "µs-raw/op")
	b.ReportMetric(float64(ours)/float64(raw), "ratio")
}

func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// each calls f for the ten shares at the same time.
func each(f func(n int)) {
	var wg sync.WaitGroup
	for n := range benchShares {
		wg.Go(func() { f(n) })
	}
	wg.Wait()
}

func uploadBench(b *testing.B, s *disk.Server, k uint64, data []byte) {
	var i storage.Index
	binary.BigEndian.PutUint64(i[:], k*0x9e3779b97f4a7c15)
	got, err := s.Allocate(b.Context(), i, storage.Allocation{Shares: []storage.ShareNum{1}, Size: int64(len(data)), Lease: lease(1)})
	if err != nil || len(got.Writers) != 1 {
		b.Errorf("allocating: %d writers, %v", len(got.Writers), err)
		return
	}
	w := got.Writers[1]
	if _, err := w.Write(b.Context(), storage.Span{Size: int64(len(data))}, bytes.NewReader(data)); err != nil {
		b.Error(err)
	}
	if err := w.Close(b.Context()); err != nil {
		b.Error(err)
	}
}

func writeRaw(b *testing.B, path string, data []byte) {
	f, err := os.Create(path)
	if err != nil {
		b.Error(err)
		return
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		b.Error(err)
	}
	if err := f.Sync(); err != nil {
		b.Error(err)
	}
}

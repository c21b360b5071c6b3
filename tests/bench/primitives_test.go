package bench_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// The limits that speed is measured against, in bytes a second, measured in the same run: a figure without them means
// nothing on another machine.

// hashRate is what SHA-256 does on one core.
var hashRate = sync.OnceValue(func() float64 {
	buf := make([]byte, 1<<20)
	best := 0.0
	for range 5 {
		begin, n := time.Now(), 0
		for time.Since(begin) < 60*time.Millisecond {
			sha256.Sum256(buf)
			n += len(buf)
		}
		best = max(best, float64(n)/time.Since(begin).Seconds())
	}
	return best
})

// uploadLimit is what one convergent 3-of-10 upload can reach: a hash of the plaintext on one core, then 5.33 hashed
// bytes a byte on all of them.
func uploadLimit() float64 {
	h, c := hashRate(), float64(runtime.GOMAXPROCS(0))
	return 1 / (1/h + 16.0/3/h/c)
}

// downloadLimit hashes two bytes a byte on all cores.
func downloadLimit() float64 { return hashRate() * float64(runtime.GOMAXPROCS(0)) / 2 }

// syncedWriteRate is what writing ten files at once and syncing each reaches in dir, for share files of this size.
func syncedWriteRate(tb testing.TB, dir string, size int) float64 {
	tb.Helper()
	data := make([]byte, 1<<20)
	begin := time.Now()
	var all sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		all.Go(func() { errs[i] = writeSynced(filepath.Join(dir, fmt.Sprintf("raw-%d", i)), data, size) })
	}
	all.Wait()
	took := time.Since(begin)
	for i, err := range errs {
		if err != nil {
			tb.Fatal(err)
		}
		_ = os.Remove(filepath.Join(dir, fmt.Sprintf("raw-%d", i)))
	}
	return float64(10*size) / took.Seconds()
}

func writeSynced(name string, chunk []byte, size int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for left := size; left > 0; left -= len(chunk) {
		if _, err := f.Write(chunk[:min(left, len(chunk))]); err != nil {
			return err
		}
	}
	return f.Sync()
}

// report adds what every benchmark prints: the rate, the run's own SHA-256, the limit, and how much of it was reached.
func report(b *testing.B, bytes int64, limit float64) {
	b.Helper()
	rate := float64(bytes) * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate/1e6, "MB/s")
	b.ReportMetric(hashRate()/1e6, "sha256-MB/s")
	b.ReportMetric(limit/1e6, "limit-MB/s")
	b.ReportMetric(rate/limit, "of-limit")
}

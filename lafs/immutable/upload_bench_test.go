package immutable_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"tahoe/lafs/immutable"
	"tahoe/reactor"
)

// BenchmarkUpload uploads to ten servers that keep nothing. Beside MB/s it prints the speed H of SHA-256 on one core in
// the same run, the limit that follows from it, 1/(1/H + (5.33/H)/c) on c cores, and how much of that was reached.
func BenchmarkUpload(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20, 100 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) { benchmarkUpload(b, size) })
	}
}

func benchmarkUpload(b *testing.B, size int) {
	g := &upGrid{}
	for i := range 10 {
		g.servers = append(g.servers, newUpServer(b, i, discard{}))
	}
	pool := reactor.NewPool(0)
	u := g.uploader(func(c *immutable.UploaderConfig) { c.Pool = pool })
	data := upData(size)
	h := hashSpeed()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := u.Upload(b.Context(), bytes.NewReader(data), immutable.UploadOptions{Size: int64(size)}); err != nil {
			b.Fatal(err)
		}
	}
	h = (h + hashSpeed()) / 2
	limit := 1 / (1/h + 5.33/h/float64(pool.Slots()))
	reached := float64(size) * float64(b.N) / b.Elapsed().Seconds() / 1e6
	b.ReportMetric(h, "H-MB/s")
	b.ReportMetric(limit, "limit-MB/s")
	b.ReportMetric(reached/limit, "ratio")
}

// hashSpeed is how many MB of SHA-256 one core does in a second.
func hashSpeed() float64 {
	block := make([]byte, 1<<20)
	begun, n := time.Now(), 0
	for time.Since(begun) < 100*time.Millisecond {
		sha256.Sum256(block)
		n++
	}
	return float64(n*len(block)) / time.Since(begun).Seconds() / 1e6
}

// BenchmarkUploadFromPipe uploads what can be read only once: through the spool.
func BenchmarkUploadFromPipe(b *testing.B) {
	const size = 100 << 20
	g := &upGrid{}
	for i := range 10 {
		g.servers = append(g.servers, newUpServer(b, i, discard{}))
	}
	u := g.uploader(func(c *immutable.UploaderConfig) { c.SpoolDir = b.TempDir() })
	data := upData(size)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := u.Upload(b.Context(), onlyReader{bytes.NewReader(data)}, immutable.UploadOptions{Size: -1}); err != nil {
			b.Fatal(err)
		}
	}
}

package taghash_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"tahoe/internal/taghash"
)

// BenchmarkBlock prints beside each figure how much of bare SHA-256's speed is left, measured in the same run.
func BenchmarkBlock(b *testing.B) {
	for _, size := range []int{1 << 10, 350 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			data := make([]byte, size)
			bare := perByte(size, func() { sha256.Sum256(data) })
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				taghash.Block(data)
			}
			tagged := float64(b.Elapsed()) / float64(b.N) / float64(size)
			b.ReportMetric(1e3/bare, "sha256-MB/s")
			b.ReportMetric(bare/tagged, "of-sha256")
		})
	}
}

func BenchmarkNode(b *testing.B) {
	h := taghash.EmptyLeaf(0)
	b.ReportAllocs()
	for b.Loop() {
		h = taghash.Node(h, h)
	}
}

// perByte measures f, which takes size bytes, for a tenth of a second, in nanoseconds a byte.
func perByte(size int, f func()) float64 {
	calls, began := 0, time.Now()
	for time.Since(began) < 100*time.Millisecond {
		for range 1 + 1<<20/size {
			f()
			calls++
		}
	}
	return float64(time.Since(began)) / float64(calls) / float64(size)
}

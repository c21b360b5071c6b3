package immutable_test

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkVerify verifies all shares of a file on servers in memory. Its limit is c·H·k/N: each byte of each share is hashed once,
// on c cores.
func BenchmarkVerify(b *testing.B) {
	for _, size := range []int{1 << 10, mib, 100 * mib} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			e := encodeFile(b, slowEncoder{k: 3, n: 10, maxSegment: mib}, size)
			w := newWorld(b, 10)
			w.place(e.chk, e.shares)
			c, v := w.checker(), verifyCap(b, e.chk)
			h := sumRate()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if r, err := c.Check(b.Context(), v, verifying); err != nil || !r.Healthy {
					b.Fatal(r, err)
				}
			}
			limit := float64(runtime.GOMAXPROCS(0)) * h * 3 / 10
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds()/limit, "of-limit")
		})
	}
}

package zfec_test

import (
	"math/rand/v2"
	"testing"

	"tahoe/internal/zfec"
)

// The segments of files are 1 MiB; figures are bytes of file.
const segment = 1 << 20

func benchmarkCode(b *testing.B, k, n int) (*zfec.Code, [][]byte) {
	b.Helper()
	c, err := zfec.New(k, n)
	if err != nil {
		b.Fatal(err)
	}
	blocks := data(k, n, (segment+k-1)/k, rand.New(rand.NewPCG(8, 9)))
	if err := c.Encode(blocks); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(segment)
	b.ReportAllocs()
	return c, blocks
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range []struct {
		name string
		k, n int
	}{{"3of10", 3, 10}, {"7of10", 7, 10}, {"101of256", 101, 256}} {
		b.Run(s.name, func(b *testing.B) {
			c, blocks := benchmarkCode(b, s.k, s.n)
			for b.Loop() {
				if err := c.Encode(blocks); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRebuild(b *testing.B) {
	for _, s := range []struct {
		name    string
		k, n    int
		missing int // of the first k
	}{{"3of10/1missing", 3, 10, 1}, {"3of10/3missing", 3, 10, 3}, {"101of256/101missing", 101, 256, 101}} {
		b.Run(s.name, func(b *testing.B) {
			c, blocks := benchmarkCode(b, s.k, s.n)
			for b.Loop() {
				for i := range s.missing {
					blocks[i] = blocks[i][:0]
				}
				if err := c.Rebuild(blocks); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := zfec.NewUncached(101, 256); err != nil {
			b.Fatal(err)
		}
	}
}

package foolscap_test

import (
	"context"
	"testing"

	"tahoe/internal/foolscap"
)

// BenchmarkCall makes calls over TLS on loopback, one after another: their round trip, and the bytes that they carry.
func BenchmarkCall(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"small", 16}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}} {
		b.Run(size.name, func(b *testing.B) {
			from, to := newNode(b, 1, foolscap.Config{}), newNode(b, 2, foolscap.Config{})
			to.Register("size", newObject(func(_ context.Context, _ string, args foolscap.Args) (foolscap.Value, error) {
				return len(args.Positional[0].([]byte)), nil
			}))
			r, err := from.Connect(b.Context(), to.furl("size"))
			if err != nil {
				b.Fatal(err)
			}
			args := foolscap.Positional(make([]byte, size.bytes))
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Call(b.Context(), "m", args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package node

import (
	"math"
	"testing"
)

func TestRoomFor(t *testing.T) {
	ten := func(n uint64) []uint64 {
		all := make([]uint64, 10)
		for i := range all {
			all[i] = n
		}
		return all
	}
	const huge = math.MaxInt64 / 256 / 256
	for _, tt := range []struct {
		name                 string
		free                 []uint64
		needed, happy, total int
		want                 int64
	}{
		{"no servers", nil, 3, 7, 10, 0},
		{"ten alike", ten(1000), 3, 7, 10, 3000},
		{"all full", ten(0), 3, 7, 10, 0},
		{"one full: nine take ten shares of each file, two at most", append(ten(900)[:9], 0), 3, 7, 10, 3 * 810},
		{"a large one takes no more than one share of each file", append(ten(1000)[:9], 1_000_000), 3, 7, 10, 3 * 1000},
		{"one server takes all shares", []uint64{1000}, 3, 1, 10, 300},
		{"one server would, but would not do", []uint64{1000}, 3, 7, 10, 0},
		{"no coding", []uint64{700}, 1, 1, 1, 700},
		{"more servers than shares", []uint64{100, 100, 100, 100}, 1, 1, 2, 200},
		{"servers without a limit", []uint64{math.MaxUint64, math.MaxUint64}, 3, 1, 10, 3 * (huge / 5)},
	} {
		if got := roomFor(tt.free, tt.needed, tt.happy, tt.total); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

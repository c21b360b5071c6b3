package vfs_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"tahoe/reactor"
)

// A hasty clock runs two hundred times too fast, so that what is remembered gets old, and what failed is tried again, within a test.
type hasty struct{ began time.Time }

const haste = 200

func (h hasty) Now() time.Time { return h.began.Add(haste * time.Since(h.began)) }

func (h hasty) NewTimer(d time.Duration) reactor.Timer {
	return reactor.System().NewTimer(d / haste)
}

// moody lets operations of the grid take their time, and some fail where that is safe to do again.
func moody(seed uint64) func(ctx context.Context, op string) error {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 99))
	return func(ctx context.Context, op string) error {
		mu.Lock()
		pause, fail := time.Duration(r.IntN(400))*time.Microsecond, r.IntN(8) == 0
		mu.Unlock()
		if pause > 200*time.Microsecond && op != "piece" {
			time.Sleep(pause)
		}
		if fail && (op == "put" || op == "overwrite") {
			return errors.New("the grid is in a mood")
		}
		return nil
	}
}

// seeds are those of a randomised test: few, or as many as VFS_SEEDS says.
func seeds(t *testing.T, few int) int {
	if s := os.Getenv("VFS_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return few
}

package keeper_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/keeper"
)

// years are two years of a grid of 12 servers, on which what has no lease is deleted. Every 60 days a server dies for good, and a fresh one
// comes.
type years struct {
	days, files, mutables int
	keeping               bool
	policy                keeper.Policy
}

// live returns how many files are lost in the end. With a keeper, it also looks that each has all its shares again in the stated time
// after each death.
func (y years) live(t *testing.T, seed uint64) (lost int) {
	w := newWorld(t, seed, 12)
	w.plant(y.files, y.mutables)
	if y.keeping {
		_, stop := w.run(func(c *keeper.Config) { c.Tick, c.Policy = 6*time.Hour, y.policy })
		defer stop()
	}
	delay := int(y.policy.Delay() / day)
	died := 0
	for d := 1; d <= y.days; d++ {
		time.Sleep(day)
		if d%7 == 0 {
			w.expire()
		}
		if d%60 == 0 {
			w.die(w.rand.IntN(12))
			w.join()
			died = d
		}
		if died > 0 && d == died+delay || d%60 == 59 {
			least, gone := w.fewest()
			if y.keeping && least < 10 {
				t.Errorf("seed %d: on day %d, %d days after a server died, a file has %d shares", seed, d, d-died, least)
			}
			if gone > 0 && !y.keeping {
				return gone
			}
		}
	}
	if _, lost = w.fewest(); y.keeping {
		lost += w.readAll(100)
	}
	return lost
}

// TestYears is the small form of TestYearsLong.
func TestYears(t *testing.T) {
	if testing.Short() {
		t.Skip("it lives 140 days twice")
	}
	keyOf(t, 1)
	y := years{days: 140, files: 50, mutables: 2, keeping: true, policy: keeper.Policy{Pass: 7 * day}} // nothing new comes
	synctest.Test(t, func(t *testing.T) {
		if lost := y.live(t, 1); lost > 0 {
			t.Errorf("with the keeper, %d files are lost", lost)
		}
	})
	y.keeping = false
	synctest.Test(t, func(t *testing.T) {
		if lost := y.live(t, 1); lost == 0 {
			t.Error("without the keeper, nothing is lost: then the test shows nothing")
		}
	})
}

// number is a setting of a long test.
func number(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}

// TestYearsLong lives two years with 5,000 files and directories for each of 50 seeds.
func TestYearsLong(t *testing.T) {
	if os.Getenv("TAHOE_LONG") == "" {
		t.Skip("set TAHOE_LONG=1 for the long form")
	}
	const mutables = 12
	keyOf(t, mutables)
	y := years{days: 730, files: number("TAHOE_FILES", 5000), mutables: mutables, keeping: true,
		policy: keeper.Policy{Check: 14 * day, Pass: 14 * day}} // half the work, and a harder trial
	first := number("TAHOE_SEED", 1)
	for seed := first; seed < first+number("TAHOE_SEEDS", 50); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			begun := time.Now()
			synctest.Test(t, func(t *testing.T) {
				if lost := y.live(t, uint64(seed)); lost > 0 {
					t.Errorf("with the keeper, %d files are lost", lost)
				}
			})
			t.Logf("two years of %d files took %v", y.files, time.Since(begun).Round(time.Second))
		})
	}
	y.keeping = false
	synctest.Test(t, func(t *testing.T) {
		lost := y.live(t, uint64(first))
		if t.Logf("without the keeper, %d files are lost", lost); lost == 0 {
			t.Error("nothing is lost without the keeper: then the test shows nothing")
		}
	})
}

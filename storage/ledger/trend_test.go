package ledger_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/reactor"
	"tahoe/storage/ledger"
)

func contextThatEnded(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

func TestFullIn(t *testing.T) {
	hourly := func(n int, avail func(k int) uint64) []ledger.Sample {
		var out []ledger.Sample
		for k := range n {
			out = append(out, ledger.Sample{Time: t0.Add(time.Duration(k) * time.Hour), Avail: avail(k)})
		}
		return out
	}
	falling := func(k int) uint64 { return uint64(1000 - 10*k) }
	for _, c := range []struct {
		name    string
		samples []ledger.Sample
		want    time.Duration
		ok      bool
	}{
		{"10 an hour, and 800 are left", hourly(21, falling), 80 * time.Hour, true},
		{"too short a time", hourly(5, falling), 0, false},
		{"nothing changes", hourly(48, func(int) uint64 { return 5 }), 0, false},
		{"space comes back", hourly(48, func(k int) uint64 { return uint64(k) }), 0, false},
		{"without limit", hourly(48, func(k int) uint64 { return 1<<63 - uint64(k) }), 0, false},
		{"the week counts, and not what was before", hourly(24*30, func(k int) uint64 {
			if k < 24*20 {
				return uint64(1e6 - 1000*k)
			}
			return uint64(1e5 - 10*k)
		}), time.Duration((1e5-10*(24*30-1))/10) * time.Hour, true},
	} {
		got, ok := ledger.FullIn(c.samples)
		if ok != c.ok || (got-c.want).Abs() > time.Minute {
			t.Errorf("%s: got %v, %t, want %v, %t", c.name, got, ok, c.want, c.ok)
		}
	}
}

// TestTrendIsBounded: of three years of hours, a week of hours and a year of days are kept, and another process knows them.
func TestTrendIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, clock := t.TempDir(), reactor.System()
		var hours []ledger.Sample
		for at := time.Now().Add(-3 * 366 * 24 * time.Hour); at.Before(time.Now()); at = at.Add(time.Hour) {
			hours = append(hours, ledger.Sample{Time: at})
		}
		b, err := json.Marshal(hours)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "space.json"), b, 0o600))
		measure := func() (int64, uint64) { return 7, 9 }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		trend := ledger.OpenTrend(dir, clock, measure, slog.New(slog.DiscardHandler))
		go func() { done <- trend.Run(ctx, func() {}) }()
		time.Sleep(3*time.Hour + time.Minute)
		cancel()
		must(t, <-done)
		all := ledger.OpenTrend(dir, clock, measure, slog.New(slog.DiscardHandler)).Samples()
		if n := len(all); n < 7*24+350 || n > 7*24+366+2 {
			t.Errorf("got %d samples, want a week of hours and a year of days", n)
		}
		if age := time.Since(all[0].Time); age < 360*24*time.Hour || age > 367*24*time.Hour {
			t.Errorf("the oldest is %v old, want a year", age)
		}
		if last := all[len(all)-2]; last.Used != 7 || last.Avail != 9 || time.Since(last.Time) > time.Hour {
			t.Errorf("got %+v as the newest, want what was measured", last)
		}
	})
}

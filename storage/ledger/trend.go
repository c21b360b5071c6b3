package ledger

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tahoe/internal/durable"
	"tahoe/reactor"
)

// A Sample is how much space there was at a time.
type Sample struct {
	Time  time.Time `json:"time"`
	Used  int64     `json:"used"`  // bytes of shares
	Avail uint64    `json:"avail"` // bytes left for more of them
}

const (
	sampleEvery = time.Hour
	fine        = 7 * 24 * time.Hour   // samples of so long are kept as they are
	coarse      = 24 * time.Hour       // of older ones, one for each of this
	oldest      = 366 * 24 * time.Hour // and none that is older
)

// A Trend remembers how the space for shares was used up, in the file space.json: every hour of a week, and every day of a year.
// It is a reactor.Service.
type Trend struct {
	path    string
	clock   reactor.Clock
	measure func() (used int64, avail uint64)
	log     *slog.Logger

	mu      sync.Mutex
	samples []Sample // ascending
}

// OpenTrend reads what there is. A file that cannot be read is as if it were not there.
func OpenTrend(dir string, clock reactor.Clock, measure func() (used int64, avail uint64), log *slog.Logger) *Trend {
	t := &Trend{path: filepath.Join(dir, "space.json"), clock: clock, measure: measure, log: log}
	b, err := os.ReadFile(t.path)
	if err == nil {
		err = json.Unmarshal(b, &t.samples)
	}
	if err != nil && !os.IsNotExist(err) {
		log.Warn("the history of space begins anew", "file", t.path, "error", err)
		t.samples = nil
	}
	return t
}

// Run takes samples until ctx ends.
func (t *Trend) Run(ctx context.Context, ready func()) error {
	ready()
	for {
		if wait := t.due(); wait > 0 {
			if reactor.Sleep(ctx, t.clock, wait) != nil {
				return nil
			}
		}
		if err := t.sample(); err != nil {
			t.log.Warn("keeping the history of space", "error", err)
		}
		if reactor.Sleep(ctx, t.clock, sampleEvery) != nil {
			return nil
		}
	}
}

// due is how long the next sample has to wait after the last.
func (t *Trend) due() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.samples) == 0 {
		return 0
	}
	return min(sampleEvery, sampleEvery-t.clock.Now().Sub(t.samples[len(t.samples)-1].Time))
}

func (t *Trend) sample() error {
	used, avail := t.measure()
	t.mu.Lock()
	t.samples = thin(append(t.samples, Sample{t.clock.Now().Round(0), used, avail}))
	b, err := json.Marshal(t.samples)
	t.mu.Unlock()
	if err != nil {
		return err
	}
	return durable.FS{}.WriteFile(t.path, b, 0o644)
}

// thin drops what is too old, and of what is old all but one a day. Samples from a future that a clock once showed are dropped too.
func thin(all []Sample) []Sample {
	now := all[len(all)-1].Time
	var out []Sample
	for _, s := range all {
		age := now.Sub(s.Time)
		old := age > fine && len(out) > 0 && s.Time.Sub(out[len(out)-1].Time) < coarse
		if age >= 0 && age <= oldest && !old {
			out = append(out, s)
		}
	}
	return out
}

// Samples are those that are kept, ascending, and one of now.
func (t *Trend) Samples() []Sample {
	used, avail := t.measure()
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(append([]Sample{}, t.samples...), Sample{t.clock.Now(), used, avail})
}

// least is how much time a forecast needs to have seen.
const least = 6 * time.Hour

// FullIn is in how long the space will be used up, if it goes on as in the last week. It is false when it does not shrink, or nobody can tell.
func FullIn(samples []Sample) (time.Duration, bool) {
	if len(samples) < 3 {
		return 0, false
	}
	last := samples[len(samples)-1]
	var recent []Sample
	for _, s := range samples {
		if last.Time.Sub(s.Time) <= fine {
			recent = append(recent, s)
		}
	}
	if last.Time.Sub(recent[0].Time) < least || last.Avail > 1<<62 {
		return 0, false
	}
	rate := slope(recent)
	if rate >= 0 {
		return 0, false
	}
	seconds := float64(last.Avail) / -rate
	const most = 100 * 366 * 24 * 60 * 60
	return time.Duration(min(seconds, most) * float64(time.Second)), seconds < most
}

// slope is by how many bytes a second what is left changes: the straight line that fits best.
func slope(samples []Sample) float64 {
	last := samples[len(samples)-1]
	var sx, sy, sxx, sxy float64
	for _, s := range samples {
		x, y := s.Time.Sub(last.Time).Seconds(), float64(s.Avail)-float64(last.Avail)
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	n := float64(len(samples))
	if d := n*sxx - sx*sx; d != 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

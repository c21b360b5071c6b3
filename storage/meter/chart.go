package meter

import (
	"slices"
	"sync"
	"time"
)

// maxCharted is how many calls of a minute are remembered for its latencies.
const maxCharted = 512

// A Minute is what was called in a minute.
type Minute struct {
	Start  time.Time
	Calls  int
	Median time.Duration // 0 without calls
	P95    time.Duration
	took   []time.Duration
}

// chart is the last minutes, as a ring by the minute's number.
type chart struct {
	mu      sync.Mutex
	minutes [Minutes + 1]Minute
}

func (c *chart) add(at time.Time, took time.Duration) {
	n := at.Unix() / minute
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &c.minutes[n%int64(len(c.minutes))]
	if start := time.Unix(n*minute, 0); !m.Start.Equal(start) {
		*m = Minute{Start: start, took: m.took[:0]}
	}
	if m.Calls++; len(m.took) < maxCharted {
		m.took = append(m.took, took)
	} else {
		m.took[m.Calls%maxCharted] = took
	}
}

// Chart is the last hour up to now, a minute each, those without calls too, the one that runs last.
func (m *Meter) Chart(now time.Time) []Minute {
	out := make([]Minute, 0, Minutes)
	c := &m.charts
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := now.Unix()/minute - Minutes + 1; n <= now.Unix()/minute; n++ {
		start := time.Unix(n*minute, 0)
		got := c.minutes[n%int64(len(c.minutes))]
		if !got.Start.Equal(start) {
			got = Minute{Start: start}
		}
		if len(got.took) > 0 {
			took := slices.Clone(got.took)
			slices.Sort(took)
			got.Median, got.P95 = took[len(took)/2], took[len(took)*95/100]
		}
		got.took = nil
		out = append(out, got)
	}
	return out
}

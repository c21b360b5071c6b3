// Package meter counts and times what clients ask of a storage.Server, under the names of Tahoe-LAFS. It is for storage nodes: for their page,
// their statistics, and for crawlers, which stand back while somebody is being served.
//
// The invariant: it adds a lock of a few instructions to a call, and changes nothing that the call says.
package meter

import (
	"slices"
	"sync"
	"sync/atomic"

	"tahoe/reactor"
)

// The kinds of calls.
const (
	Allocate = "allocate"
	Write    = "write"
	Close    = "close"
	Abort    = "abort"
	Get      = "get"
	Read     = "read"
	WriteV   = "writev"
	ReadV    = "readv"
	AddLease = "add-lease"
)

// Kinds are all of them, in the order in which a page shows them.
var kinds = [...]string{Allocate, Write, Close, Abort, Get, Read, WriteV, ReadV, AddLease}

const (
	maxSamples = 1000
	minute     = 60
	// Minutes is for how many minutes calls are charted.
	Minutes = 60
)

// A Meter counts and times.
type Meter struct {
	clock  reactor.Clock
	active atomic.Int64
	bytes  atomic.Int64 // that were added to shares
	kinds  [len(kinds)]kind
	charts chart
}

// New makes a meter that has counted nothing.
func New(clock reactor.Clock) *Meter { return &Meter{clock: clock} }

// kind is one kind of calls.
type kind struct {
	mu      sync.Mutex
	count   int64
	samples []float64 // seconds, of the last calls, as a ring
	next    int
}

func (k *kind) add(seconds float64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count++
	if len(k.samples) < maxSamples {
		k.samples = append(k.samples, seconds)
		return
	}
	k.samples[k.next] = seconds
	k.next = (k.next + 1) % maxSamples
}

// Busy says whether anybody is being served.
func (m *Meter) Busy() bool { return m.active.Load() > 0 }

// begin notes that a call begins; what it returns is called at its end.
func (m *Meter) begin(name string) func() {
	m.active.Add(1)
	start := m.clock.Now()
	return func() {
		took := m.clock.Now().Sub(start)
		m.active.Add(-1)
		m.kinds[slices.Index(kinds[:], name)].add(took.Seconds())
		m.charts.add(start, took)
	}
}

// Latencies are those of one kind of calls, in seconds. What too few calls tell is nil.
type Latencies struct {
	Samples     int
	Mean        *float64
	Percentiles []Percentile
}

// A Percentile is the time that so much of the calls did not exceed. Name is as the original has it: "50_0".
type Percentile struct {
	Name  string
	Value *float64
}

// percentiles says how many calls each needs.
var percentiles = []struct {
	name string
	part float64
	need int
}{
	{"01_0", 0.01, 100}, {"10_0", 0.1, 10}, {"50_0", 0.5, 10}, {"90_0", 0.9, 10},
	{"95_0", 0.95, 20}, {"99_0", 0.99, 100}, {"99_9", 0.999, 1000},
}

func (k *kind) latencies() Latencies {
	k.mu.Lock()
	samples := slices.Clone(k.samples)
	k.mu.Unlock()
	l := Latencies{Samples: len(samples)}
	slices.Sort(samples)
	if len(samples) > 1 {
		sum := 0.0
		for _, s := range samples {
			sum += s
		}
		mean := sum / float64(len(samples))
		l.Mean = &mean
	}
	for _, p := range percentiles {
		out := Percentile{Name: p.name}
		if len(samples) >= p.need {
			out.Value = &samples[int(p.part*float64(len(samples)))]
		}
		l.Percentiles = append(l.Percentiles, out)
	}
	return l
}

// Counts are what has been counted since the process started.
type Counts struct {
	Calls map[string]int64 // by kind
	Bytes int64            // added to shares
}

// Counts says what has been counted.
func (m *Meter) Counts() Counts {
	c := Counts{Calls: map[string]int64{}, Bytes: m.bytes.Load()}
	for n := range m.kinds {
		m.kinds[n].mu.Lock()
		c.Calls[kinds[n]] = m.kinds[n].count
		m.kinds[n].mu.Unlock()
	}
	return c
}

// Latencies are those of each kind that has been called.
func (m *Meter) Latencies() map[string]Latencies {
	out := map[string]Latencies{}
	for n := range m.kinds {
		if l := m.kinds[n].latencies(); l.Samples > 0 {
			out[kinds[n]] = l
		}
	}
	return out
}

// Kinds are the names of all kinds of calls.
func Kinds() []string { return kinds[:] }

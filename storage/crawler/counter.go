package crawler

import (
	"context"
	"maps"
	"path/filepath"
	"strconv"
	"time"
)

// counterState is bucket_counter.state.json.
type counterState struct {
	position
	Counts  map[string]map[string]int `json:"bucket-counts"` // by cycle, by prefix
	Total   *int                      `json:"last-complete-bucket-count"`
	Samples map[string]any            `json:"storage-index-samples"` // by prefix: cycle and indices
}

// A Counter counts buckets: how many files and directories have a share here. It is a reactor.Service.
type Counter struct {
	walker
	path  string
	state counterState // its maps and Total are guarded by mu
	cycle string
}

const (
	counterSlowStart = 5 * time.Minute
	counterRest      = time.Hour
	sampled          = 1 // prefixes of which the indices are kept
	maxSample        = 1000
)

// NewCounter reads the state that an earlier process left.
func NewCounter(c Config) *Counter {
	c.Pace = c.Pace.or(counterSlowStart, counterRest)
	k := &Counter{walker: newWalker(c), path: filepath.Join(c.Dir, "bucket_counter.state.json")}
	k.job = k
	if !readState(k.path, &k.state, k.c.Log) || !k.state.valid() {
		k.state = counterState{position: position{Version: stateVersion}}
	}
	k.pos = k.state.position
	if k.state.Counts == nil {
		k.state.Counts = map[string]map[string]int{}
	}
	if k.state.Samples == nil {
		k.state.Samples = map[string]any{}
	}
	return k
}

func (k *Counter) begin(cycle int, _ string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cycle = strconv.Itoa(cycle)
	if k.state.Counts[k.cycle] == nil {
		k.state.Counts[k.cycle] = map[string]int{}
	}
}

func (k *Counter) prefix(_ context.Context, prefix, _ string) error {
	indices, err := k.c.Shares.Prefix(prefix)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state.Counts[k.cycle][prefix] = len(indices)
	for _, p := range prefixes[:sampled] {
		if p == prefix {
			names := []string{}
			for _, i := range indices[:min(len(indices), maxSample)] {
				names = append(names, i.String())
			}
			n, _ := strconv.Atoi(k.cycle)
			k.state.Samples[prefix] = []any{n, names}
		}
	}
	return err
}

// finish makes a sum of the counts. A cycle of which the beginning is not known has none.
func (k *Counter) finish(int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	counts := k.state.Counts[k.cycle]
	if len(counts) != len(prefixes) {
		return nil
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	k.state.Total = &total
	k.state.Counts = map[string]map[string]int{k.cycle: counts}
	return nil
}

func (k *Counter) save(p position) error {
	s := k.snapshot()
	s.position = p
	return writeState(k.path, s)
}

// snapshot is the state, which nobody changes any more.
func (k *Counter) snapshot() counterState {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	s.position = k.pos
	s.Counts = map[string]map[string]int{}
	for cycle, counts := range k.state.Counts {
		s.Counts[cycle] = map[string]int{}
		maps.Copy(s.Counts[cycle], counts)
	}
	s.Samples = map[string]any{}
	maps.Copy(s.Samples, k.state.Samples)
	return s
}

// State is what the original tells about its counter, to be written as JSON.
func (k *Counter) State() any { return k.snapshot() }

// Total is how many buckets the last whole cycle found; nil before one has ended.
func (k *Counter) Total() *int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state.Total
}

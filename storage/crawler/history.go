package crawler

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
)

// A Past is a cycle that has ended.
type Past struct {
	Tally
	Times   [2]float64 `json:"cycle-start-finish-times"`
	Enabled bool       `json:"expiration-enabled"`
	Mode    []any      `json:"configured-expiration-mode"`
}

// History is the last cycles, by their numbers: lease_checker.history.json.
type History map[string]Past

// kept is how many cycles are remembered.
const kept = 10

func historyPath(dir string) string { return filepath.Join(dir, "lease_checker.history.json") }

// with is the history and one cycle more.
func (h History) with(cycle int, p Past) History {
	out := maps.Clone(h)
	if out == nil {
		out = History{}
	}
	out[strconv.Itoa(cycle)] = p
	numbers := out.cycles()
	for _, n := range numbers[:max(0, len(numbers)-kept)] {
		delete(out, strconv.Itoa(n))
	}
	return out
}

// cycles are the numbers of the cycles, ascending. What is no number is dropped.
func (h History) cycles() []int {
	var out []int
	for key := range h {
		n, err := strconv.Atoi(key)
		if err != nil {
			delete(h, key)
			continue
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Last is the last cycle that has ended.
func (h History) Last() (Past, bool) {
	var last string
	best := -1
	for key := range h {
		if n, err := strconv.Atoi(key); err == nil && n > best {
			best, last = n, key
		}
	}
	return h[last], best >= 0
}

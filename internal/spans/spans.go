// Package spans keeps sets of byte offsets as ranges: which parts of a share have been written, which are missing. It is
// for writers of shares, who meet few and mostly adjoining ranges.
//
// The invariant: the ranges of a Set are ascending, not empty, and never touch each other, so that a sequence of
// adjoining writes is one range however many writes it took.
package spans

import (
	"slices"
	"sort"
)

// A Span is the offsets from Start up to, but not including, End.
type Span struct {
	Start, End int64
}

// A Set is a set of offsets. Its zero value is empty. It is not safe for concurrent use.
type Set struct {
	list []Span
}

// Add adds [start, end) to the set. Adding behind or onto the last range, which is what a sequential writer does, takes
// constant time.
func (s *Set) Add(start, end int64) {
	if start >= end {
		return
	}
	if last := len(s.list) - 1; last >= 0 && start >= s.list[last].Start && start <= s.list[last].End {
		s.list[last].End = max(s.list[last].End, end)
		return
	}
	from, to := s.touching(start, end)
	if from < to {
		start = min(start, s.list[from].Start)
		end = max(end, s.list[to-1].End)
	}
	s.list = slices.Replace(s.list, from, to, Span{start, end})
}

// touching is the range of list entries that overlap or adjoin [start, end).
func (s *Set) touching(start, end int64) (from, to int) {
	from = sort.Search(len(s.list), func(i int) bool { return s.list[i].End >= start })
	to = from
	for to < len(s.list) && s.list[to].Start <= end {
		to++
	}
	return from, to
}

// Covers says whether every offset of [start, end) is in the set.
func (s *Set) Covers(start, end int64) bool {
	if start >= end {
		return true
	}
	i := sort.Search(len(s.list), func(i int) bool { return s.list[i].End > start })
	return i < len(s.list) && s.list[i].Start <= start && end <= s.list[i].End
}

// Overlap returns the parts of [start, end) that are in the set, ascending.
func (s *Set) Overlap(start, end int64) []Span {
	if start >= end {
		return nil
	}
	var out []Span
	i := sort.Search(len(s.list), func(i int) bool { return s.list[i].End > start })
	for ; i < len(s.list) && s.list[i].Start < end; i++ {
		out = append(out, Span{max(start, s.list[i].Start), min(end, s.list[i].End)})
	}
	return out
}

// Missing returns the parts of [start, end) that are not in the set, ascending.
func (s *Set) Missing(start, end int64) []Span {
	var out []Span
	for _, have := range s.Overlap(start, end) {
		if start < have.Start {
			out = append(out, Span{start, have.Start})
		}
		start = have.End
	}
	if start < end {
		out = append(out, Span{start, end})
	}
	return out
}

// Count is the number of separate ranges.
func (s *Set) Count() int { return len(s.list) }

package spans_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tahoe/internal/spans"
)

const universe = 64

// model is the slow, obvious set: a bitmap.
type model [universe]bool

func (m *model) runs(start, end int64, want bool) []spans.Span {
	var out []spans.Span
	for i := start; i < end; i++ {
		if m[i] != want {
			continue
		}
		if n := len(out); n > 0 && out[n-1].End == i {
			out[n-1].End++
		} else {
			out = append(out, spans.Span{Start: i, End: i + 1})
		}
	}
	return out
}

func TestSetAgainstBitmap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s spans.Set
		var m model
		for range rapid.IntRange(0, 20).Draw(t, "adds") {
			a := rapid.Int64Range(0, universe).Draw(t, "start")
			b := rapid.Int64Range(0, universe).Draw(t, "end")
			s.Add(a, b)
			for i := a; i < b; i++ {
				m[i] = true
			}
		}
		a := rapid.Int64Range(0, universe).Draw(t, "from")
		b := rapid.Int64Range(a, universe).Draw(t, "to")
		if got, want := s.Overlap(a, b), m.runs(a, b, true); !slices.Equal(got, want) {
			t.Errorf("Overlap(%d, %d): got %v, want %v", a, b, got, want)
		}
		if got, want := s.Missing(a, b), m.runs(a, b, false); !slices.Equal(got, want) {
			t.Errorf("Missing(%d, %d): got %v, want %v", a, b, got, want)
		}
		if got, want := s.Covers(a, b), len(m.runs(a, b, false)) == 0; got != want {
			t.Errorf("Covers(%d, %d): got %v, want %v", a, b, got, want)
		}
		if got, want := s.Count(), len(m.runs(0, universe, true)); got != want {
			t.Errorf("Count: got %d, want %d", got, want)
		}
	})
}

func BenchmarkAddSequential(b *testing.B) {
	b.ReportAllocs()
	var s spans.Set
	var at int64
	for b.Loop() {
		s.Add(at, at+4096)
		at += 4096
	}
}

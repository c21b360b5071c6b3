package web

import (
	"slices"
	"sync"
	"time"

	"tahoe/lafs/trace"
	"tahoe/storage"
)

// What a timeline remembers at most. Of more calls it counts how many there were; more segments are put together to longer ones, so
// that all of the file is there, less exactly.
const (
	maxCalls    = 128
	maxSegments = 128
)

// A timeline remembers what a transfer did and when. It is a trace.Observer.
type timeline struct {
	now    func() time.Time
	survey func(mode string) *transfer

	mu       sync.Mutex
	calls    []callEvent // in the order in which they began
	missed   int         // calls that are not among them
	segments []segmentEvent
	each     int // segments that one of them stands for
	reads    []readEvent
}

// A callEvent is something that a server was asked for.
type callEvent struct {
	trace.Call
	began, ended time.Time // ended is zero while it goes on
	answer       trace.Answer
}

// isQuery says whether it asks which shares there are, rather than for what is in them.
func (e *callEvent) isQuery() bool {
	return e.Op == trace.List || e.Op == trace.Allocate || e.Op == trace.ReadSlot && len(e.Shares) == 0
}

// A segmentEvent is a piece of the file that was put together.
type segmentEvent struct {
	trace.Segment
	began, fetched, ended time.Time // fetched: there was enough to decode it; zero when there never was
	failed                bool
}

// A readEvent is a range of the file that somebody wanted.
type readEvent struct {
	span         storage.Span
	began, ended time.Time
	bytes        int64
	paused       time.Duration // while nobody took what was there
}

func newTimeline(t *transfer) *timeline {
	return &timeline{now: t.h.clock.Now, each: 1, survey: func(mode string) *transfer { return t.h.survey(t.index(), mode) }}
}

// Call implements trace.Observer.
func (l *timeline) Call(c trace.Call) func(trace.Answer) {
	c.Shares = slices.Clone(c.Shares)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) == maxCalls {
		l.missed++
		return func(trace.Answer) {}
	}
	i := len(l.calls)
	l.calls = append(l.calls, callEvent{Call: c, began: l.now()})
	return func(a trace.Answer) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.calls[i].answer, l.calls[i].ended = a, l.now()
	}
}

// Segment implements trace.Observer.
func (l *timeline) Segment(s trace.Segment) (fetched func(), done func(error)) {
	e := segmentEvent{Segment: s, began: l.now()}
	fetched = func() { e.fetched = l.now() }
	return fetched, func(err error) {
		e.ended, e.failed = l.now(), err != nil
		l.add(e)
	}
}

// add remembers a segment. When there are too many, each two of them become one.
func (l *timeline) add(e segmentEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.segments); n > 0 && l.segments[n-1].Count < l.each && l.segments[n-1].precedes(e) {
		l.segments[n-1] = l.segments[n-1].with(e)
		return
	}
	if l.segments = append(l.segments, e); len(l.segments) < maxSegments {
		return
	}
	half := l.segments[:0]
	for i := 0; i < len(l.segments); i += 2 {
		half = append(half, l.segments[i].with(l.segments[min(i+1, len(l.segments)-1)]))
	}
	l.segments, l.each = half, 2*l.each
}

// precedes says whether the next segment follows this one in the file.
func (e segmentEvent) precedes(next segmentEvent) bool { return e.Number+e.Count == next.Number }

// with is one event for two.
func (e segmentEvent) with(o segmentEvent) segmentEvent {
	if e.Number == o.Number {
		return e
	}
	from, end := min(e.Span.Offset, o.Span.Offset), max(e.Span.End(), o.Span.End())
	e.Number, e.Count = min(e.Number, o.Number), max(e.Number+e.Count, o.Number+o.Count)-min(e.Number, o.Number)
	e.Span = storage.Span{Offset: from, Size: end - from}
	e.began, e.ended, e.failed = earlier(e.began, o.began), later(e.ended, o.ended), e.failed || o.failed
	e.fetched = later(e.fetched, o.fetched)
	return e
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Survey implements trace.Observer. In the history it is a transfer by itself.
func (l *timeline) Survey(mode string) (trace.Observer, func(error)) {
	t := l.survey(mode)
	return t.line, t.end
}

// read notes that a range is wanted.
func (l *timeline) read(off, n int64) (end func(bytes int64, paused time.Duration)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := len(l.reads)
	l.reads = append(l.reads, readEvent{span: storage.Span{Offset: off, Size: n}, began: l.now()})
	return func(bytes int64, paused time.Duration) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.reads[i].bytes, l.reads[i].paused, l.reads[i].ended = bytes, paused, l.now()
	}
}

// copy is what there is now, for who shows it.
func (l *timeline) copy() *timeline {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &timeline{calls: slices.Clone(l.calls), missed: l.missed, segments: slices.Clone(l.segments), each: l.each, reads: slices.Clone(l.reads)}
}

// bounds are the times of the first and the last event.
func (l *timeline) bounds() (first, last time.Time) {
	see := func(times ...time.Time) {
		for _, t := range times {
			if t.IsZero() {
				continue
			}
			if first.IsZero() || t.Before(first) {
				first = t
			}
			last = later(last, t)
		}
	}
	for _, e := range l.calls {
		see(e.began, e.ended)
	}
	for _, e := range l.segments {
		see(e.began, e.fetched, e.ended)
	}
	for _, e := range l.reads {
		see(e.began, e.ended)
	}
	return first, last
}

package immutable

import (
	"tahoe/lafs/trace"
	"tahoe/storage"
)

// A seenSegment is what whoever looks on is told of a segment. Its methods do nothing on nil, when nobody does.
type seenSegment struct {
	fetched func()
	done    func(error)
}

// observe tells whoever looks on that a segment begins to be fetched into s. f.mu is held.
func (x *fetch) observe(s *slot, segment int) {
	if x.observer == nil || s == nil || s.seen != nil {
		return
	}
	at, size, _ := x.window.g.Segment(segment)
	seen := &seenSegment{}
	seen.fetched, seen.done = x.observer.Segment(trace.Segment{Number: segment, Count: 1, Span: storage.Span{Offset: at, Size: size}})
	s.seen = seen
}

func (s *seenSegment) wasFetched() {
	if s != nil {
		s.fetched()
	}
}

func (s *seenSegment) isDone(err error) {
	if s != nil {
		s.done(err)
	}
}

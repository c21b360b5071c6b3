package mutable

import (
	"context"
	"maps"

	"tahoe/lafs/mutable/layout"
	"tahoe/reactor"
)

// calm lets a version arrive that another writer may be sending at this moment. Who follows the version before it, and knows the
// shares of the new one that are there, passes the tests of those servers: he would take shares from a version that
// its writer then reports as done. So calm asks again while there are more and more shares of versions that are newer than what can
// be rebuilt, some times at most. Those of a writer who gave up, or whose servers have gone, do not change: they are lost.
func (o *op) calm(ctx context.Context, s *Servermap) (*Servermap, error) {
	before := s.arriving()
	for pauses := 0; pauses < attempts && len(before) > 0; pauses++ {
		if err := reactor.Sleep(ctx, o.m.c.Clock, o.m.c.Hedge); err != nil {
			return nil, err
		}
		var err error
		if s, err = o.survey(ctx, ModeCheck); err != nil {
			return nil, err
		}
		now := s.arriving()
		if maps.Equal(before, now) {
			break
		}
		before = now
	}
	return s, nil
}

// arriving are the shares of versions that are newer than the best one.
func (s *Servermap) arriving() map[shareID]layout.Prefix {
	out := make(map[shareID]layout.Prefix)
	for _, v := range s.Newer() {
		for _, copies := range v.seen {
			for _, x := range copies {
				out[x.id()] = v.prefix
			}
		}
	}
	return out
}

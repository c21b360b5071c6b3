package lafs

import (
	"hash/maphash"

	"tahoe/caps"
)

// seen remembers what a walk came to, by hashes of verify capabilities: of a million, two are taken for one in one walk out of
// thirty million. When a generation is full, the one before it is forgotten.
type seen struct {
	seed     maphash.Seed
	now, old map[uint64]struct{}
}

const generation = 1 << 19

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), now: map[uint64]struct{}{}} }

// hash is what e is remembered by; 0 for what cannot be verified, which nothing tells apart.
func (s *seen) hash(e Entry) uint64 {
	v, ok := e.Verify()
	if !ok {
		return 0
	}
	return s.id(v)
}

func (s *seen) id(c caps.Cap) uint64 { return maphash.String(s.seed, c.Encode()) }

// has says whether something was added.
func (s *seen) has(hash uint64) bool {
	_, now := s.now[hash]
	_, old := s.old[hash]
	return now || old
}

// add remembers e. It is true when e is new, as all is that cannot be verified.
func (s *seen) add(e Entry) bool {
	if _, ok := e.Verify(); !ok {
		return true
	}
	h := s.hash(e)
	known := s.has(h)
	if _, now := s.now[h]; !now {
		s.keep(h)
	}
	return !known
}

func (s *seen) keep(h uint64) {
	if len(s.now) == generation {
		s.now, s.old = map[uint64]struct{}{}, s.now
	}
	s.now[h] = struct{}{}
}

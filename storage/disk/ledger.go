package disk

import (
	"math"

	"tahoe/storage/share"
)

// A Ledger keeps account of what shares take, and of how much more they may. Its methods are called while an index is locked: they
// wait for nothing.
type Ledger interface {
	// Left is how many bytes may be added, in all and for one client; math.MaxUint64 is without limit.
	Left(client string) (all, own uint64)
	// Changed tells of every share that came, went, or got another size or lease.
	Changed(c share.Change)
}

// noLedger is for servers without limits.
type noLedger struct{}

func (noLedger) Left(string) (all, own uint64) { return math.MaxUint64, math.MaxUint64 }
func (noLedger) Changed(share.Change)          {}

func (s *Server) changed(c share.Change) { s.cfg.Ledger.Changed(c) }

// left is how much more a client may store, what it and others are uploading now taken off. s.mu is held.
func (s *Server) left(client string) uint64 {
	all, own := s.cfg.Ledger.Left(client)
	return min(sub(all, s.allocated), sub(own, s.allocatedBy[client]))
}

// sub is a-b, but not less than 0, where a without limit stays so.
func sub(a, b uint64) uint64 {
	if a == math.MaxUint64 {
		return a
	}
	return less(a, b)
}

// quota is left, for who does not hold s.mu.
func (s *Server) quota(client string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left(client)
}

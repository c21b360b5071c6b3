package disk

import (
	"context"
	"errors"
	"fmt"
	"math"

	"tahoe/storage"
	"tahoe/storage/share"
)

// Version says how much room is left.
func (s *Server) Version(ctx context.Context) (storage.Version, error) {
	if err := ctx.Err(); err != nil {
		return storage.Version{}, err
	}
	room := s.available()
	return storage.Version{
		Application:       s.cfg.Application,
		MaxImmutableShare: room,
		MaxMutableShare:   share.MaxMutable,
		Available:         room,
	}, nil
}

// available is the room for new immutable shares.
func (s *Server) available() uint64 {
	if s.cfg.ReadOnly {
		return 0
	}
	return s.unreserved()
}

// unreserved is the free space that is neither reserved nor promised to open writers. What a writer has written so far
// counts twice, as with the original: better too little than too much.
func (s *Server) unreserved() uint64 {
	free := s.Free()
	if free == math.MaxUint64 {
		return free
	}
	s.mu.Lock()
	used := s.allocated
	s.mu.Unlock()
	return less(less(free, s.cfg.ReservedSpace), used)
}

// Free is the free space of the file system, reserved or not: without limit if the system cannot say, none if asking
// failed.
func (s *Server) Free() uint64 {
	free, err := s.cfg.Free(s.shares)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return math.MaxUint64
	case err != nil:
		s.log.Warn("asking for free space", "dir", s.shares, "error", err)
		return 0
	default:
		return free
	}
}

// FreeSpace is what an ordinary user may still write to the file system of dir. It is errors.ErrUnsupported where the system cannot say.
func FreeSpace(dir string) (uint64, error) { return freeSpace(dir) }

// less is a-b, but not less than 0.
func less(a, b uint64) uint64 { return a - min(a, b) }

// reserve takes size bytes of free, which is what the file system had, for w, and registers w. It says whether there
// was room and nobody else is writing the share.
//
// Each writer has its file open until it ends, for clients that may be silent for half an hour, so their number is bounded
// here, before another file is opened, by the descriptors that the process has. To open the file for each Write alone would
// need no bound, but a sync by another descriptor than the one that wrote may not hear of a failed write.
func (s *Server) reserve(w *writer, free uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writers[w.key] != nil || s.cfg.ReadOnly || len(s.writers) >= s.cfg.MaxWriters {
		return false
	}
	if free != math.MaxUint64 && uint64(w.size) > less(less(free, s.cfg.ReservedSpace), s.allocated) {
		return false
	}
	s.writers[w.key] = w
	s.allocated += uint64(w.size)
	return true
}

// release undoes reserve, once.
func (s *Server) release(w *writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writers[w.key] == w {
		delete(s.writers, w.key)
		s.allocated -= uint64(w.size)
	}
}

// registered says whether w has its share and its room still.
func (s *Server) registered(w *writer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writers[w.key] == w
}

// full turns the system's errors about a full disk into ErrNoSpace.
func full(err error) error {
	if err != nil && isFull(err) && !errors.Is(err, storage.ErrNoSpace) {
		return fmt.Errorf("%w: %w", storage.ErrNoSpace, err)
	}
	return err
}

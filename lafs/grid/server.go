package grid

import (
	"fmt"
	"log/slog"
	"math"
	"slices"

	"tahoe/reactor"
	"tahoe/storage"
)

// A Server is one server of the grid. It never changes, apart from what Status and Version tell; a new announcement
// makes a new Server.
type Server struct {
	ann    sealed
	tub    [tubIDSize]byte
	seed   []byte
	vitals *vitals
	store  *guard
	managed
}

// NewServer makes a server that is always up, of s: for tests, and for programs that bring their own storage. Until
// its Version is asked for, it counts as one without limits.
func NewServer(a Announcement, s storage.Server) (*Server, error) {
	srv, err := newServer(a, reactor.System())
	if err != nil {
		return nil, err
	}
	srv.vitals.change(func(st *Status) {
		st.State = Connected
		st.Version.MaxImmutableShare, st.Version.MaxMutableShare, st.Version.Available = math.MaxInt64, math.MaxInt64, math.MaxInt64
	})
	srv.store.next = func() storage.Server { return s }
	return srv, nil
}

// newServer makes a server without storage.
func newServer(a Announcement, clock reactor.Clock) (*Server, error) {
	ann := a.seal()
	tub, err := ann().TubID()
	if err != nil {
		return nil, fmt.Errorf("announcement of server %v: %w", a, err)
	}
	seed, err := ann().PermutationSeed()
	if err != nil {
		return nil, fmt.Errorf("announcement of server %v: %w", a, err)
	}
	v := newVitals(ann(), tub, clock)
	return &Server{ann: ann, tub: tub, seed: seed, vitals: v, store: newGuard(ann().ID, a.String(), v)}, nil
}

// ID is the server's identifier.
func (s *Server) ID() ServerID { return s.ann().ID }

// Name is the server's nickname, or its abbreviated identifier when it has none.
func (s *Server) Name() string {
	if n := clean(s.ann().Nickname); n != "" {
		return n
	}
	return s.ann().ID.Abbrev()
}

// TubID is the identity from which this server's lease secrets and write enablers derive.
func (s *Server) TubID() [20]byte { return s.tub }

// Seed places the server in the permuted order.
func (s *Server) Seed() []byte { return slices.Clone(s.seed) }

// Storage is the server's storage. Its errors are *ServerError, except the caller's own: those of its context and of
// what it gave to read from.
func (s *Server) Storage() storage.Server { return s.store }

// Version is what the server last said of itself.
func (s *Server) Version() storage.Version { return s.vitals.status.Load().Version }

// Status is a snapshot of how the server is doing.
func (s *Server) Status() Status {
	st := s.vitals.snapshot()
	st.Certification = s.certification()
	return st
}

// String is the server's name and abbreviated identifier, as in errors.
func (s *Server) String() string { return s.ann().String() }

// LogValue is String.
func (s *Server) LogValue() slog.Value { return slog.StringValue(s.String()) }

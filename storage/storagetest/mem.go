// Package storagetest tests storage servers and stands in for them. Run is the conformance suite that every
// storage.Server passes, Mem is a server in memory, Faulty wraps a server with faults, and Bench measures one. It is
// for the tests of storage servers and of everything that talks to them.
//
// The invariant: Mem passes Run, and so does Faulty without faults, so that a test against either tests the contract.
package storagetest

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"tahoe/storage"
)

// LeaseDuration is how long a lease lasts, from when it is added or renewed.
const LeaseDuration = 31 * 24 * time.Hour

// maxMutable is the largest mutable share, as servers announce it.
const maxMutable = 69105 * 1000 * 1000 * 1000 * 1000

// Config sets up a Mem. Its zero value is a server without limits.
type Config struct {
	Now      func() time.Time // nil: the time stands still
	Capacity int64            // bytes of share data that it takes; 0 is without limit
	ReadOnly bool             // no new immutable shares
}

// Mem is a storage.Server that holds shares in memory, and lets a test look at them and change them behind the
// contract's back.
type Mem struct {
	cfg Config

	mu         sync.Mutex
	shares     map[storage.Index]map[storage.ShareNum]*memShare
	open       map[memKey]*memWriter
	used       int64 // bytes of share data, held and allocated
	advisories []storage.Corruption
}

var _ storage.Server = (*Mem)(nil)

type memKey struct {
	index storage.Index
	share storage.ShareNum
}

// memShare is a complete share. An immutable share's data is never written to after it has become visible.
type memShare struct {
	kind    storage.Kind
	data    []byte
	enabler storage.Secret
	leases  []memLease
}

type memLease struct {
	secrets storage.LeaseSecrets
	expires time.Time
}

// NewMem makes an empty server.
func NewMem(c Config) *Mem {
	if c.Now == nil {
		t0 := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
		c.Now = func() time.Time { return t0 }
	}
	return &Mem{
		cfg:    c,
		shares: map[storage.Index]map[storage.ShareNum]*memShare{},
		open:   map[memKey]*memWriter{},
	}
}

// Version says how much room is left.
func (m *Mem) Version(ctx context.Context) (storage.Version, error) {
	if err := ctx.Err(); err != nil {
		return storage.Version{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	room := uint64(m.available())
	return storage.Version{
		Application:       "storagetest.Mem",
		MaxImmutableShare: room,
		MaxMutableShare:   maxMutable,
		Available:         room,
	}, nil
}

// available is the room for new shares. The caller holds m.mu.
func (m *Mem) available() int64 {
	switch {
	case m.cfg.ReadOnly:
		return 0
	case m.cfg.Capacity == 0:
		return math.MaxInt64
	default:
		return max(0, m.cfg.Capacity-m.used)
	}
}

// lease adds or renews a lease on s. The caller holds m.mu.
func (m *Mem) lease(s *memShare, l storage.LeaseSecrets) {
	expires := m.cfg.Now().Add(LeaseDuration)
	for i, have := range s.leases {
		if have.secrets.Renew.Equal(l.Renew) {
			if expires.After(have.expires) {
				s.leases[i].expires = expires
			}
			return
		}
	}
	s.leases = append(s.leases, memLease{l, expires})
}

// AddLease adds a lease to every share of i, or renews it.
func (m *Mem) AddLease(ctx context.Context, i storage.Index, l storage.LeaseSecrets) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.shares[i]) == 0 {
		return fmt.Errorf("adding lease to %s: %w", i.Abbrev(), storage.ErrNotFound)
	}
	for _, s := range m.shares[i] {
		m.lease(s, l)
	}
	return nil
}

// AdviseCorrupt records the advice; Advisories returns it.
func (m *Mem) AdviseCorrupt(ctx context.Context, c storage.Corruption) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(c.Reason) > storage.MaxReason {
		return fmt.Errorf("reason of %d bytes: %w", len(c.Reason), storage.ErrTooLarge)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(c.Index, c.Share, c.Kind); err != nil {
		return err
	}
	m.advisories = append(m.advisories, c)
	return nil
}

// find returns a share of the given kind. The caller holds m.mu.
func (m *Mem) find(i storage.Index, n storage.ShareNum, k storage.Kind) (*memShare, error) {
	if s := m.shares[i][n]; s != nil && s.kind == k {
		return s, nil
	}
	return nil, fmt.Errorf("%s share %d of %s: %w", k, n, i.Abbrev(), storage.ErrNotFound)
}

// put makes a share visible. The caller holds m.mu.
func (m *Mem) put(i storage.Index, n storage.ShareNum, s *memShare) {
	if m.shares[i] == nil {
		m.shares[i] = map[storage.ShareNum]*memShare{}
	}
	m.shares[i][n] = s
}

// drop forgets a share. The caller holds m.mu.
func (m *Mem) drop(i storage.Index, n storage.ShareNum) {
	if s := m.shares[i][n]; s != nil {
		m.used -= int64(len(s.data))
		delete(m.shares[i], n)
	}
	if len(m.shares[i]) == 0 {
		delete(m.shares, i)
	}
}

// numbers are the shares of i of one kind, ascending. The caller holds m.mu.
func (m *Mem) numbers(i storage.Index, k storage.Kind) []storage.ShareNum {
	var out []storage.ShareNum
	for _, n := range slices.Sorted(maps.Keys(m.shares[i])) {
		if m.shares[i][n].kind == k {
			out = append(out, n)
		}
	}
	return out
}

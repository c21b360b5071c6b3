package crawler

import (
	"math"
	"time"

	"tahoe/storage"
	"tahoe/storage/share"
)

// A Policy says which leases have ended.
type Policy struct {
	Enabled   bool          // shares without a lease are removed; else they are only counted
	Override  time.Duration // how long a lease lasts from when it was added or renewed; 0: as long as it says
	Cutoff    time.Time     // leases that were renewed before have ended, and no others; zero: age counts
	Immutable bool          // immutable shares are removed
	Mutable   bool
}

// Mode is what the original calls the way in which leases end.
func (p Policy) Mode() string {
	if p.Cutoff.IsZero() {
		return "age"
	}
	return "cutoff-date"
}

// ended says whether a lease that says expires has ended at now.
//
// The original, told to go by age and given no override, compares the age of a lease with the time at which it ends, so that no lease
// ever ends. Here it ends when it says so.
func (p Policy) ended(expires uint32, now time.Time) bool {
	granted := time.Unix(int64(expires), 0).Add(-share.LeaseDuration)
	switch {
	case !p.Cutoff.IsZero():
		return granted.Before(p.Cutoff)
	case p.Override > 0:
		return now.Sub(granted) > p.Override
	}
	return lapsed(expires, now)
}

// lapsed says whether a lease has ended by itself.
func lapsed(expires uint32, now time.Time) bool { return !time.Unix(int64(expires), 0).After(now) }

// covers says whether shares of a kind are removed at all.
func (p Policy) covers(k storage.Kind) bool {
	return k == storage.KindMutable && p.Mutable || k == storage.KindImmutable && p.Immutable
}

// leasesOf are the leases of a share. One that has none, which no client leaves behind, is kept as if it had been leased when its
// file was last changed.
func leasesOf(s share.Held) []uint32 {
	if len(s.Leases) > 0 {
		return s.Leases
	}
	return []uint32{uint32(max(0, min(s.Changed.Add(share.LeaseDuration).Unix(), math.MaxUint32)))}
}

// dead says whether all leases of a share have ended, by the policy and by themselves.
func (p Policy) dead(s share.Held, now time.Time) (configured, original bool) {
	configured, original = p.covers(s.Kind), true
	for _, expires := range leasesOf(s) {
		configured = configured && p.ended(expires, now)
		original = original && lapsed(expires, now)
	}
	return configured, original
}

// describe is the policy as the original's files have it: mode, override, cut-off, kinds.
func (p Policy) describe() []any {
	kinds := []string{}
	if p.Mutable {
		kinds = append(kinds, "mutable")
	}
	if p.Immutable {
		kinds = append(kinds, "immutable")
	}
	var override, cutoff any
	if p.Cutoff.IsZero() && p.Override > 0 {
		override = int64(p.Override / time.Second)
	}
	if !p.Cutoff.IsZero() {
		cutoff = p.Cutoff.Unix()
	}
	return []any{p.Mode(), override, cutoff, kinds}
}

package keeper

import (
	"time"

	"tahoe/caps"
	"tahoe/lafs/health"
)

// A State is how a file was when it was last looked at.
type State int

// The states, the best first.
const (
	Unseen      State = iota // nobody has looked yet
	Healthy                  // all its shares are there
	Damaged                  // some are missing, and it can be rebuilt
	Unreachable              // too few are at servers that answered, but not all servers did
	Lost                     // too few are left, and all known servers answered
)

// String is the state in a word.
func (s State) String() string {
	switch s {
	case Healthy:
		return "healthy"
	case Damaged:
		return "damaged"
	case Unreachable:
		return "unreachable"
	case Lost:
		return "lost"
	}
	return "not looked at yet"
}

// States are all of them.
func States() []State { return []State{Unseen, Healthy, Damaged, Unreachable, Lost} }

// Facts are what is known of one file or directory.
type Facts struct {
	Verify caps.Verify
	Root   string   // the root that it was last found below
	Path   []string // the way from there
	Pass   int64    // the pass that last came to it

	Added    time.Time
	Checked  time.Time // zero: never, here and below
	Renewed  time.Time // its leases, at all servers that answered
	Verified time.Time // every byte of all its shares
	Due      time.Time // when to look at it next

	State               State
	Since               time.Time // not healthy since
	Good, Needed, Total int       // shares
	Homeless            int       // shares that should have other homes: see health.Homeless
	Leaving             int       // copies of shares at servers that are to be retired
	Forsaken            bool      // those copies are not needed: all shares were verified elsewhere
	Repaired            time.Time
	Tries               int    // repairs that failed since the last one that did not
	Note                string // why the last one failed

	whole bool // all servers that are known answered the last look: what is missing is not at one that is away; not kept
}

// Mutable says whether the file can be written, by who holds its capability for that.
func (f *Facts) Mutable() bool { return caps.IsMutable(f.Verify) }

// corrupt says that the last look was at every byte, and something was wrong.
func (f *Facts) corrupt() bool { return f.State == Damaged && f.Verified.Equal(f.Checked) }

// learn takes in what a check found. All says whether every server that is known answered.
func (f *Facts) learn(r *health.Result, o health.Options, now time.Time, all bool) {
	f.Checked = now
	f.Good, f.Needed, f.Total = r.Good, r.Needed, r.Expected
	homes := health.Homeless(best(r), len(r.Free(1)))
	f.Homeless, f.Leaving = len(homes.All()), r.Leaving()
	if len(homes.Leaving) > 0 {
		f.Forsaken = false
	}
	if o.AddLease && len(r.Unrenewed) == 0 {
		f.Renewed = now
	}
	if o.Verify {
		f.Verified = now
	}
	f.Forsaken = f.Forsaken && f.Leaving > 0 || o.Verify && r.Healthy && len(homes.Leaving) == 0 && f.Leaving > 0
	f.whole = all
	f.become(stateOf(r, all), now)
}

func stateOf(r *health.Result, all bool) State {
	switch {
	case r.Healthy:
		return Healthy
	case r.Recoverable:
		return Damaged
	case all:
		return Lost
	}
	return Unreachable
}

// become notes a state, and since when it is not a good one.
func (f *Facts) become(s State, now time.Time) {
	f.State = s
	switch {
	case s <= Healthy:
		f.Since = time.Time{}
	case f.Since.IsZero():
		f.Since = now
	}
}

// best are the shares of the best version.
func best(r *health.Result) []health.Share {
	var out []health.Share
	for _, s := range r.Shares {
		if len(out) > 0 && out[0].Version != s.Version {
			return nil // several versions: a matter for repair
		}
		out = append(out, s)
	}
	return out
}

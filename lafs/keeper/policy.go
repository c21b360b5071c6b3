package keeper

import (
	"encoding/binary"
	"time"

	"tahoe/lafs/health"
)

// A Policy says how often things are done, and when a file is repaired. What is zero has a default.
type Policy struct {
	Check  time.Duration // between looks at a file; 7 days
	Renew  time.Duration // between renewals of its leases, which last 31 days; 14 days
	Verify time.Duration // between verifications of every byte; 180 days; negative: never
	Below  int           // a file with fewer shares is repaired; 0: with fewer than all
	Urgent int           // one with as few is repaired at once; 0: when half of the shares that can be spared are gone
	Wait   time.Duration // if servers are away, others when shares have been missing for so long: a server may come back; 3 days
	Pass   time.Duration // between searches for what can be reached from the roots; 1 day
	Seed   uint64        // of the spread, so that no two keepers work at the same time
}

const day = 24 * time.Hour

// leaseDuration is how long servers keep what nobody renews.
const leaseDuration = 31 * day

func (p Policy) withDefaults() Policy {
	orDefault(&p.Check, 7*day)
	orDefault(&p.Renew, 14*day)
	orDefault(&p.Wait, 3*day)
	orDefault(&p.Pass, day)
	if p.Verify == 0 {
		p.Verify = 180 * day
	}
	p.Renew = min(p.Renew, leaseDuration/2)
	return p
}

func orDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Delay is the longest time after which a file of which shares were lost has all of them again, if servers take them, and all
// work is done on the day on which it is due.
func (p Policy) Delay() time.Duration {
	p = p.withDefaults()
	return p.Check + p.Wait + 2*day
}

// Options say how to look at a file at a time when it is due. What would be due soon is done with it.
func (p Policy) Options(f *Facts, now time.Time) health.Options {
	now = now.Add(p.soon())
	return health.Options{
		AddLease: !now.Before(p.renewal(f)),
		Verify:   p.verifying(f, now),
		Forsake:  f.Forsaken,
	}
}

// soon is half of the shortest time between two looks: nothing is done twice as often as the policy says because other things are.
func (p Policy) soon() time.Duration {
	often := min(p.Check, p.Renew)
	if p.Verify > 0 {
		often = min(often, p.Verify)
	}
	return often / 2
}

// verifying says whether to read every byte. Also before copies at servers that are to be retired are given up.
func (p Policy) verifying(f *Facts, now time.Time) bool {
	return p.Verify > 0 && !now.Before(p.verification(f)) || f.corrupt() || f.Leaving > 0 && f.Homeless == 0 && !f.Forsaken
}

// Wants says whether a file is to be repaired that is as it was just found.
func (p Policy) Wants(f *Facts, now time.Time) bool {
	switch {
	case f.State == Damaged && f.Good < p.below(f):
		return f.whole || f.corrupt() || f.Good <= p.urgent(f) || f.Leaving > 0 && !f.Forsaken || now.Sub(f.Since) >= p.Wait
	case f.State == Healthy:
		return f.Homeless > 0 || f.Leaving > 0 && f.Mutable()
	}
	return false
}

func (p Policy) below(f *Facts) int {
	if p.Below == 0 {
		return f.Total
	}
	return max(p.Below, f.Needed+1)
}

func (p Policy) urgent(f *Facts) int {
	if p.Urgent > 0 {
		return p.Urgent
	}
	return f.Needed + (f.Total-f.Needed)/2
}

// Next is when to look at a file again.
func (p Policy) Next(f *Facts) time.Time {
	if f.Checked.IsZero() {
		return f.Added
	}
	next := earliest(p.shorter(p.Check, f, 1, f.Checked), p.renewal(f))
	if p.Verify > 0 {
		next = earliest(next, p.verification(f))
	}
	switch {
	case f.Tries > 0:
		next = earliest(next, f.Checked.Add(p.patience(f.Tries)))
	case f.State == Damaged && f.Good < p.below(f):
		next = earliest(next, f.Since.Add(p.Wait))
	case f.State == Unreachable:
		next = earliest(next, f.Checked.Add(p.patience(1)))
	case f.Homeless > 0 || f.Leaving > 0 && !f.Forsaken:
		next = earliest(next, f.Checked.Add(leastPause))
	}
	if least := f.Checked.Add(leastPause); next.Before(least) {
		return least
	}
	return next
}

// leastPause is between two looks at one file.
const leastPause = time.Hour

// patience is how long to wait after so many failures.
func (p Policy) patience(tries int) time.Duration {
	return min(time.Hour<<min(tries-1, 10), max(p.Check/2, time.Hour))
}

func (p Policy) renewal(f *Facts) time.Time {
	if f.Renewed.IsZero() {
		return f.Added
	}
	return p.shorter(p.Renew, f, 2, f.Renewed)
}

// verification is when every byte is read. The first one comes at any time within the interval, so that a sample of all files is
// verified on any day.
func (p Policy) verification(f *Facts) time.Time {
	if f.Verified.IsZero() {
		return f.Added.Add(time.Duration(p.spread(f, 3, time.Time{}) * float64(p.Verify)))
	}
	return p.shorter(p.Verify, f, 3, f.Verified)
}

// shorter is at most d after last, and up to a quarter earlier, so that what was done at once spreads over time.
func (p Policy) shorter(d time.Duration, f *Facts, kind uint64, last time.Time) time.Time {
	return last.Add(d - time.Duration(p.spread(f, kind, last)*float64(d/4)))
}

// spread is a number in [0, 1) that is as good as chance, and the same for the same arguments.
func (p Policy) spread(f *Facts, kind uint64, at time.Time) float64 {
	i := f.Verify.Index()
	x := p.Seed ^ binary.BigEndian.Uint64(i[:]) ^ kind*0x9e3779b97f4a7c15 ^ uint64(at.Unix())
	// The finaliser of SplitMix64: every bit of x changes half of the bits.
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

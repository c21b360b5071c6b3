package crawler

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"tahoe/storage"
	"tahoe/storage/share"
)

// A Census is told of all buckets, in the order of a walk. A ledger.Ledger is one.
type Census interface {
	Begin(cycle int, after string) // a cycle begins, or goes on behind a bucket
	Enter(prefix string) error     // its buckets come next, and are listed afterwards
	Count(i storage.Index, b share.Bucket)
	Leave() error // all buckets of the prefix have been counted
	Save() error  // the position is being saved
	Finish() error
}

// LeaseConfig is what a lease checker needs.
type LeaseConfig struct {
	Config
	Policy  Policy
	Touches *Touches // nil: everything may have changed
	Census  Census   // nil: nobody counts
}

// noCensus is for who does not count.
type noCensus struct{}

func (noCensus) Begin(int, string)                 {}
func (noCensus) Enter(string) error                { return nil }
func (noCensus) Count(storage.Index, share.Bucket) {}
func (noCensus) Leave() error                      { return nil }
func (noCensus) Save() error                       { return nil }
func (noCensus) Finish() error                     { return nil }

// Leases looks at the leases of all shares, and removes those that are dead. It is a reactor.Service.
type Leases struct {
	walker
	policy  Policy
	touches *Touches
	census  Census
	index   leaseIndex
	path    string

	tally   Tally   // guarded by mu
	history History // replaced, and never changed; guarded by mu
	reads   int     // buckets that were read, of this cycle and process; guarded by mu
}

const (
	leaseSlowStart = 6 * time.Minute
	leaseRest      = 12 * time.Hour
)

// NewLeases reads the state that an earlier process left.
func NewLeases(c LeaseConfig) *Leases {
	c.Pace = c.Pace.or(leaseSlowStart, leaseRest)
	l := &Leases{
		walker: newWalker(c.Config), policy: c.Policy, touches: c.Touches, census: c.Census,
		index: leaseIndex{indexDir(c.Dir)}, path: filepath.Join(c.Dir, "lease_checker.state.json"),
	}
	l.job = l
	if l.touches == nil {
		l.touches = everything()
	}
	if l.census == nil {
		l.census = noCensus{}
	}
	l.load()
	return l
}

func (l *Leases) begin(cycle int, after string) {
	l.mu.Lock()
	if after == "" && l.pos.LastPrefix == nil {
		l.tally = newTally()
	}
	l.reads = 0
	l.mu.Unlock()
	l.census.Begin(cycle, after)
}

// prefix looks at the buckets of a prefix behind after.
func (l *Leases) prefix(ctx context.Context, prefix, after string) error {
	errs := []error{l.census.Enter(prefix)}
	indices, err := l.c.Shares.Prefix(prefix)
	if err != nil {
		return err
	}
	old := cursor{page: l.index.load(prefix)}
	unread := l.touches.enter(prefix)
	fresh := &page{}
	changed := len(old.indices()) != len(indices)
	first := behind(indices, after)
	for k, i := range indices {
		r, known := old.find(i)
		if k >= first {
			v := l.bucket(ctx, i, r, known && !unread)
			if !v.counted && ctx.Err() != nil {
				l.touches.leave(prefix)
				return ctx.Err()
			}
			errs = append(errs, v.err)
			r, changed, known = v.record, changed || v.read, v.worthKeeping()
			l.passed(i.String())
		}
		if known {
			fresh.add(i, r)
		}
		if k >= first {
			if err := l.breathe(ctx); err != nil {
				l.touches.leave(prefix)
				return err
			}
		}
	}
	if changed {
		errs = append(errs, l.index.store(prefix, fresh))
	}
	if err := errors.Join(errs...); err != nil || first > 0 {
		return err
	}
	return l.census.Leave()
}

// visited is what became of a visit.
type visited struct {
	record
	read    bool // from the shares
	counted bool
	err     error
}

// worthKeeping says whether the record can stand in for the shares.
func (v visited) worthKeeping() bool {
	return v.counted && v.err == nil && len(v.bucket.Corrupt) == 0 && len(v.bucket.Shares) > 0
}

// bucket looks at one bucket, removes what is dead, and counts.
func (l *Leases) bucket(ctx context.Context, i storage.Index, old record, known bool) visited {
	now := l.c.Clock.Now()
	out := visited{record: old}
	out.err = l.c.Shares.Visit(ctx, i, func(v share.Visit) error {
		if touched := l.touches.take(i); !known || touched || !old.stands(l.policy, now) {
			b, err := v.Look()
			if err != nil {
				l.touches.Touch(i)
				return err
			}
			out.record, out.read = record{now, b}, true
		}
		before := out.bucket
		removed, err := l.remove(v, &out.bucket, now)
		l.census.Count(i, out.bucket)
		l.count(i, before, now, removed, out.read)
		out.counted = true
		return err
	})
	return out
}

func (l *Leases) count(i storage.Index, b share.Bucket, now time.Time, removed map[storage.ShareNum]bool, read bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.bucket(i, b, l.policy, now, removed)
	if read {
		l.reads++
	}
}

// remove removes the dead shares of a bucket that was just read; what a record says of them makes nobody remove one, because a record
// with a dead share does not stand.
func (l *Leases) remove(v share.Visit, b *share.Bucket, now time.Time) (map[storage.ShareNum]bool, error) {
	if !l.policy.Enabled {
		return nil, nil
	}
	var errs []error
	var left []share.Held
	removed := map[storage.ShareNum]bool{}
	for _, s := range b.Shares {
		if dead, _ := l.policy.dead(s, now); dead {
			err := v.Remove(s.Share)
			if removed[s.Share] = err == nil; err == nil {
				continue
			}
			errs = append(errs, err)
		}
		left = append(left, s)
	}
	b.Shares = left
	return removed, errors.Join(errs...)
}

func (l *Leases) finish(cycle int) error {
	now := l.c.Clock.Now()
	l.mu.Lock()
	past := Past{Tally: l.tally.clone(), Times: [2]float64{l.pos.Started, unix(now)}, Enabled: l.policy.Enabled, Mode: l.policy.describe()}
	l.history = l.history.with(cycle, past)
	history := l.history
	l.mu.Unlock()
	return errors.Join(writeState(historyPath(l.c.Dir), history), l.census.Finish())
}

// Run looks at leases until ctx ends.
func (l *Leases) Run(ctx context.Context, ready func()) error {
	err := l.walker.Run(ctx, ready)
	if err := l.touches.save(l.c.Dir); err != nil {
		l.c.Log.Warn("saving the lease index", "error", err)
	}
	return err
}

package crawler_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/crawler"
	"tahoe/storage/disk"
	"tahoe/storage/share"
)

// TestModel runs randomised histories of uploads, writes, renewals, cycles, stops and kills against a model of leases: a share with a
// live lease is there whatever happens, and one without is gone after a whole cycle.
func TestModel(t *testing.T) {
	for seed := range seeds() {
		if err := runHistory(t, seed, 50, func(s crawler.Shares) crawler.Shares { return s }); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// seeds is how many histories are run: many with TAHOE_LONG=1.
func seeds() uint64 {
	if os.Getenv("TAHOE_LONG") != "" {
		return 100
	}
	return 3
}

// TestModelCanFail: a crawler that believes what it saw long ago removes shares with live leases, and the model sees it.
func TestModelCanFail(t *testing.T) {
	for seed := range uint64(20) {
		if runHistory(t, seed, 50, func(s crawler.Shares) crawler.Shares { return &believing{Shares: s, seen: seenBefore} }) != nil {
			return
		}
	}
	t.Error("no history found that the crawler does not look at shares again")
}

var seenBefore = map[storage.Index]share.Bucket{}

// believing shows each bucket as it was first seen.
type believing struct {
	crawler.Shares
	seen map[storage.Index]share.Bucket
}

func (b *believing) Visit(ctx context.Context, i storage.Index, f func(share.Visit) error) error {
	return b.Shares.Visit(ctx, i, func(v share.Visit) error { return f(oldVisit{v, i, b.seen}) })
}

type oldVisit struct {
	share.Visit
	i    storage.Index
	seen map[storage.Index]share.Bucket
}

func (v oldVisit) Look() (share.Bucket, error) {
	if old, ok := v.seen[v.i]; ok {
		return old, nil
	}
	b, err := v.Visit.Look()
	v.seen[v.i] = b
	return b, err
}

type shareID struct {
	index storage.Index
	share storage.ShareNum
}

// A history is a storage directory, and what the model says of it.
type history struct {
	t       *testing.T
	rnd     *rand.Rand
	clock   *leaping
	dir     string
	disk    *disk.Server
	touches *crawler.Touches
	leases  *crawler.Leases
	policy  crawler.Policy
	wrap    func(crawler.Shares) crawler.Shares

	kinds map[shareID]storage.Kind
	ends  map[shareID]map[int]time.Time // by lease
}

func runHistory(t *testing.T, seed uint64, steps int, wrap func(crawler.Shares) crawler.Shares) error {
	clear(seenBefore)
	h := &history{
		t: t, rnd: rand.New(rand.NewPCG(seed, 7)), clock: &leaping{now: t0}, dir: t.TempDir(), wrap: wrap,
		kinds: map[shareID]storage.Kind{}, ends: map[shareID]map[int]time.Time{},
	}
	h.policy = crawler.Policy{Enabled: true, Immutable: h.rnd.IntN(5) > 0, Mutable: h.rnd.IntN(5) > 0}
	switch h.rnd.IntN(3) {
	case 0:
		h.policy.Override = time.Duration(1+h.rnd.IntN(60)) * 24 * time.Hour
	case 1:
		h.policy.Cutoff = t0.Add(time.Duration(h.rnd.IntN(90)) * 24 * time.Hour)
	}
	h.open()
	for n := range steps {
		if err := h.step(); err != nil {
			return fmt.Errorf("step %d with %+v: %w", n, h.policy, err)
		}
	}
	return nil
}

// open is a new process. One that was stopped has saved its touches.
func (h *history) open() {
	h.touches = crawler.OpenTouches(h.dir, quiet)
	h.disk = openDisk(h.t, h.dir, h.clock, touching{h.touches})
	h.leases = h.newLeases(h.wrap(h.disk))
}

func (h *history) newLeases(s crawler.Shares) *crawler.Leases {
	return crawler.NewLeases(crawler.LeaseConfig{
		Config: crawler.Config{Dir: h.dir, Shares: s, Clock: h.clock}, Policy: h.policy, Touches: h.touches,
	})
}

func (h *history) step() error {
	switch k := h.rnd.IntN(20); {
	case k < 6:
		return h.put()
	case k < 10:
		return h.renew()
	case k < 14:
		h.clock.Advance(time.Duration(h.rnd.IntN(20*24)) * time.Hour)
		return nil
	case k < 15:
		return h.stop()
	case k < 17:
		return h.kill()
	default:
		if h.leases.Progress().InProgress { // the rest of a cycle is not a whole one
			if err := h.leases.Cycle(h.t.Context()); err != nil {
				return err
			}
		}
		if err := h.leases.Cycle(h.t.Context()); err != nil {
			return err
		}
		return h.check(true)
	}
}

func (h *history) pick() shareID {
	return shareID{index(h.rnd.IntN(12)), storage.ShareNum(h.rnd.IntN(2))}
}

// put stores a share, or renews what is there by storing it again.
func (h *history) put() error {
	id, lease := h.pick(), h.rnd.IntN(3)
	ctx := h.t.Context()
	ends := h.clock.Now().Add(share.LeaseDuration)
	if id.index[2]%2 == 0 {
		if err := upload(ctx, h.disk, id.index, id.share, []byte("data"), secret(lease)); err != nil {
			return err
		}
		h.lease(id, storage.KindImmutable, lease, ends)
		for other := range h.ends {
			if other.index == id.index {
				h.lease(other, storage.KindImmutable, lease, ends) // allocating renews all
			}
		}
		return nil
	}
	if err := write(ctx, h.disk, id.index, id.share, []byte("data"), secret(lease)); err != nil {
		return err
	}
	h.lease(id, storage.KindMutable, lease, ends)
	return nil
}

func (h *history) lease(id shareID, k storage.Kind, lease int, ends time.Time) {
	if h.ends[id] == nil {
		h.ends[id] = map[int]time.Time{}
	}
	h.kinds[id], h.ends[id][lease] = k, ends
}

func (h *history) renew() error {
	id, lease := h.pick(), h.rnd.IntN(3)
	ends := h.clock.Now().Add(share.LeaseDuration)
	err := h.disk.AddLease(h.t.Context(), id.index, secret(lease))
	found := false
	for other := range h.ends {
		if other.index == id.index {
			found = true
			h.lease(other, h.kinds[other], lease, ends)
		}
	}
	if errors.Is(err, storage.ErrNotFound) && !found {
		return nil
	}
	return err
}

// stop ends the process in an orderly way, somewhere in a cycle.
func (h *history) stop() error {
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	stopping := h.newLeases(&counting{Shares: h.wrap(h.disk), left: h.rnd.IntN(12), then: cancel})
	if err := stopping.Run(ctx, func() {}); err != nil {
		return err
	}
	h.open()
	return h.check(false)
}

// kill ends the process somewhere in a cycle, with nothing saved that was not saved by then.
func (h *history) kill() error {
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	dying := h.newLeases(&counting{Shares: h.wrap(h.disk), left: h.rnd.IntN(12), then: cancel})
	_ = dying.Cycle(ctx)
	h.open()
	return h.check(false)
}

// counting does something after so many visits.
type counting struct {
	crawler.Shares
	left     int
	then     func()
	n        int
	prefixes int
	each     func(n int) // nil: nothing
}

// Prefix stops what walks over nothing, too.
func (c *counting) Prefix(prefix string) ([]storage.Index, error) {
	if c.prefixes++; c.prefixes > 1500 {
		c.then()
	}
	return c.Shares.Prefix(prefix)
}

func (c *counting) Visit(ctx context.Context, i storage.Index, f func(share.Visit) error) error {
	err := c.Shares.Visit(ctx, i, f)
	if c.left--; c.left < 0 {
		c.then()
	}
	if c.n++; c.each != nil {
		c.each(c.n)
	}
	return err
}

// check compares the directory with the model. After a whole cycle, what is dead has gone.
func (h *history) check(whole bool) error {
	for id := range h.ends {
		_, err := h.disk.Leases(id.index, id.share)
		there := err == nil
		now := h.clock.Now()
		switch {
		case !there && !h.dead(id, now):
			return fmt.Errorf("share %s/%d has a live lease, and is gone", id.index.Abbrev(), id.share)
		case there && whole && h.dead(id, now.Add(-margin)):
			return fmt.Errorf("share %s/%d has no live lease, and is still there after a cycle", id.index.Abbrev(), id.share)
		case !there:
			delete(h.ends, id)
		}
	}
	return nil
}

// margin is more than a cycle takes, and than times are rounded by.
const margin = time.Minute

// dead is the model's rule, in its own words.
func (h *history) dead(id shareID, now time.Time) bool {
	if h.kinds[id] == storage.KindMutable && !h.policy.Mutable || h.kinds[id] == storage.KindImmutable && !h.policy.Immutable {
		return false
	}
	for _, ends := range h.ends[id] {
		renewed := ends.Add(-31 * 24 * time.Hour)
		switch {
		case !h.policy.Cutoff.IsZero():
			if renewed.After(h.policy.Cutoff.Add(-time.Second)) {
				return false
			}
		case h.policy.Override > 0:
			if renewed.Add(h.policy.Override).After(now) {
				return false
			}
		case ends.After(now):
			return false
		}
	}
	return true
}

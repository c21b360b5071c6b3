package node

import (
	"fmt"
	"time"

	"tahoe/frontends/web"
	"tahoe/internal/base32"
	"tahoe/node/basedir"
	"tahoe/node/config"
	"tahoe/reactor"
	"tahoe/storage/crawler"
	"tahoe/storage/disk"
	"tahoe/storage/ledger"
	"tahoe/storage/meter"
	"tahoe/storage/share"
)

// shares is a storage directory with all that keeps and watches it.
type shares struct {
	disk    *disk.Server
	ledger  *ledger.Ledger
	meter   *meter.Meter
	counter *crawler.Counter
	leases  *crawler.Leases
	trend   *ledger.Trend
	nodeID  string
	clock   reactor.Clock
}

// account hands what happens to shares to the ledger and to the lease index.
type account struct {
	*ledger.Ledger
	touches *crawler.Touches
}

func (a account) Changed(c share.Change) {
	a.touches.Touch(c.Index)
	a.Ledger.Changed(c)
}

// firstCount is when the shares are counted after the start of a server that has a limit, and does not know for certain how much there
// is: it was never counted, or the process before died.
const firstCount = 10 * time.Second

// openShares opens the storage directory, and makes what keeps it children of the node.
func (n *Node) openShares(grants []basedir.Grant) (*shares, error) {
	s := n.settings.Storage
	fail := func(err error) (*shares, error) {
		return nil, fmt.Errorf("%s: storage_dir: %w", n.dir.Path("tahoe.cfg"), err)
	}
	if err := n.migrateCrawlers(s.Dir); err != nil {
		return nil, err
	}
	out := &shares{meter: meter.New(n.shared.Clock), nodeID: base32.Encode(n.identity.TubID[:]), clock: n.shared.Clock}
	limits := ledger.Limits{Total: uint64(s.Limit), Clients: map[string]uint64{}}
	limited := s.Limit > 0
	for _, g := range grants {
		limits.Clients[g.Name] = g.Limit
		limited = limited || g.Limit > 0
	}
	var err error
	if out.ledger, err = ledger.Open(ledger.Config{Dir: s.Dir, Limits: limits, Clock: n.shared.Clock, Log: n.log}); err != nil {
		return fail(err)
	}
	touches := crawler.OpenTouches(s.Dir, n.log)
	out.disk, err = disk.Open(disk.Config{
		Dir: s.Dir, Now: n.shared.Clock.Now, NodeID: n.identity.TubID, Application: application, Ledger: account{out.ledger, touches},
		ReservedSpace: uint64(s.Reserved), ReadOnly: s.ReadOnly, Frozen: s.Frozen, Discard: s.Discard, Log: n.log,
	})
	if err != nil {
		return fail(err)
	}
	c := crawler.Config{Dir: s.Dir, Shares: out.disk, Clock: n.shared.Clock, Pace: crawler.Pace{Busy: out.meter.Busy}, Log: n.log}
	out.counter = crawler.NewCounter(c)
	if _, counted := out.ledger.Usage(); limited && (counted.IsZero() || !touches.Complete()) {
		c.Pace.SlowStart = firstCount
	}
	out.leases = crawler.NewLeases(crawler.LeaseConfig{Config: c, Policy: policy(s.Expire), Touches: touches, Census: out.ledger})
	out.trend = ledger.OpenTrend(s.Dir, n.shared.Clock, out.measure, n.log)
	n.children = append(n.children, []reactor.Child{
		{Name: "usage of storage", Service: out.ledger}, {Name: "shares", Service: out.disk}, {Name: "bucket counter", Service: out.counter},
		{Name: "lease checker", Service: out.leases}, {Name: "history of space", Service: out.trend},
	}...)
	n.shares = out
	return out, nil
}

// measure is what shares take, and what is left for more.
func (s *shares) measure() (used int64, avail uint64) {
	usage, _ := s.ledger.Usage()
	return usage.Bytes(), s.disk.Space().Available
}

func policy(e config.Expire) crawler.Policy {
	p := crawler.Policy{Enabled: e.Enabled, Immutable: e.Immutable, Mutable: e.Mutable}
	if e.Mode == "cutoff-date" {
		p.Cutoff = e.Cutoff
	} else {
		p.Override = e.Override
	}
	return p
}

const advisoriesShown = 20

// Storage tells the web port of the storage.
func (s *shares) Storage() web.StorageReport {
	now := s.clock.Now()
	usage, counted := s.ledger.Usage()
	r := web.StorageReport{
		NodeID: s.nodeID, Now: now, Space: s.disk.Space(), Usage: usage, Counted: counted, Limits: s.ledger.Limits(), Trend: s.trend.Samples(),
		Counter: s.counter.Progress(), CounterState: s.counter.State(), Buckets: s.counter.Total(), Leases: s.leases.Report(),
		Calls: s.meter.Counts(), Latencies: s.meter.Latencies(), Chart: s.meter.Chart(now),
	}
	r.Advisories, r.AllAdvisories, _ = s.disk.Advisories(advisoriesShown) // none can be read: none are shown
	return r
}

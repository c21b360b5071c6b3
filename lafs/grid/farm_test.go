package grid_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/grid"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// farm stands for the servers of a grid, and for the connections to them.
type farm struct {
	mu      sync.Mutex
	servers map[grid.ServerID]*storagetest.Faulty
	asked   map[grid.ServerID][]time.Time // for their version
	made    map[grid.ServerID]int
	closed  map[grid.ServerID]int
	events  map[grid.ServerID]grid.Events
	refuse  error // of connect
	busy    int   // versions being asked for
	most    int
}

func newFarm(ids ...string) *farm {
	f := &farm{
		servers: make(map[grid.ServerID]*storagetest.Faulty), asked: make(map[grid.ServerID][]time.Time),
		made: make(map[grid.ServerID]int), closed: make(map[grid.ServerID]int), events: make(map[grid.ServerID]grid.Events),
	}
	for _, id := range ids {
		f.servers[grid.ServerID(id)] = storagetest.NewFaulty(storagetest.NewMem(storagetest.Config{}))
	}
	return f
}

func (f *farm) connect(a grid.Announcement, e grid.Events) (grid.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	f.made[a.ID]++
	f.events[a.ID] = e
	return &conn{f.servers[a.ID], f, a.ID}, nil
}

type conn struct {
	*storagetest.Faulty
	f  *farm
	id grid.ServerID
}

func (c *conn) Version(ctx context.Context) (storage.Version, error) {
	c.f.mu.Lock()
	c.f.asked[c.id] = append(c.f.asked[c.id], time.Now())
	c.f.busy++
	c.f.most = max(c.f.most, c.f.busy)
	c.f.mu.Unlock()
	v, err := c.Faulty.Version(ctx)
	c.f.mu.Lock()
	c.f.busy--
	c.f.mu.Unlock()
	return v, err
}

func (c *conn) Close() error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.closed[c.id]++
	return nil
}

// since are the times at which id was asked after t, in seconds.
func (f *farm) since(id string, t time.Time) (out []float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range f.asked[grid.ServerID(id)] {
		if at.After(t) {
			out = append(out, at.Sub(t).Seconds())
		}
	}
	return out
}

func (f *farm) announcements() (out []grid.Announcement) {
	for id := range f.servers {
		out = append(out, announce(string(id)))
	}
	return out
}

// still is jitter that is none.
func still() float64 { return 0.5 }

// run runs a broker of all servers of f until the test ends. It needs a synctest bubble.
func run(t *testing.T, f *farm, c grid.BrokerConfig) *grid.Broker {
	t.Helper()
	if c.Rand == nil {
		c.Rand = still
	}
	b := grid.NewBroker(f.connect, c)
	if err := b.Set(grid.Static, f.announcements()); err != nil {
		t.Fatal(err)
	}
	start(t, f, b)
	synctest.Wait()
	return b
}

// start runs b until the test ends, and checks that it closes what it opens.
func start(t *testing.T, f *farm, b *grid.Broker) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, func() {}) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("stop: got %v, want nil", err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		for id, n := range f.made {
			if f.closed[id] != n {
				t.Errorf("%s: %d connections made, %d closed", id, n, f.closed[id])
			}
		}
	})
}

func status(t *testing.T, b *grid.Broker, id string) grid.Status {
	t.Helper()
	for _, s := range b.Statuses() {
		if s.ID == grid.ServerID(id) {
			return s
		}
	}
	t.Fatalf("server %s is not known", id)
	return grid.Status{}
}

func up(b *grid.Broker) string {
	ids := strings.Split(names(b.Permuted(storage.Index{})), "")
	slices.Sort(ids)
	return strings.Join(ids, "")
}

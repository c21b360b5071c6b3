package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/crawler"
	"tahoe/storage/disk"
	"tahoe/storage/share"
)

// A crawled is what either program tells about the crawlers of a storage directory.
type crawled struct {
	Stats   map[string]*float64 `json:"stats"`
	Counter struct {
		Total *int `json:"last-complete-bucket-count"`
		Cycle *int `json:"last-cycle-finished"`
	} `json:"bucket-counter"`
	Leases struct {
		Cycle   *int            `json:"last-cycle-finished"`
		Current *int            `json:"current-cycle"`
		ToDate  *crawler.Tally  `json:"cycle-to-date"`
		History crawler.History `json:"history"`
	} `json:"lease-checker"`
	Text string `json:"text"`
}

// A crawledDir is a storage directory with shares, over which both programs crawl.
type crawledDir struct {
	t      *testing.T
	dir    string
	python string
}

const crawledBuckets = 12

func newCrawledDir(t *testing.T) crawledDir {
	c := crawledDir{t, t.TempDir(), filepath.Join(filepath.Dir(needsOriginal(t)), "python")}
	ctx, s := t.Context(), c.shares()
	for n := range crawledBuckets {
		i := storage.Index{byte(n * 40), byte(n * 100), byte(n)}
		a, err := s.Allocate(ctx, i, storage.Allocation{Shares: []storage.ShareNum{1, 2}, Size: 4})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range a.Writers {
			if _, err := w.Write(ctx, storage.Span{Size: 4}, strings.NewReader("data")); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

func (c crawledDir) shares() *disk.Server {
	s, err := disk.Open(disk.Config{Dir: c.dir, Now: time.Now})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// original lets the original crawl.
func (c crawledDir) original(how ...string) (out crawled) {
	c.t.Helper()
	text := command(c.t, c.python, append([]string{"crawler.py", c.dir}, how...)...)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		c.t.Fatalf("%v: %s", err, text)
	}
	return out
}

// ours crawls until so many buckets have been looked at; fewer than one is a whole cycle.
func (c crawledDir) ours(buckets int) (out crawled) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	shares := &stopping{Server: c.shares(), left: buckets, stop: cancel}
	config := crawler.Config{Dir: c.dir, Shares: shares, Clock: reactor.System(), Pace: crawler.Pace{SlowStart: time.Nanosecond, Rest: time.Nanosecond}}
	counter := crawler.NewCounter(config)
	leases := crawler.NewLeases(crawler.LeaseConfig{Config: config, Policy: crawler.Policy{Immutable: true, Mutable: true}})
	if err := counter.Cycle(ctx); err != nil {
		c.t.Fatal(err)
	}
	var err error
	if buckets > 0 {
		err = leases.Run(ctx, func() {})
	} else {
		err = leases.Cycle(ctx)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	for to, from := range map[any]any{&out.Counter: counter.State(), &out.Leases: leases.Report().State()} {
		b, err := json.Marshal(from)
		if err == nil {
			err = json.Unmarshal(b, to)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	return out
}

// stopping stops a crawler after so many buckets.
type stopping struct {
	*disk.Server
	left int
	stop func()
}

func (s *stopping) Visit(ctx context.Context, i storage.Index, f func(share.Visit) error) error {
	err := s.Server.Visit(ctx, i, f)
	if s.left--; s.left == 0 {
		s.stop()
	}
	return err
}

// whole checks that cycle n has ended, as whichever program tells, and that it looked at everything once.
func (c crawledDir) whole(who string, got crawled, n int) {
	c.t.Helper()
	past, ok := got.Leases.History[fmt.Sprint(n)]
	if !ok || got.Leases.Cycle == nil || *got.Leases.Cycle != n || got.Leases.Current != nil {
		c.t.Fatalf("%s: got %+v, want that cycle %d has ended", who, got.Leases, n)
	}
	if got.Counter.Total == nil || *got.Counter.Total != crawledBuckets {
		c.t.Errorf("%s: got %v buckets, want %d", who, got.Counter.Total, crawledBuckets)
	}
	for name, want := range map[string]int64{"examined-buckets": crawledBuckets, "examined-shares": 2 * crawledBuckets, "examined-shares-mutable": 0, "configured-shares": 0} {
		if past.Space[name] != want {
			c.t.Errorf("%s, cycle %d: got %s %d, want %d", who, n, name, past.Space[name], want)
		}
	}
	if past.PerShare["1"] != 2*crawledBuckets {
		c.t.Errorf("%s, cycle %d: got %v shares by leases, want %d with one", who, n, past.PerShare, 2*crawledBuckets)
	}
}

// TestCrawlersTakeTurns: whichever program crawls, the other goes on where it stopped, between two cycles and within one, and shows it.
func TestCrawlersTakeTurns(t *testing.T) {
	t.Parallel()
	c := newCrawledDir(t)
	c.whole("ours", c.ours(0), 0)
	page := c.original("page")
	c.whole("the original's page", page, 0)
	if want := fmt.Sprintf("saw a total of %d shares, %d buckets", 2*crawledBuckets, crawledBuckets); !strings.Contains(page.Text, want) {
		t.Errorf("the original's page does not show our cycle:\n%s", page.Text)
	}
	c.whole("the original", c.original("whole"), 1)
	c.whole("ours, after the original", c.ours(0), 2)

	half := c.original("some", "5")
	if half.Leases.ToDate == nil || half.Leases.ToDate.Space["examined-buckets"] != 5 {
		t.Fatalf("the original has looked at %+v, want 5 buckets", half.Leases.ToDate)
	}
	got := c.ours(0)
	c.whole("ours, going on with half a cycle of the original", got, 3)
	if ages := got.Leases.History["3"].Ages; ages[0] != 2*crawledBuckets {
		t.Errorf("got ages %v, want %d leases of today: those that the original saw too", ages, 2*crawledBuckets)
	}

	half = c.ours(5)
	if half.Leases.ToDate == nil || half.Leases.ToDate.Space["examined-buckets"] != 5 {
		t.Fatalf("ours has looked at %+v, want 5 buckets", half.Leases.ToDate)
	}
	c.whole("the original, going on with half a cycle of ours", c.original("whole"), 4)
}

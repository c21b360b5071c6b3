package immutable_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs/immutable"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// TestUploadRoundTrips: a new file is asked about, and written, once at each server.
func TestUploadRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const trip = 50 * time.Millisecond
		g := newUpGrid(t, 13)
		for _, f := range g.faulty {
			f.Add(
				storagetest.Fault{When: storagetest.When{Op: storagetest.OpAllocate}, Effect: storagetest.Delay(trip)},
				storagetest.Fault{When: storagetest.When{Op: storagetest.OpBuckets}, Effect: storagetest.Delay(trip)},
				storagetest.Fault{When: storagetest.When{Op: storagetest.OpWrite}, Effect: storagetest.Delay(trip)},
			)
		}
		begun := time.Now()
		if _, _, err := g.upload(t.Context(), upData(1024)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != 2*trip {
			t.Errorf("it took %v, want two round trips", took)
		}
		for op, want := range map[storagetest.Op]int{
			storagetest.OpAllocate: 10, storagetest.OpBuckets: 3, storagetest.OpWrite: 10, storagetest.OpClose: 10, storagetest.OpAbort: 0,
		} {
			if got := g.count(op); got != want {
				t.Errorf("%s: %d calls, want %d", op, got, want)
			}
		}
	})
}

// TestUploadAgain: a file that is on the grid is not sent again, and its leases are renewed.
func TestUploadAgain(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		change func(g *upGrid)
	}{
		{"as it was", func(*upGrid) {}},
		{"in another order", func(g *upGrid) {
			slices.Reverse(g.servers)
		}},
		{"on servers that are full now", func(g *upGrid) {
			for i := range g.servers[:5] {
				g.servers[i] = newUpServer(t, i, readOnly{g.faulty[i]})
				_, _ = g.servers[i].Storage().Version(t.Context())
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &upGrid{}
			for range 13 {
				g.add(t, storagetest.Config{Now: func() time.Time { return now }})
			}
			first, _, err := g.upload(t.Context(), upData(5000))
			if err != nil {
				t.Fatal(err)
			}
			wrote := g.count(storagetest.OpWrite)
			c.change(g)
			now = now.Add(24 * time.Hour)
			again, r, err := g.upload(t.Context(), upData(5000))
			if err != nil {
				t.Fatal(err)
			}
			if again.Encode() != first.Encode() || r.Pushed != 0 || r.Preexisting != 10 || r.Happiness != 10 || len(r.Sharemap) != 10 {
				t.Errorf("the second upload gives %+v", r)
			}
			if n := g.count(storagetest.OpWrite) - wrote; n != 0 {
				t.Errorf("%d shares were written again", n)
			}
			g.checkShares(t, again, 1<<20, 10)
			checkLeases(t, g, r.Index, now.Add(storagetest.LeaseDuration))
		})
	}
}

func checkLeases(t *testing.T, g *upGrid, i storage.Index, want time.Time) {
	t.Helper()
	for s, m := range g.mems {
		for _, n := range m.Shares(i) {
			if e := m.LeaseExpiries(i, n); len(e) != 1 || !e[0].Equal(want) {
				t.Errorf("leases of share %d on server %d end at %v, want one that ends at %v", n, s, e, want)
			}
		}
	}
}

// readOnly is a server that has become full.
type readOnly struct{ storage.Server }

func (readOnly) Version(context.Context) (storage.Version, error) { return storage.Version{}, nil }

func (s readOnly) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	a.Shares = nil
	return s.Server.Allocate(ctx, i, a)
}

// TestUploadCompletes: shares that are missing are sent, those that exist stay.
func TestUploadCompletes(t *testing.T) {
	g := newUpGrid(t, 10)
	first, _, err := g.upload(t.Context(), upData(5000))
	if err != nil {
		t.Fatal(err)
	}
	index := first.(caps.CHK).Index()
	for _, n := range []int{0, 3, 9} {
		g.mems[n].Remove(index, storage.ShareNum(n))
	}
	// Share 5 is where the next upload would put share 0.
	g.mems[0].Put(index, 5, g.mems[5].Bytes(index, 5))
	g.mems[5].Remove(index, 5)
	_, r, err := g.upload(t.Context(), upData(5000))
	if err != nil {
		t.Fatal(err)
	}
	if r.Pushed != 3 || r.Preexisting != 7 || r.Happiness != 10 {
		t.Errorf("got %+v", r)
	}
	g.checkShares(t, first, 1<<20, 10)
	if n := g.held(index); n != 10 {
		t.Errorf("%d shares on the grid, want 10", n)
	}
}

func TestUploadPlacement(t *testing.T) {
	for _, c := range []struct {
		name    string
		servers int
		full    []int // servers that take nothing, and say so
		lying   []int // servers that take nothing, and do not say so
		enc     immutable.Encoding
		want    [][]int // shares by server
	}{
		{
			"one server", 1, nil, nil, immutable.Encoding{Needed: 3, Happy: 1, Total: 5, MaxSegment: 1000},
			[][]int{{0, 1, 2, 3, 4}},
		},
		{
			"fewer servers than shares", 3, nil, nil, immutable.Encoding{Needed: 2, Happy: 3, Total: 7, MaxSegment: 1000},
			[][]int{{0, 3, 6}, {1, 4}, {2, 5}},
		},
		{
			"more servers than shares", 5, nil, nil, immutable.Encoding{Needed: 1, Happy: 2, Total: 2, MaxSegment: 1000},
			[][]int{{0}, {1}, {}, {}, {}},
		},
		{
			"full servers", 5, []int{0, 2}, nil, immutable.Encoding{Needed: 1, Happy: 2, Total: 3, MaxSegment: 1000},
			[][]int{{}, {0}, {}, {1}, {2}},
		},
		{
			"servers that gave nothing", 5, nil, []int{0, 2}, immutable.Encoding{Needed: 1, Happy: 2, Total: 3, MaxSegment: 1000},
			[][]int{{}, {1}, {}, {0}, {2}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &upGrid{}
			for i := range c.servers {
				g.add(t, storagetest.Config{ReadOnly: slices.Contains(c.full, i)})
				if slices.Contains(c.lying, i) {
					g.servers[i] = newUpServer(t, i, readOnly{g.faulty[i]}) // its Version is never asked for
				}
			}
			got, r, err := g.upload(t.Context(), upData(5000), func(u *immutable.UploaderConfig) { u.Encoding = c.enc })
			if err != nil {
				t.Fatal(err)
			}
			for s, m := range g.mems {
				if shares := sharesOn(m, r.Index); !slices.Equal(shares, c.want[s]) {
					t.Errorf("server %d has %v, want %v", s, shares, c.want[s])
				}
			}
			g.checkShares(t, got, c.enc.MaxSegment, c.enc.Total)
		})
	}
}

// TestUploadWaitsForAnother: servers that are busy with the same file for another client are asked again.
func TestUploadWaitsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newUpGrid(t, 10)
		for _, f := range g.faulty {
			f.Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpWrite}, Effect: storagetest.Delay(3 * time.Second)})
		}
		done := make(chan error, 2)
		for range 2 {
			u := g.uploader()
			go func() {
				_, _, err := u.Upload(t.Context(), onlyReader{newZeros(5000)}, immutable.UploadOptions{Size: 5000})
				done <- err
			}()
			synctest.Wait()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := g.count(storagetest.OpWrite); n != 10 {
			t.Errorf("%d shares were written, want 10", n)
		}
	})
}

// TestUploadAfterInterruption: shares that servers keep for a client that was killed go to other servers, at once if there
// are enough of these; else the servers are taken to mean it when they have refused them for a while.
func TestUploadAfterInterruption(t *testing.T) {
	all := []storage.ShareNum{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, c := range []struct {
		name    string
		servers int
		busy    func(server int) []storage.ShareNum
		took    time.Duration
		happy   int // 0: not enough
	}{
		{"enough servers", 20, func(s int) []storage.ShareNum { return all[s%10:][:1-s/10] }, 0, 10},
		{"just as many servers", 10, func(s int) []storage.ShareNum { return all[s:][:1] }, 15500 * time.Millisecond, 10},
		{"two shares each", 10, func(s int) []storage.ShareNum { return append(all[s:s+1:s+1], all[(s+1)%10]) }, 15500 * time.Millisecond, 10},
		{"all shares", 10, func(s int) []storage.ShareNum { return all }, 15500 * time.Millisecond, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			index := indexOf(t, upData(5000))
			synctest.Test(t, func(t *testing.T) {
				g := newUpGrid(t, c.servers)
				var abandoned []storage.Writer
				for s, m := range g.mems {
					got, err := m.Allocate(t.Context(), index, storage.Allocation{Shares: c.busy(s), Size: 5000})
					if err != nil {
						t.Fatal(err)
					}
					abandoned = slices.AppendSeq(abandoned, maps.Values(got.Writers))
				}
				begun := time.Now()
				got, r, err := g.upload(t.Context(), upData(5000))
				if took := time.Since(begun); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if open := g.open(); open != len(abandoned) {
					t.Errorf("%d shares are open, want the %d of the other client", open, len(abandoned))
				}
				for _, w := range abandoned {
					_ = w.Abort(t.Context())
				}
				if c.happy == 0 {
					if err == nil || !strings.Contains(err.Error(), "another upload of this file is in progress or was interrupted (then try again") {
						t.Errorf("got %v", err)
					}
					return
				}
				if err != nil || r.Happiness != c.happy {
					t.Fatalf("got %+v, %v; want a happiness of %d", r, err, c.happy)
				}
				g.checkShares(t, got, 1<<20, 10)
			})
		})
	}
}

// TestUploadHangingRenewal: a server that does not renew its leases holds up an upload for a second.
func TestUploadHangingRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newUpGrid(t, 12)
		if _, _, err := g.upload(t.Context(), upData(5000)); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(g.servers) // now two of the holders are only listed
		g.faulty[0].Add(storagetest.HangAll(storagetest.OpAddLease))
		g.faulty[1].Add(storagetest.FailAll(storagetest.OpAddLease, errInjected))
		begun := time.Now()
		_, r, err := g.upload(t.Context(), upData(5000))
		if err != nil || r.Pushed != 0 {
			t.Errorf("got %+v, %v", r, err)
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("it took %v, want a second", took)
		}
	})
}

// TestUploadSecondQuestionHangs: a server that answered at first, and hangs when it is asked for more room, is left out.
func TestUploadSecondQuestionHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newUpGrid(t, 10)
		g.servers[4] = newUpServer(t, 4, readOnly{g.faulty[4]}) // gives no room, and does not say so before
		g.faulty[0].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpAllocate, Nth: 2}, Effect: storagetest.Hang()})
		begun := time.Now()
		got, r, err := g.upload(t.Context(), upData(5000))
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("it took %v, want at most the hedge time", took)
		}
		if n := g.count(storagetest.OpAllocate); n > 15 || len(r.Servermap["saa"]) != 0 || r.Happiness != 8 {
			t.Errorf("%d questions for room, and a result %+v", n, r)
		}
		g.checkShares(t, got, 1<<20, 10)
	})
}

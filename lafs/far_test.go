package lafs_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

const roundTrip = 50 * time.Millisecond

// newFarServers makes ten servers each call of which takes a round trip.
func newFarServers(t *testing.T) grid.Servers {
	t.Helper()
	return newServersOf(t, func() storage.Server {
		f := storagetest.NewFaulty(storagetest.NewMem(storagetest.Config{}))
		f.Add(storagetest.Fault{Effect: storagetest.Delay(roundTrip)})
		return f
	})
}

// TestRoundTrips: how often somebody far away waits for the servers.
func TestRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := newFarServers(t)
		trips := func(what string, most int, f func() error) {
			t.Helper()
			begun := time.Now()
			if err := f(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if got := time.Since(begun); got > time.Duration(most)*roundTrip {
				t.Errorf("%s takes %.1f round trips, want at most %d", what, float64(got)/float64(roundTrip), most)
			} else {
				t.Logf("%s: %.1f round trips", what, float64(got)/float64(roundTrip))
			}
		}
		c := clientOf(servers)
		var d *lafs.Directory
		trips("mkdir", 2, func() (err error) {
			d, err = c.Mkdir(t.Context(), []lafs.NewChild{literal(t, "a", "x")}, lafs.MkdirOptions{})
			return err
		})
		list := func() error { _, err := d.List(t.Context()); return err }
		add := func() error {
			r, err := c.Put(t.Context(), strings.NewReader(strings.Repeat("x", 1000)), lafs.PutOptions{Size: 1000})
			if err == nil {
				_, err = d.Set(t.Context(), lafs.NewChild{Name: "b", Child: lafs.ChildOf(r.Cap)}, lafs.ReplaceAny)
			}
			return err
		}
		trips("listing", 2, list)
		trips("a small file", 5, add)
		trips("listing again", 2, list)
		c = clientOf(servers) // which knows nothing
		d, _ = c.OpenDirectory(d.Cap())
		trips("listing by a stranger", 2, list)
		c = clientOf(servers)
		d, _ = c.OpenDirectory(d.Cap())
		trips("a small file by a stranger", 5, add)
		c = clientOf(servers)
		d, _ = c.OpenDirectory(d.Cap())
		trips("a small file by a stranger who prepares", 4, func() error {
			var preparing sync.WaitGroup
			defer preparing.Wait()
			preparing.Go(func() {
				if err := d.Prepare(t.Context()); err != nil {
					t.Error(err)
				}
			})
			return add()
		})
		trips("unlinking", 5, func() error { _, err := d.Unlink(t.Context(), "b"); return err })
	})
}

package disk_test

import (
	"context"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/disk"
	"tahoe/storage/storagetest"
)

var t0 = time.Date(2026, time.May, 9, 10, 40, 0, 0, time.UTC)

func now() time.Time { return t0 }

// counted shows the suite how many leases a share has.
type counted struct{ *disk.Server }

func (c counted) LeaseCount(i storage.Index, n storage.ShareNum) int {
	leases, err := c.Leases(i, n)
	if err != nil {
		return -1
	}
	return len(leases)
}

func open(t testing.TB, c disk.Config) *disk.Server {
	t.Helper()
	if c.Now == nil {
		c.Now = now
	}
	s, err := disk.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func noFindings(t testing.TB, s *disk.Server) {
	t.Helper()
	for f := range s.Audit(context.Background()) { // t.Context has ended in a cleanup
		t.Errorf("audit: %v", f)
	}
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) storage.Server {
		s := open(t, disk.Config{Dir: t.TempDir()})
		t.Cleanup(func() { noFindings(t, s) })
		return counted{s}
	})
}

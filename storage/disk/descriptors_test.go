//go:build unix

package disk_test

import (
	"syscall"
	"testing"

	"tahoe/storage"
	"tahoe/storage/disk"
)

// Uploads leave half of the process's descriptors to everything else: who may upload cannot use them all up.
func TestUploadsAreBoundedByDescriptors(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = 200
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	s := open(t, disk.Config{Dir: t.TempDir()})
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var all []storage.ShareNum
	for n := range storage.MaxShares {
		all = append(all, storage.ShareNum(n))
	}
	if got := allocate(t, s, all...); len(got) != 100 {
		t.Errorf("got %d writers with 200 descriptors, want 100", len(got))
	}
}

// A server that has all the uploads it takes is like a full one, until one of them ends.
func TestMaxWriters(t *testing.T) {
	s := open(t, disk.Config{Dir: t.TempDir(), MaxWriters: 2})
	first := allocate(t, s, 1, 2, 3)
	if len(first) != 2 {
		t.Fatalf("got %d writers, want 2", len(first))
	}
	if got := allocate(t, s, 4); len(got) > 0 {
		t.Errorf("got %d writers when there were two, want none", len(got))
	}
	if err := first[1].Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := allocate(t, s, 4); len(got) != 1 {
		t.Errorf("got %d writers after one was aborted, want one", len(got))
	}
}

// allocate asks for room for shares and aborts, at the end of the test, those that are left.
func allocate(t *testing.T, s *disk.Server, shares ...storage.ShareNum) map[storage.ShareNum]storage.Writer {
	t.Helper()
	got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: shares, Size: 3, Lease: lease(1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range got.Writers {
		t.Cleanup(func() { _ = w.Abort(t.Context()) })
	}
	return got.Writers
}

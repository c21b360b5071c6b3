package disk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/disk"
)

func free(n uint64) func(string) (uint64, error) {
	return func(string) (uint64, error) { return n, nil }
}

// writersFor asks for two shares of 100 bytes, and leaves them open.
func writersFor(t *testing.T, s *disk.Server) map[storage.ShareNum]storage.Writer {
	t.Helper()
	got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: []storage.ShareNum{0, 1}, Size: 100, Lease: lease(1)})
	if err != nil {
		t.Fatal(err)
	}
	return got.Writers
}

func TestRoom(t *testing.T) {
	for _, c := range []struct {
		name      string
		config    disk.Config
		available uint64
		writers   int
		left      uint64 // available while the writers are open
	}{
		{"plenty", disk.Config{Free: free(1000)}, 1000, 2, 800},
		{"just enough", disk.Config{Free: free(200)}, 200, 2, 0},
		{"room for one", disk.Config{Free: free(199)}, 199, 1, 99},
		{"none", disk.Config{Free: free(0)}, 0, 0, 0},
		{"reserved", disk.Config{Free: free(1000), ReservedSpace: 850}, 150, 1, 50},
		{"more reserved than there is", disk.Config{Free: free(1000), ReservedSpace: 2000}, 0, 0, 0},
		{"read-only", disk.Config{Free: free(1000), ReadOnly: true}, 0, 0, 0},
		{"unknown", disk.Config{Free: func(string) (uint64, error) { return 0, errors.ErrUnsupported }}, 1<<64 - 1, 2, 1<<64 - 1},
		{"asking fails", disk.Config{Free: func(string) (uint64, error) { return 0, errors.New("broken") }}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Dir = t.TempDir()
			s := open(t, c.config)
			want := func(available uint64) {
				t.Helper()
				v, err := s.Version(t.Context())
				if err != nil || v.Available != available || v.MaxImmutableShare != available {
					t.Errorf("got %+v, %v; want %d available", v, err, available)
				}
			}
			want(c.available)
			writers := writersFor(t, s)
			if len(writers) != c.writers {
				t.Errorf("got %d writers, want %d", len(writers), c.writers)
			}
			want(c.left)
			for _, w := range writers {
				if err := w.Abort(t.Context()); err != nil {
					t.Error(err)
				}
			}
			want(c.available)
			noFindings(t, s)
		})
	}
}

func TestReadOnlyKeepsServing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, disk.Config{Dir: dir})
	if err := upload(t, s, 3, "immutable"); err != nil {
		t.Fatal(err)
	}
	s = open(t, disk.Config{Dir: dir, ReadOnly: true})
	got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: []storage.ShareNum{3, 4}, Size: 9, Lease: lease(2)})
	if err != nil || len(got.Have) != 1 || len(got.Writers) != 0 {
		t.Errorf("allocating: got %+v, %v; want share 3 and no writers", got, err)
	}
	if leases, err := s.Leases(goldenIndex, 3); err != nil || len(leases) != 2 {
		t.Errorf("got %d leases, %v; want 2", len(leases), err)
	}
	if err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{5: writes(at(0, "mutable"))}); err != nil {
		t.Errorf("changing a slot: %v", err)
	}
}

func TestFullServerRefusesLeases(t *testing.T) {
	var room atomic.Uint64
	room.Store(1000)
	s := open(t, disk.Config{Dir: t.TempDir(), Free: func(string) (uint64, error) { return room.Load(), nil }})
	if err := upload(t, s, 3, "immutable"); err != nil {
		t.Fatal(err)
	}
	room.Store(10)
	if err := s.AddLease(t.Context(), goldenIndex, lease(1)); err != nil {
		t.Errorf("renewing: %v", err)
	}
	if err := s.AddLease(t.Context(), goldenIndex, lease(2)); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("adding: got error %v, want %v", err, storage.ErrNoSpace)
	}
	got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: []storage.ShareNum{4}, Size: 9, Lease: lease(2)})
	if err != nil || len(got.Have) != 1 {
		t.Errorf("allocating: got %+v, %v; want share 3 without an error", got, err)
	}
	noFindings(t, s)
}

// fullDisk is a hook that fails writes as a full disk does, once it is filled.
type fullDisk struct{ filled atomic.Bool }

func (f *fullDisk) step(call, _ string) error {
	if f.filled.Load() && (call == "write" || call == "create" || call == "copy" || call == "mkdir") {
		return syscall.ENOSPC
	}
	return nil
}

func TestDiskFillsUp(t *testing.T) {
	f := &fullDisk{}
	s := open(t, disk.Config{Dir: t.TempDir(), Step: f.step})
	if err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{5: writes(at(0, "kept")), 6: writes(at(0, "kept"))}); err != nil {
		t.Fatal(err)
	}
	w := writersFor(t, s)[0]
	f.filled.Store(true)
	_, err := w.Write(t.Context(), storage.Span{Size: 100}, strings.NewReader(strings.Repeat("x", 100)))
	if !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("writing: got error %v, want %v", err, storage.ErrNoSpace)
	}
	err = slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{5: writes(at(0, "lost")), 6: writes(at(0, "lost"))})
	if !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("changing a slot: got error %v, want %v", err, storage.ErrNoSpace)
	}
	got, err := s.Allocate(t.Context(), storage.Index{9}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: 1, Lease: lease(1)})
	if err != nil || len(got.Writers) != 0 {
		t.Errorf("allocating: got %d writers, %v; want none and no error", len(got.Writers), err)
	}
	f.filled.Store(false)
	for n, data := range content(t, s) {
		if data != "kept" {
			t.Errorf("share %d: got %q, want what it was", n, data)
		}
	}
	if _, err := w.Write(t.Context(), storage.Span{Size: 100}, strings.NewReader(strings.Repeat("x", 100))); err != nil {
		t.Errorf("writing again: %v", err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Errorf("closing: %v", err)
	}
	noFindings(t, s)
}

// A disk that is full to the last byte cannot take a lease, and has its shares all the same.
func TestFullDiskHoldsShares(t *testing.T) {
	f := &fullDisk{}
	s := open(t, disk.Config{Dir: t.TempDir(), Step: f.step})
	if err := upload(t, s, 3, "immutable"); err != nil {
		t.Fatal(err)
	}
	f.filled.Store(true)
	got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: []storage.ShareNum{3, 4}, Size: 9, Lease: lease(2)})
	if err != nil || len(got.Have) != 1 || len(got.Writers) != 0 {
		t.Errorf("got %+v, %v; want share 3, and no writer", got, err)
	}
	if err := s.AddLease(t.Context(), goldenIndex, lease(2)); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("adding a lease: got error %v, want %v", err, storage.ErrNoSpace)
	}
	f.filled.Store(false)
	noFindings(t, s)
}

// A share that could not be synced once is not published by a second sync that finds nothing to do: the system may have
// dropped what it could not write.
func TestFailedSyncIsFinal(t *testing.T) {
	failing := atomic.Bool{}
	s := open(t, disk.Config{Dir: t.TempDir(), Step: func(call, _ string) error {
		if call == "sync" && failing.Load() {
			return syscall.EIO
		}
		return nil
	}})
	w := writersFor(t, s)[0]
	if _, err := w.Write(t.Context(), storage.Span{Size: 100}, strings.NewReader(strings.Repeat("x", 100))); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	if err := w.Close(t.Context()); !errors.Is(err, syscall.EIO) {
		t.Errorf("closing: got error %v, want %v", err, syscall.EIO)
	}
	failing.Store(false)
	if err := w.Close(t.Context()); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("closing again: got error %v, want %v", err, storage.ErrNotFound)
	}
	if got := content(t, s); len(got) != 0 {
		t.Errorf("got %d shares, want none", len(got))
	}
	noFindings(t, s)
}

func TestHoleLargerThanTheDisk(t *testing.T) {
	s := open(t, disk.Config{Dir: t.TempDir(), Free: free(1 << 20)})
	err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{5: writes(at(1<<40, "far"))})
	if !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("got error %v, want %v", err, storage.ErrNoSpace)
	}
	noFindings(t, s)
}

func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	s := open(t, disk.Config{Dir: dir, Discard: true})
	if err := upload(t, s, 3, bigData()); err != nil {
		t.Fatal(err)
	}
	if got := content(t, s)[3]; got != string(make([]byte, big)) {
		t.Errorf("got %d bytes, %.10q…; want zero bytes", len(got), got)
	}
	if info, err := os.Stat(filepath.Join(dir, goldenDir, "3")); err != nil || info.Size() != 12+big+72 {
		t.Errorf("got file %v, %v", info, err)
	}
	noFindings(t, s)
}

func TestIdleWritersAreAborted(t *testing.T) {
	clock := t0
	s := open(t, disk.Config{Dir: t.TempDir(), Free: free(1000), Now: func() time.Time { return clock }})
	writers := writersFor(t, s)
	clock = clock.Add(disk.IdleTimeout - time.Second)
	if _, err := writers[0].Write(t.Context(), storage.Span{Size: 1}, bytes.NewReader([]byte{1})); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(time.Second)
	s.AbortIdle(t.Context())
	if v, err := s.Version(t.Context()); err != nil || v.Available != 900 {
		t.Errorf("got %d available, %v; want the idle writer's room back", v.Available, err)
	}
	if _, err := writers[0].Write(t.Context(), storage.Span{Offset: 1, Size: 1}, bytes.NewReader([]byte{1})); err != nil {
		t.Errorf("the other writer: %v", err)
	}
	if _, err := writers[1].Write(t.Context(), storage.Span{Size: 1}, bytes.NewReader([]byte{1})); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the idle writer: got error %v, want %v", err, storage.ErrNotFound)
	}
}

package disk_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"tahoe/storage"
	"tahoe/storage/disk"
	"tahoe/storage/share"
)

// book is a ledger with a limit for "alice", that remembers what it was told.
type book struct {
	limit, used uint64
	changes     []share.Change
}

func (b *book) Left(client string) (all, own uint64) {
	if client != "alice" {
		return math.MaxUint64, math.MaxUint64
	}
	return math.MaxUint64, b.limit - min(b.limit, b.used)
}

func (b *book) Changed(c share.Change) {
	b.changes = append(b.changes, c)
	b.used += uint64(c.Bytes)
}

func wants(size int64, shares ...storage.ShareNum) storage.Allocation {
	return storage.Allocation{Shares: shares, Size: size, Lease: lease(1)}
}

// TestLimitOfAClient: what a client is uploading counts, others are not held up, and what is there can be read by all.
func TestLimitOfAClient(t *testing.T) {
	b := &book{limit: 1000}
	s := open(t, disk.Config{Dir: t.TempDir(), Ledger: b})
	alice := s.For(disk.Grant{Client: "alice"})
	first, err := alice.Allocate(t.Context(), goldenIndex, wants(600, 1, 2))
	if err != nil || len(first.Writers) != 1 {
		t.Fatalf("got %d writers, %v, want one: two are more than the limit", len(first.Writers), err)
	}
	if v, err := alice.Version(t.Context()); err != nil || v.Available != 400 {
		t.Errorf("got %d available, %v, want what an upload leaves of the limit: 400", v.Available, err)
	}
	if other, err := s.Allocate(t.Context(), goldenIndex, wants(5000, 7)); err != nil || len(other.Writers) != 1 {
		t.Errorf("another client got %d writers, %v, want one", len(other.Writers), err)
	}
	for _, w := range first.Writers {
		if _, err := w.Write(t.Context(), storage.Span{Size: 600}, strings.NewReader(strings.Repeat("x", 600))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := (share.Change{Index: goldenIndex, Share: 1, Client: "alice", Shares: 1, Bytes: 12 + 600 + 72}); len(b.changes) != 1 || b.changes[0] != want {
		t.Errorf("the ledger heard %+v, want %+v", b.changes, want)
	}
	if err := aliceWrites(t, alice, 400); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("a mutable share over the limit: got %v, want %v", err, storage.ErrNoSpace)
	}
	if err := aliceWrites(t, alice, 100); err != nil {
		t.Errorf("a mutable share within it: %v", err)
	}
}

func aliceWrites(t *testing.T, s storage.Server, n int) error {
	t.Helper()
	_, err := s.TestAndWrite(t.Context(), storage.Index{5}, storage.SlotWrite{Lease: lease(1), Shares: map[storage.ShareNum]storage.ShareWrite{
		0: writes(at(0, strings.Repeat("m", n))),
	}})
	return err
}

// TestLedgerHearsEverything: what a ledger heard adds up to the lengths of the files.
func TestLedgerHearsEverything(t *testing.T) {
	b := &book{}
	s := open(t, disk.Config{Dir: t.TempDir(), Ledger: b})
	if err := upload(t, s, 3, "data"); err != nil {
		t.Fatal(err)
	}
	for n := range 6 { // more than the places that a mutable share begins with
		if err := s.AddLease(t.Context(), goldenIndex, lease(byte(10+n))); err != nil {
			t.Fatal(err)
		}
		if err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{5: writes(at(int64(n*50), "some words"))}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := b.used, filesOf(t, s); got != want {
		t.Errorf("heard of %d bytes, and there are %d", got, want)
	}
	nothing := int64(0)
	if err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{5: {NewLength: &nothing}}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.used, filesOf(t, s); got != want {
		t.Errorf("after a share was deleted: heard of %d bytes, and there are %d", got, want)
	}
}

// filesOf is how many bytes the files of the golden index have.
func filesOf(t *testing.T, s *disk.Server) (sum uint64) {
	t.Helper()
	err := s.Visit(t.Context(), goldenIndex, func(v share.Visit) error {
		b, err := v.Look()
		for _, h := range b.Shares {
			sum += uint64(h.FileBytes)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestFrozen: a server that is read-only for slots too changes none, and shows what is there.
func TestFrozen(t *testing.T) {
	dir := t.TempDir()
	if err := slotWrite(t, open(t, disk.Config{Dir: dir}), map[storage.ShareNum]storage.ShareWrite{5: writes(at(0, "kept"))}); err != nil {
		t.Fatal(err)
	}
	s := open(t, disk.Config{Dir: dir, ReadOnly: true, Frozen: true})
	if err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{5: writes(at(0, "lost"))}); !errors.Is(err, storage.ErrReadOnly) {
		t.Errorf("writing: got %v, want %v", err, storage.ErrReadOnly)
	}
	got, err := s.ReadSlot(t.Context(), goldenIndex, nil, []storage.Span{{Size: 9}})
	if err != nil || string(got[5][0]) != "kept" {
		t.Errorf("reading: got %v, %v", got, err)
	}
	if err := s.AddLease(t.Context(), goldenIndex, lease(3)); err != nil {
		t.Errorf("leases are still renewed: %v", err)
	}
	if v, err := s.Version(t.Context()); err != nil || v.MaxMutableShare != 0 || v.MaxImmutableShare != 0 {
		t.Errorf("got %+v, %v, want that it takes nothing", v, err)
	}
}

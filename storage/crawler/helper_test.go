package crawler_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/crawler"
	"tahoe/storage/disk"
	"tahoe/storage/share"
)

var quiet = slog.New(slog.DiscardHandler)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// leaping is a clock on which each look takes a microsecond and nobody waits: a timer moves it to its end.
type leaping struct {
	mu  sync.Mutex
	now time.Time
}

func (c *leaping) Now() time.Time { return c.Advance(time.Microsecond) }

func (c *leaping) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

func (c *leaping) NewTimer(d time.Duration) reactor.Timer {
	fired := make(chan time.Time, 1)
	fired <- c.Advance(d)
	return firedTimer{fired}
}

type firedTimer struct{ c chan time.Time }

func (t firedTimer) C() <-chan time.Time { return t.c }
func (t firedTimer) Stop() bool          { return false }

func secret(n int) storage.LeaseSecrets {
	b := [storage.SecretSize]byte{byte(n), byte(n >> 8), 1}
	c := b
	c[2] = 2
	return storage.LeaseSecrets{Renew: storage.NewSecret(b), Cancel: storage.NewSecret(c)}
}

// index is an index that depends on n, spread over the prefixes.
func index(n int) storage.Index {
	return storage.Index{byte(n * 37), byte(n * 91), byte(n), byte(n >> 8)}
}

// touching is a disk.Ledger that hands changes to the lease index.
type touching struct{ t *crawler.Touches }

func (l touching) Left(string) (all, own uint64) { return 1 << 60, 1 << 60 }
func (l touching) Changed(c share.Change)        { l.t.Touch(c.Index) }

func openDisk(t testing.TB, dir string, clock reactor.Clock, l disk.Ledger) *disk.Server {
	t.Helper()
	s, err := disk.Open(disk.Config{Dir: dir, Now: clock.Now, Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func upload(ctx context.Context, s storage.Server, i storage.Index, n storage.ShareNum, data []byte, l storage.LeaseSecrets) error {
	a, err := s.Allocate(ctx, i, storage.Allocation{Shares: []storage.ShareNum{n}, Size: int64(len(data)), Lease: l})
	if err != nil {
		return err
	}
	for _, w := range a.Writers {
		if _, err := w.Write(ctx, storage.Span{Size: int64(len(data))}, bytes.NewReader(data)); err != nil {
			return err
		}
		if err := w.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}

func write(ctx context.Context, s storage.Server, i storage.Index, n storage.ShareNum, data []byte, l storage.LeaseSecrets) error {
	_, err := s.TestAndWrite(ctx, i, storage.SlotWrite{
		WriteEnabler: storage.NewSecret([32]byte{9}), Lease: l,
		Shares: map[storage.ShareNum]storage.ShareWrite{n: {Writes: []storage.Write{{Data: bytes.NewReader(data)}}}},
	})
	return err
}

package storagetest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/storage"
	"tahoe/storage/storagetest"
)

func TestFaultyWithoutFaults(t *testing.T) {
	storagetest.Run(t, func(testing.TB) storage.Server {
		return storagetest.NewFaulty(storagetest.NewMem(storagetest.Config{}))
	})
}

var index = storage.Index{1, 2, 3}

// held is a Mem with an immutable share 4 of 100 bytes.
func held() *storagetest.Mem {
	m := storagetest.NewMem(storagetest.Config{})
	m.Put(index, 4, bytes.Repeat([]byte("0123456789"), 10))
	return m
}

// readAll reads share 4 from a server.
func readAll(ctx context.Context, s storage.Server, span storage.Span) ([]byte, error) {
	buckets, err := s.Buckets(ctx, index)
	if err != nil {
		return nil, err
	}
	stream, err := buckets[4].Read(ctx, span)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(stream)
	return got, errors.Join(err, stream.Close())
}

func TestStreamFaults(t *testing.T) {
	boom := errors.New("boom")
	whole := strings.Repeat("0123456789", 10)
	for _, c := range []struct {
		fault storagetest.Fault
		span  storage.Span
		want  string
		err   error
	}{
		{storagetest.FlipBit(4, 12), storage.Span{Offset: 10, Size: 5}, "01334", nil},
		{storagetest.FlipBit(4, 12), storage.Span{Offset: 13, Size: 5}, "34567", nil},
		{storagetest.FlipBit(5, 12), storage.Span{Offset: 10, Size: 5}, "01234", nil},
		{storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Truncate(3)}, storage.Span{Size: 100}, "012", nil},
		{storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Break(3, boom)}, storage.Span{Size: 100}, "012", boom},
		{storagetest.VanishReading(4, 7), storage.Span{Size: 100}, "0123456", storagetest.ErrFault},
		{storagetest.FailAll(storagetest.OpRead, boom), storage.Span{Size: 100}, "", boom},
		{storagetest.FailAll(storagetest.OpClose, boom), storage.Span{Size: 100}, whole, nil},
		{storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead, Nth: 2}, Effect: storagetest.Fail(boom)}, storage.Span{Size: 100}, whole, nil},
	} {
		got, err := readAll(t.Context(), storagetest.NewFaulty(held(), c.fault), c.span)
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v: got %q, %v; want %q, %v", c.fault, got, err, c.want, c.err)
		}
	}
}

func TestVanishedServerStaysAwayUntilStarted(t *testing.T) {
	f := storagetest.NewFaulty(held(), storagetest.VanishReading(4, 7))
	_, _ = readAll(t.Context(), f, storage.Span{Size: 100})
	if _, err := f.Version(t.Context()); !errors.Is(err, storagetest.ErrFault) {
		t.Errorf("after vanishing: got error %v, want %v", err, storagetest.ErrFault)
	}
	f.Clear()
	f.Start()
	if _, err := readAll(t.Context(), f, storage.Span{Size: 100}); err != nil {
		t.Errorf("after starting: %v", err)
	}
}

func TestNthCallAndAppliedFault(t *testing.T) {
	boom := errors.New("boom")
	m := storagetest.NewMem(storagetest.Config{})
	f := storagetest.NewFaulty(m, storagetest.Fault{
		When:   storagetest.When{Op: storagetest.OpTestAndWrite, Nth: 2},
		Effect: storagetest.ApplyThenFail(boom),
	})
	for k, want := range []error{nil, boom, nil} {
		_, err := f.TestAndWrite(t.Context(), index, storage.SlotWrite{Shares: map[storage.ShareNum]storage.ShareWrite{
			0: {Writes: []storage.Write{{Data: bytes.NewReader([]byte{byte(k)})}}},
		}})
		if !errors.Is(err, want) {
			t.Errorf("call %d: got error %v, want %v", k, err, want)
		}
		if got := m.Bytes(index, 0); len(got) != 1 || got[0] != byte(k) {
			t.Errorf("call %d: share is %v: the call was not applied", k, got)
		}
	}
	if got := f.Count(storagetest.OpTestAndWrite); got != 3 {
		t.Errorf("Count: got %d, want 3", got)
	}
	if got := f.Struck(); len(got) != 1 || !strings.Contains(got[0], "boom") {
		t.Errorf("Struck: got %q, want one line about boom", got)
	}
}

func TestWaitingFaultsInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storagetest.NewFaulty(held(), storagetest.Fault{
			When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Delay(time.Hour),
		})
		start := time.Now()
		if _, err := readAll(t.Context(), f, storage.Span{Size: 100}); err != nil || time.Since(start) != time.Hour {
			t.Errorf("delayed read: got %v after %v, want it after an hour", err, time.Since(start))
		}
		for _, e := range []storagetest.Effect{storagetest.Hang(), storagetest.Stall(5)} {
			f.Clear()
			f.Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead}, Effect: e})
			ctx, cancel := context.WithTimeout(t.Context(), 31*24*time.Hour)
			start = time.Now()
			_, err := readAll(ctx, f, storage.Span{Size: 100})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 31*24*time.Hour {
				t.Errorf("%v: got error %v after %v", e, err, time.Since(start))
			}
			cancel()
		}
	})
}

func TestStalledStreamEndsWhenClosedOrStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, end := range []string{"close", "stop"} {
			f := storagetest.NewFaulty(held(), storagetest.Fault{Effect: storagetest.Stall(0), When: storagetest.When{Op: storagetest.OpRead}})
			buckets, err := f.Buckets(t.Context(), index)
			if err != nil {
				t.Fatal(err)
			}
			stream, err := buckets[4].Read(t.Context(), storage.Span{Size: 100})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error)
			go func() { _, err := stream.Read(make([]byte, 10)); done <- err }()
			synctest.Wait()
			if end == "close" {
				_ = stream.Close()
			} else {
				f.Stop()
			}
			if err := <-done; err == nil {
				t.Errorf("%s: got no error from the stalled stream", end)
			}
		}
	})
}

package meter_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"tahoe/reactor/reactortest"
	"tahoe/storage"
	"tahoe/storage/meter"
	"tahoe/storage/storagetest"
)

var t0 = time.Date(2026, 3, 1, 0, 0, 30, 0, time.UTC)

// TestMeteredServer: a metered server is a server like any other.
func TestMeteredServer(t *testing.T) {
	storagetest.Run(t, func(testing.TB) storage.Server {
		return meter.New(reactortest.NewClock(t0)).Server(storagetest.NewMem(storagetest.Config{}))
	})
}

// slow takes a time that each call is told.
type slow struct {
	storage.Server
	clock *reactortest.Clock
	took  time.Duration
}

func (s *slow) Slot(_ context.Context, i storage.Index) ([]storage.ShareNum, error) {
	s.clock.Advance(s.took)
	return nil, nil
}

// TestLatencies: percentiles are those of the last calls, and are told only when there are enough.
func TestLatencies(t *testing.T) {
	clock := reactortest.NewClock(t0)
	m := meter.New(clock)
	inner := &slow{clock: clock}
	s := m.Server(inner)
	for n := range 15 {
		inner.took = time.Duration(n+1) * time.Millisecond
		if _, err := s.Slot(t.Context(), storage.Index{}); err != nil {
			t.Fatal(err)
		}
	}
	l := m.Latencies()[meter.ReadV]
	if l.Samples != 15 || l.Mean == nil || *l.Mean < 0.0079 || *l.Mean > 0.0081 {
		t.Errorf("got %+v, want 15 samples of 8 ms", l)
	}
	for _, p := range l.Percentiles {
		wanted := map[string]float64{"10_0": 0.002, "50_0": 0.008, "90_0": 0.014}
		if want, ok := wanted[p.Name]; ok != (p.Value != nil) || ok && (*p.Value < want-1e-6 || *p.Value > want+1e-6) {
			t.Errorf("%s: got %v, want %v, known %t", p.Name, p.Value, want, ok)
		}
	}
	if n := m.Counts().Calls[meter.ReadV]; n != 15 {
		t.Errorf("got %d calls, want 15", n)
	}
	chart := m.Chart(clock.Now())
	if last := chart[len(chart)-1]; len(chart) != meter.Minutes || last.Calls != 15 || last.Median != 8*time.Millisecond {
		t.Errorf("got %d minutes, the last with %+v", len(chart), last)
	}
	clock.Advance(2 * time.Minute)
	if chart := m.Chart(clock.Now()); chart[len(chart)-1].Calls != 0 || chart[len(chart)-3].Calls != 15 {
		t.Errorf("two minutes later: got %+v", chart[len(chart)-3:])
	}
	clock.Advance(2 * time.Hour)
	for _, minute := range m.Chart(clock.Now()) {
		if minute.Calls != 0 {
			t.Errorf("two hours later: got %+v", minute)
		}
	}
}

// TestBusy: somebody is being served until the stream that he reads is closed.
func TestBusy(t *testing.T) {
	m := meter.New(reactortest.NewClock(t0))
	s := m.Server(storagetest.NewMem(storagetest.Config{}))
	a, err := s.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: 4})
	if err != nil {
		t.Fatal(err)
	}
	w := a.Writers[0]
	if _, err := w.Write(t.Context(), storage.Span{Size: 4}, strings.NewReader("data")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	readers, err := s.Buckets(t.Context(), storage.Index{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := readers[0].Read(t.Context(), storage.Span{Size: 4})
	if err != nil || !m.Busy() {
		t.Fatalf("reading: %v, busy %t, want true", err, m.Busy())
	}
	if b, err := io.ReadAll(stream); string(b) != "data" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	if err := stream.Close(); err != nil || m.Busy() {
		t.Errorf("closed: %v, busy %t, want false", err, m.Busy())
	}
	if n := m.Counts().Bytes; n != 4 {
		t.Errorf("got %d bytes added, want 4", n)
	}
}

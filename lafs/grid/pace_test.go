package grid_test

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/grid"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// TestPace: what flows as a stream takes its time, what is one message is paid for by Settle, and what has no pace in its context does
// not wait.
func TestPace(t *testing.T) { synctest.Test(t, pace) }

func pace(t *testing.T) {
	const rate, size = 100_000, 1_000_000
	mem := storagetest.NewMem(storagetest.Config{})
	mem.Put(storage.Index{1}, 0, bytes.Repeat([]byte("x"), size))
	server, err := grid.NewServer(grid.Announcement{ID: "s", FURL: "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@tcp:localhost:1/x"}, mem)
	if err != nil {
		t.Fatal(err)
	}
	p := grid.NewPace(reactor.System(), rate, rate)
	read := func(paced bool) time.Duration {
		ctx, begun := t.Context(), time.Now()
		if paced {
			ctx = p.With(ctx)
		}
		shares, err := server.Storage().Buckets(ctx, storage.Index{1})
		if err != nil {
			t.Fatal(err)
		}
		body, err := shares[0].Read(ctx, storage.Span{Size: size})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, body); n != size || err != nil {
			t.Fatalf("read %d bytes: %v", n, err)
		}
		_ = body.Close()
		return time.Since(begun)
	}
	if d := read(false); d != 0 {
		t.Errorf("without a pace it took %v", d)
	}
	if d, want := read(true), time.Second*size/rate; d < want-time.Second || d > want {
		t.Errorf("got %v, want %v but for the first second", d, want)
	}
	slot(t, p, server)
	if in, out := p.Moved(); in < size || in > size+10_000 || out < 500_000 {
		t.Errorf("it counted %d and %d bytes", in, out)
	}
}

// slot writes a slot, which waits for nothing, and settles.
func slot(t *testing.T, p *grid.Pace, server *grid.Server) {
	if err := p.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err := server.Storage().TestAndWrite(p.With(t.Context()), storage.Index{2}, storage.SlotWrite{
		Shares: map[storage.ShareNum]storage.ShareWrite{0: {Writes: []storage.Write{{Data: bytes.NewReader(make([]byte, 500_000))}}}},
	})
	if d := time.Since(begun); err != nil || d != 0 {
		t.Errorf("a message took %v, %v", d, err)
	}
	if err := p.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begun); d < 4*time.Second || d > 6*time.Second {
		t.Errorf("it was paid for after %v, want about 4 s", d)
	}
}

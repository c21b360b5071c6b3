package immutable_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/immutable"
	"tahoe/storage"
)

// A drippingServer takes so many bytes of each share at a time, and then pauses. Behind the last byte it waits.
type drippingServer struct {
	storage.Server
	piece  int
	pause  time.Duration
	answer time.Duration
}

type drippingWriter struct {
	storage.Writer
	s drippingServer
}

func (s drippingServer) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	out, err := s.Server.Allocate(ctx, i, a)
	for n, w := range out.Writers {
		out.Writers[n] = drippingWriter{w, s}
	}
	return out, err
}

func (w drippingWriter) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	missing, err := w.Writer.Write(ctx, s, drippingReader{ctx, r, w.s})
	select {
	case <-time.After(w.s.answer):
	case <-ctx.Done():
		err = ctx.Err()
	}
	return missing, err
}

type drippingReader struct {
	ctx context.Context
	r   io.Reader
	s   drippingServer
}

func (r drippingReader) Read(p []byte) (int, error) {
	select {
	case <-time.After(r.s.pause):
		return r.r.Read(p[:min(len(p), r.s.piece)])
	case <-r.ctx.Done():
		return 0, context.Cause(r.ctx)
	}
}

// TestUploadSlowServers: a server that holds up the others is dropped when the upload is happy without it, and not
// otherwise; nor when it is the line that is slow.
func TestUploadSlowServers(t *testing.T) {
	drip := func(piece int, pause time.Duration) drippingServer { return drippingServer{nil, piece, pause, 0} }
	trickle := drip(3000, 29*time.Second) // 100 bytes a second
	for _, c := range []struct {
		name    string
		size    int
		segment int64
		servers int
		slow    map[int]drippingServer
		dropped []int // servers
		longest time.Duration
	}{
		{"one of ten", 400_000, 20_000, 10, map[int]drippingServer{4: trickle}, []int{4}, time.Minute},
		{"one of ten, one segment", 400_000, 1 << 20, 10, map[int]drippingServer{4: trickle}, []int{4}, time.Minute},
		{"three of ten", 400_000, 20_000, 10, map[int]drippingServer{0: trickle, 4: trickle, 9: trickle}, []int{0, 4, 9}, time.Minute},
		{"a server with two shares", 400_000, 20_000, 8, map[int]drippingServer{0: trickle}, []int{0}, time.Minute},
		{"one of seven", 400_000, 20_000, 7, map[int]drippingServer{4: trickle}, nil, 24 * time.Minute},
		{"a server of seven with two shares", 400_000, 20_000, 7, map[int]drippingServer{0: trickle}, nil, 24 * time.Minute},
		{"four of ten", 400_000, 20_000, 10, map[int]drippingServer{0: trickle, 4: trickle, 7: trickle, 9: trickle}, nil, 24 * time.Minute},
		{
			"four of ten, one much slower", 400_000, 20_000, 10,
			map[int]drippingServer{0: drip(2000, time.Second), 4: trickle, 7: drip(2000, time.Second), 9: drip(1500, time.Second)},
			[]int{4}, 4 * time.Minute,
		},
		{"not that slow", 3_000_000, 100_000, 10, map[int]drippingServer{4: drip(12_000, time.Second)}, nil, 2 * time.Minute},
		{"slow to answer", 400_000, 1 << 20, 10, map[int]drippingServer{4: {nil, 12_000, time.Second, 27 * time.Second}}, nil, time.Minute},
		{
			"a slow line", 400_000, 20_000, 10, map[int]drippingServer{
				0: drip(1000, time.Second), 1: drip(500, time.Second), 2: drip(1000, time.Second), 3: drip(1000, time.Second), 4: drip(900, time.Second),
				5: drip(1200, time.Second), 6: drip(1000, time.Second), 7: drip(1000, time.Second), 8: drip(800, time.Second), 9: drip(1100, time.Second),
			}, nil, 5 * time.Minute,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newUpGrid(t, c.servers)
				for i, s := range c.slow {
					s.Server = g.faulty[i]
					g.servers[i] = newUpServer(t, i, s)
				}
				begun := time.Now()
				got, r, err := g.upload(t.Context(), upData(c.size), func(u *immutable.UploaderConfig) { u.Encoding = smallSegments(c.segment) })
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begun); took > c.longest {
					t.Errorf("it took %v, want at most %v", took, c.longest)
				}
				if want := min(10, c.servers) - len(c.dropped); r.Happiness != want {
					t.Errorf("happiness %d, want %d", r.Happiness, want)
				}
				kept := 10
				for share := range 10 {
					if slices.Contains(c.dropped, share%c.servers) {
						kept--
					}
				}
				for i, m := range g.mems {
					if held := sharesOn(m, r.Index); (len(held) == 0) != slices.Contains(c.dropped, i) {
						t.Errorf("server %d holds %v", i, held)
					}
				}
				g.checkShares(t, got, c.segment, kept)
			})
		})
	}
}

// TestUploadSlowAndHanging: what is slow stays when something else seems to hang and the upload needs one of the two.
func TestUploadSlowAndHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newUpGrid(t, 8)
		g.servers[3] = newUpServer(t, 3, drippingServer{g.faulty[3], 3000, 10 * time.Second, 0})
		g.servers[6] = newUpServer(t, 6, stallingServer{Server: g.faulty[6], after: 38_000})
		_, r, err := g.upload(t.Context(), upData(400_000), func(u *immutable.UploaderConfig) { u.Encoding = smallSegments(20_000) })
		if err != nil {
			t.Fatal(err)
		}
		if held := sharesOn(g.mems[3], r.Index); r.Happiness != 7 || len(held) != 1 {
			t.Errorf("happiness %d, and the slow server holds %v", r.Happiness, held)
		}
	})
}

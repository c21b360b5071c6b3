package immutable_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/immutable"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// A dripping server gives a byte now and then.
type dripping struct {
	storage.Server
	every time.Duration
}

func (d dripping) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	m, err := d.Server.Buckets(ctx, i)
	for n, r := range m {
		m[n] = dripReader{r, d.every}
	}
	return m, err
}

type dripReader struct {
	storage.Reader
	every time.Duration
}

func (d dripReader) Read(ctx context.Context, s storage.Span) (io.ReadCloser, error) {
	body, err := d.Reader.Read(ctx, s)
	if err != nil {
		return nil, err
	}
	return &dripBody{ctx, body, d.every}, nil
}

type dripBody struct {
	ctx context.Context
	io.ReadCloser
	every time.Duration
}

func (d *dripBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(d.every):
	case <-d.ctx.Done():
		return 0, context.Cause(d.ctx)
	}
	return d.ReadCloser.Read(p[:min(len(p), 1)])
}

// Servers that give a byte a second, so that they never stand still, are replaced like those that hang.
func TestServersThatDrip(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 5*mib)
	for _, test := range []struct {
		name   string
		drip   int
		off, n int64
		most   time.Duration
	}{
		{"one, whole file", 1, 0, 5 * mib, 5 * time.Second},
		{"one, a later segment", 1, 2 * mib, mib, 5 * time.Second},
		{"three, whole file", 3, 0, 5 * mib, 15 * time.Second},
		// One lane may come to five of them, with the time for each half of that before: 8 s, 4, 2, 1, 1.
		{"seven, whole file", 7, 0, 5 * mib, 17 * time.Second},
		{"seven, a later segment", 7, 3*mib + 5, mib, 17 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := e.world(t, 10)
				for i := range test.drip {
					w.servers[i] = newUpServer(t, i, dripping{w.faulty[i], time.Second})
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				limit(t, test.most, func() {
					readRange(t, ctx, w.downloader().Open(e.chk), e.plain, test.off, test.n)
				})
			})
		})
	}
}

// A scripted server's streams of blocks are what script makes of them; opened counts them.
type scripted struct {
	storage.Server
	script func(ctx context.Context, opened int, body io.ReadCloser) io.ReadCloser
	opened *int
}

func (s scripted) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	m, err := s.Server.Buckets(ctx, i)
	for n, r := range m {
		m[n] = scriptedReader{r, s}
	}
	return m, err
}

type scriptedReader struct {
	storage.Reader
	s scripted
}

func (r scriptedReader) Read(ctx context.Context, s storage.Span) (io.ReadCloser, error) {
	body, err := r.Reader.Read(ctx, s)
	if err != nil || s.Size < mib {
		return body, err
	}
	*r.s.opened++
	return r.s.script(ctx, *r.s.opened, body), nil
}

// A cutBody gives so many bytes and then what then says.
type cutBody struct {
	io.ReadCloser
	left int
	then func() error
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.then()
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// A lane that is ahead holds the only share that one behind it could use, and waits for that one: the share has to change
// hands. Share 0 stalls after two blocks, once; share 1 breaks in its second block, when share 2 has taken the place of
// share 0 and filled the window.
func TestShareChangesHands(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 2, n: 3, maxSegment: mib}, 12*mib)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 3)
		stalls := func(ctx context.Context, opened int, body io.ReadCloser) io.ReadCloser {
			if opened > 1 {
				return body
			}
			return &cutBody{body, 1_200_000, func() error { <-ctx.Done(); return ctx.Err() }}
		}
		breaks := func(ctx context.Context, opened int, body io.ReadCloser) io.ReadCloser {
			if opened > 1 {
				return &cutBody{body, 0, func() error { return io.ErrClosedPipe }}
			}
			b := &cutBody{ReadCloser: body, left: 600_000}
			pauses := 0
			b.then = func() error {
				select {
				case <-time.After(1900 * time.Millisecond):
				case <-ctx.Done():
				}
				if pauses++; pauses == 2 {
					return io.ErrClosedPipe
				}
				b.left = 1 // so that it does not stall
				return nil
			}
			return b
		}
		w.faulty[2].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpBuckets}, Effect: storagetest.Delay(time.Millisecond)}) // share 2 is for later
		w.servers[0] = newUpServer(t, 0, scripted{w.faulty[0], stalls, new(int)})
		w.servers[1] = newUpServer(t, 1, scripted{w.faulty[1], breaks, new(int)})
		d := w.downloaderWith(immutable.DownloaderConfig{Window: 4 * mib})
		limit(t, 8*time.Second, func() { readAll(t, t.Context(), d.Open(e.chk), e.plain) })
	})
}

// A server that was too slow once has another chance when all others only drip: after one or two looks at each of them, which is
// a matter of who is asked first.
func TestSlowIsBetterThanDripping(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 1, n: 3, maxSegment: mib}, 2*mib)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 3)
		w.faulty[0].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead, Nth: 1}, Effect: storagetest.Delay(5 * time.Second)})
		w.faulty[0].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpRead, Nth: 2}, Effect: storagetest.Delay(5 * time.Second)})
		for i := 1; i < 3; i++ {
			w.faulty[i].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpBuckets}, Effect: storagetest.Delay(time.Millisecond)})
			w.servers[i] = newUpServer(t, i, dripping{w.faulty[i], time.Second})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		limit(t, 30*time.Second, func() { readAll(t, ctx, w.downloader().Open(e.chk), e.plain) })
	})
}

package immutable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// TestUploadFaults: up to three of ten servers may do anything at any step, and the file is whole enough; with four, the
// upload fails, says why, and leaves nothing behind on the servers that answer.
func TestUploadFaults(t *testing.T) {
	ops := []storagetest.Op{storagetest.OpAllocate, storagetest.OpWrite, storagetest.OpClose}
	effects := []struct {
		name   string
		effect storagetest.Effect
		longer time.Duration // than this no upload takes that has enough other servers
	}{
		{"fail", storagetest.Fail(errInjected), time.Second},
		{"apply and fail", storagetest.ApplyThenFail(errInjected), time.Second},
		{"hang", storagetest.Hang(), 40 * time.Second},
		{"slow", storagetest.Delay(800 * time.Millisecond), 3 * time.Second},
	}
	for _, op := range ops {
		for _, e := range effects {
			for _, bad := range []int{1, 3, 4} {
				t.Run(fmt.Sprintf("%s %s %d", op, e.name, bad), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						testUploadFault(t, storagetest.Fault{When: storagetest.When{Op: op}, Effect: e.effect}, bad, e.longer, e.name == "slow")
					})
				})
			}
		}
	}
}

func testUploadFault(t *testing.T, fault storagetest.Fault, bad int, longest time.Duration, harmless bool) {
	g := newUpGrid(t, 10)
	for _, f := range g.faulty[:bad] {
		f.Add(fault)
	}
	begun := time.Now()
	c, r, err := g.upload(t.Context(), upData(400_000), func(c *immutable.UploaderConfig) { c.Encoding = smallSegments(20_000) })
	if took := time.Since(begun); took > longest {
		t.Errorf("it took %v, want at most %v", took, longest)
	}
	if bad <= 3 || harmless {
		if err != nil {
			t.Fatal(err)
		}
		checkEnough(t, g, c, r)
		return
	}
	unhappy, ok := errors.AsType[*immutable.UnhappyError](err)
	if !ok {
		t.Fatalf("got %v, want an UnhappyError", err)
	}
	if unhappy.Happiness != 6 || unhappy.Happy != 7 || len(unhappy.Answers) != 10 {
		t.Errorf("got %+v", unhappy)
	}
	for _, a := range unhappy.Answers[:bad] {
		if a.Err == nil {
			t.Errorf("the error does not say what is wrong with %v", a.Server)
		}
	}
	for s, m := range g.mems[bad:] {
		if m.Open() > 0 || fault.When.Op != storagetest.OpClose && len(m.Indices()) > 0 {
			t.Errorf("server %d still has something", s+bad)
		}
	}
}

func checkEnough(t *testing.T, g *upGrid, c caps.Read, r *immutable.UploadResult) {
	t.Helper()
	if r.Happiness < 7 {
		t.Errorf("happiness %d, want 7", r.Happiness)
	}
	index := c.(caps.CHK).Index()
	for n, on := range r.Sharemap {
		for _, s := range on {
			m := g.mems[slices.Index(g.servers, s)]
			if !slices.Contains(m.Shares(index), n) {
				t.Errorf("the result says share %d is on %v, and it is not", n, s)
			}
		}
	}
}

// TestUploadHangCostsLittle: a server that hangs when it is asked delays an upload by a second, not by fifteen; one that
// would get nothing by less.
func TestUploadHangCostsLittle(t *testing.T) {
	for _, c := range []struct {
		name  string
		hangs []int
		want  time.Duration
	}{
		{"none", nil, 0},
		{"would get a share", []int{3}, time.Second},
		{"would get none", []int{11}, 200 * time.Millisecond},
		{"both", []int{3, 11}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newUpGrid(t, 12)
				for _, s := range c.hangs {
					g.faulty[s].Add(storagetest.HangAll(storagetest.OpAllocate), storagetest.HangAll(storagetest.OpBuckets))
				}
				begun := time.Now()
				got, _, err := g.upload(t.Context(), upData(1000))
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begun); took != c.want {
					t.Errorf("it took %v, want %v", took, c.want)
				}
				g.checkShares(t, got, 1<<20, 10)
			})
		})
	}
}

// A stallingServer takes so many bytes of every share and then no more, until it is told to stop.
type stallingServer struct {
	storage.Server
	after int64
}

type stallingWriter struct {
	storage.Writer
	s stallingServer
}

func (s stallingServer) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	out, err := s.Server.Allocate(ctx, i, a)
	for n, w := range out.Writers {
		out.Writers[n] = stallingWriter{w, s}
	}
	return out, err
}

func (w stallingWriter) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	return w.Writer.Write(ctx, s, io.MultiReader(io.LimitReader(r, w.s.after), stallingReader{ctx}))
}

type stallingReader struct{ ctx context.Context }

func (r stallingReader) Read([]byte) (int, error) {
	<-r.ctx.Done()
	return 0, context.Cause(r.ctx)
}

func TestUploadStalls(t *testing.T) {
	for _, after := range []int64{0, 10, 7000, 60_000, 133_000} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newUpGrid(t, 10)
				g.servers[4] = newUpServer(t, 4, stallingServer{Server: g.mems[4], after: after})
				var log strings.Builder
				begun := time.Now()
				_, r, err := g.upload(t.Context(), upData(400_000), func(c *immutable.UploaderConfig) {
					c.Encoding, c.Log = smallSegments(20_000), slog.New(slog.NewTextHandler(&log, nil))
				})
				if err != nil || r.Pushed != 9 || r.Happiness != 9 {
					t.Errorf("got %+v, %v; want nine shares", r, err)
				}
				if took := time.Since(begun); took < 25*time.Second || took > 40*time.Second {
					t.Errorf("it took %v", took)
				}
				if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "took no data for too long") {
					t.Errorf("the log says %q", got)
				}
				if n := g.open(); n != 0 {
					t.Errorf("%d shares are still open", n)
				}
			})
		})
	}
}

// TestUploadCancel ends the upload's context at every call to a server, in turn, and in the middle of reading.
func TestUploadCancel(t *testing.T) {
	steps := 0
	for {
		finished := false
		synctest.Test(t, func(t *testing.T) { finished = testUploadCancel(t, steps) })
		if finished {
			break
		}
		steps++
	}
	if steps < 25 {
		t.Errorf("%d steps, want at least 25", steps)
	}
}

var errCancelled = errors.New("the user went away")

// testUploadCancel cancels at the given step and says whether there are no so many steps.
func testUploadCancel(t *testing.T, step int) (finished bool) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	g := newUpGrid(t, 10)
	gate := make(chan struct{}, 1) // guards seen
	seen := 0
	tick := func() {
		gate <- struct{}{}
		if seen == step {
			cancel(errCancelled)
		}
		seen++
		<-gate
	}
	for i, m := range g.mems {
		g.servers[i] = newUpServer(t, i, tickingServer{m, tick})
	}
	src := tickingReader{bytes.NewReader(upData(300_000)), tick}
	c, _, err := g.uploader(func(c *immutable.UploaderConfig) {
		c.Encoding, c.SpoolDir = smallSegments(100_000), t.TempDir()
	}).Upload(ctx, src, immutable.UploadOptions{Size: -1})
	if seen <= step {
		g.checkShares(t, c, 100_000, 10)
		return true
	}
	if err == nil { // it was too late
		g.checkShares(t, c, 100_000, 10)
	} else if !errors.Is(err, errCancelled) {
		t.Errorf("step %d: got %v, want %v", step, err, errCancelled)
	}
	if n := g.open(); n != 0 {
		t.Errorf("step %d: %d shares are still open", step, n)
	}
	return false
}

type tickingReader struct {
	io.Reader
	tick func()
}

func (r tickingReader) Read(p []byte) (int, error) {
	r.tick()
	return r.Reader.Read(p[:min(len(p), 50_000)])
}

type tickingServer struct {
	storage.Server
	tick func()
}

func (s tickingServer) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	s.tick()
	out, err := s.Server.Allocate(ctx, i, a)
	for n, w := range out.Writers {
		out.Writers[n] = tickingWriter{w, s.tick}
	}
	return out, err
}

type tickingWriter struct {
	storage.Writer
	tick func()
}

func (w tickingWriter) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	return w.Writer.Write(ctx, s, tickingReader{r, w.tick})
}

func (w tickingWriter) Close(ctx context.Context) error {
	w.tick()
	return w.Writer.Close(ctx)
}

func TestUploadUnhappyTexts(t *testing.T) {
	for _, c := range []struct {
		name    string
		writers int // servers that take shares, of so many
		full    int
		want    string
	}{
		{"fewer servers than needed", 2, 8, "only 2 servers can hold shares, and the upload asks for at least 7 servers of which any 3 can rebuild the file; 10 of 10 shares found a place"},
		{"not happy", 6, 4, "shares can be spread over 6 servers only, and the upload asks for at least 7 servers of which any 3 can rebuild the file; 10 of 10 shares found a place"},
		{"too few servers at all", 4, 0, "shares can be spread over 4 servers only, and the upload asks for at least 7 servers"},
		{"fewer at all than needed", 1, 0, "only 1 server can hold shares, and the upload asks for at least 7 servers"},
		{"none takes anything", 0, 10, "only 0 servers can hold shares"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newUpGrid(t, c.writers)
			for range c.full {
				g.add(t, storagetest.Config{ReadOnly: true})
			}
			_, _, err := g.upload(t.Context(), upData(100))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if _, ok := errors.AsType[*immutable.UnhappyError](err); !ok {
				t.Errorf("got a %T", err)
			}
			if strings.Contains(fmt.Sprint(err), "\n") {
				t.Error("the text has several lines")
			}
			g.checkNothing(t)
		})
	}
	t.Run("uneven", func(t *testing.T) {
		g := newUpGrid(t, 0)
		for range 10 {
			g.add(t, storagetest.Config{ReadOnly: true})
		}
		index := indexOf(t, upData(100))
		for _, m := range g.mems { // all have the same two shares
			m.Put(index, 0, []byte("x"))
			m.Put(index, 1, []byte("x"))
		}
		_, _, err := g.upload(t.Context(), upData(100))
		if err == nil || !strings.HasPrefix(err.Error(), "10 servers can hold shares, but so unevenly that not every 3 of them could rebuild the file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no servers", func(t *testing.T) {
		g := newUpGrid(t, 0)
		if _, _, err := g.upload(t.Context(), upData(100)); !errors.Is(err, grid.ErrNoServers) {
			t.Errorf("got %v, want %v", err, grid.ErrNoServers)
		}
		if _, _, err := g.upload(t.Context(), upData(55)); err != nil {
			t.Errorf("a literal needs a server: %v", err)
		}
	})
}

// indexOf is the index under which an uploader stores data.
func indexOf(t testing.TB, data []byte) storage.Index {
	t.Helper()
	g := &upGrid{}
	for i := range 10 {
		g.servers = append(g.servers, newUpServer(t, i, discard{}))
	}
	_, r, err := g.upload(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	return r.Index
}

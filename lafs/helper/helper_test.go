package helper_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tahoe/internal/base32"
	"tahoe/lafs/helper"
	"tahoe/lafs/immutable"
	"tahoe/reactor/reactortest"
	"tahoe/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A taker takes what it is given, and places nothing.
type taker struct {
	mu    sync.Mutex
	taken map[storage.Index][]byte
}

func (*taker) FindWhole(context.Context, storage.Index) (*immutable.Find, error) { return nil, nil }

func (x *taker) UploadSealed(_ context.Context, s immutable.Sealed) (*immutable.UploadResult, error) {
	b, err := io.ReadAll(io.NewSectionReader(s.Data, 0, s.Size+1))
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.taken == nil {
		x.taken = map[storage.Index][]byte{}
	}
	x.taken[s.Index] = b
	return &immutable.UploadResult{Index: s.Index, Size: s.Size}, err
}

// A file is a source that may break off.
type file struct {
	data    []byte
	size    int64 // as it says; 0: as it is
	segment int64 // as it says; 0: as it is
	breaks  int64 // where it breaks off; 0: nowhere
	from    int64 // the first byte that was asked for, plus one
}

func (f *file) Size(context.Context) (int64, error) {
	if f.size != 0 {
		return f.size, nil
	}
	return int64(len(f.data)), nil
}

func (f *file) Encoding(context.Context) (immutable.Encoding, error) {
	segment := f.segment
	if segment == 0 {
		segment = min(int64(len(f.data)), 1<<20)
	}
	return immutable.Encoding{Needed: 1, Happy: 1, Total: 1, MaxSegment: segment}, nil
}

var errBroken = errors.New("broken off")

func (f *file) Read(_ context.Context, off int64, n int) ([]byte, error) {
	if f.from == 0 {
		f.from = off + 1
	}
	if f.breaks > 0 && off+int64(n) > f.breaks {
		return nil, errBroken
	}
	return f.data[off : off+int64(n)], nil
}

// open opens a helper and runs it until the test ends.
func open(t *testing.T, c helper.Config) *helper.Helper {
	t.Helper()
	h, err := helper.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	ready := make(chan struct{})
	running.Go(func() { _ = h.Run(ctx, func() { close(ready) }) })
	<-ready
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return h
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 5)
	}
	return b
}

var index = storage.Index{1, 2, 3}

func part(dir, folder string) string { return filepath.Join(dir, folder, base32.Encode(index[:])) }

// TestResumes: what broke off goes on where it was; after a restart, at the last step that is certainly on the disk.
func TestResumes(t *testing.T) {
	const step = 2 << 20
	data := pattern(3*step + 100)
	for _, c := range []struct {
		name    string
		restart bool
		found   []byte // in place of what the first source brought
		want    int64
	}{
		{"the helper goes on", false, nil, 2*step + 512<<10},
		{"the helper restarts", true, nil, 2 * step},
		{"what is there is longer than the file", false, pattern(4 * step), 0},
		{"nothing is there", true, []byte{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, x := t.TempDir(), &taker{}
			h := open(t, helper.Config{Uploader: x, Dir: dir})
			if _, err := h.Feed(t.Context(), index, &file{data: data, breaks: 2*step + 700<<10}); !errors.Is(err, helper.ErrNoSource) || !errors.Is(err, errBroken) {
				t.Fatalf("a source that breaks off: got %v", err)
			}
			if c.found != nil {
				if err := os.WriteFile(part(dir, "CHK_incoming"), c.found, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.restart {
				h = open(t, helper.Config{Uploader: x, Dir: dir})
			}
			second := &file{data: data}
			r, err := h.Feed(t.Context(), index, second)
			if err != nil {
				t.Fatal(err)
			}
			if string(x.taken[index]) != string(data) {
				t.Error("another ciphertext was encoded than was sent")
			}
			if second.from-1 > c.want || second.from-1 < c.want-512<<10 || r.Fetched != int64(len(data))-second.from+1 {
				t.Errorf("went on at byte %d with %d fetched, want at %d", second.from-1, r.Fetched, c.want)
			}
			if _, err := os.Stat(part(dir, "CHK_encoding")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the ciphertext stays when the shares are placed: %v", err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		f    *file
		room uint64
		want error
	}{
		{"a file for which there is no room", &file{data: pattern(1000)}, 999, helper.ErrNoRoom},
		{"a segment size that does not fit", &file{data: pattern(1000), segment: 999_999}, 1 << 20, helper.ErrBadFile},
		{"a segment that takes all memory", &file{data: pattern(10), size: 1 << 40, segment: 65 << 20}, 1 << 60, helper.ErrBadFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, helper.Config{Uploader: &taker{}, Dir: t.TempDir(), Room: func() uint64 { return c.room }})
			if _, err := h.Feed(t.Context(), index, c.f); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if c.f.from != 0 {
				t.Error("some of it was fetched")
			}
		})
	}
}

// TestAnotherClientGoesOn: a file that two clients send comes of the second when the first is gone.
func TestAnotherClientGoesOn(t *testing.T) {
	x := &taker{}
	h := open(t, helper.Config{Uploader: x, Dir: t.TempDir()})
	data := pattern(1 << 20)
	var both sync.WaitGroup
	for _, f := range []*file{{data: data, breaks: 300 << 10}, {data: data}} {
		both.Go(func() {
			for {
				_, err := h.Feed(t.Context(), index, f)
				if err == nil {
					return
				}
				if f.breaks == 0 {
					t.Errorf("the client that stays: got %v", err)
					return
				}
				if len(x.read(index)) > 0 {
					return
				}
			}
		})
	}
	both.Wait()
	if string(x.read(index)) != string(data) {
		t.Error("another ciphertext was encoded than was sent")
	}
}

func (x *taker) read(i storage.Index) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.taken[i]
}

// A staying taker encodes until it is broken off, and finds nothing out.
type staying struct{}

func (staying) FindWhole(context.Context, storage.Index) (*immutable.Find, error) {
	return nil, errors.New("no server answers")
}

func (staying) UploadSealed(ctx context.Context, _ immutable.Sealed) (*immutable.UploadResult, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestSilentWhileStopped: whoever feeds a helper is told nothing before it runs and after it stops, which would be taken for a failure.
func TestSilentWhileStopped(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("the connection broke")
		ask := func(question func(ctx context.Context) error) (end context.CancelCauseFunc, over chan error) {
			ctx, end := context.WithCancelCause(t.Context())
			over = make(chan error, 1)
			go func() { over <- question(ctx) }()
			return end, over
		}
		feed := func(h *helper.Helper) (end context.CancelCauseFunc, over chan error) {
			return ask(func(ctx context.Context) error {
				_, err := h.Feed(ctx, index, &file{data: pattern(1000)})
				return err
			})
		}
		find := func(h *helper.Helper) (end context.CancelCauseFunc, over chan error) {
			return ask(func(ctx context.Context) error {
				_, err := h.Find(ctx, storage.Index{9})
				return err
			})
		}
		silent := func(when string, end context.CancelCauseFunc, over chan error) {
			t.Helper()
			synctest.Wait()
			if len(over) > 0 {
				t.Errorf("%s: a client was told %v", when, <-over)
				return
			}
			if end(gone); !errors.Is(<-over, gone) {
				t.Errorf("%s: a client that goes away keeps the helper busy", when)
			}
		}
		opened := func(up helper.Uploader) *helper.Helper {
			h, err := helper.Open(helper.Config{Uploader: up, Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		h := opened(staying{})
		end, over := feed(h)
		silent("before it runs", end, over)
		end, over = find(h)
		silent("before it runs, asked for a file", end, over)
		ctx, stop := context.WithCancel(t.Context())
		_, early := feed(h)
		synctest.Wait()
		var running sync.WaitGroup
		running.Go(func() { _ = h.Run(ctx, func() {}) })
		end, over = feed(h)
		synctest.Wait()
		stop()
		running.Wait()
		silent("when it stops", end, over)
		end, over = feed(h)
		silent("when it has stopped", end, over)
		end, over = find(h)
		silent("when it has stopped, asked for a file", end, over)
		if len(early) > 0 {
			t.Errorf("a client that came before it ran was told %v", <-early)
		}

		h = opened(&taker{})
		ctx, stop = context.WithCancel(t.Context())
		defer stop()
		_, over = feed(h)
		running.Go(func() { _ = h.Run(ctx, func() {}) })
		if err := <-over; err != nil {
			t.Errorf("a client that came before it ran, in the end: %v", err)
		}
		stop()
		running.Wait()
	})
}

// TestExpires: what nobody asks for is removed in time, and nothing else.
func TestExpires(t *testing.T) {
	dir := t.TempDir()
	clock := reactortest.NewClock(t0)
	open(t, helper.Config{Uploader: &taker{}, Dir: dir, Clock: clock})
	old, young := part(dir, "CHK_incoming"), part(dir, "CHK_encoding")
	other := filepath.Join(dir, "CHK_incoming", "README")
	for path, changed := range map[string]time.Time{old: t0.Add(-13 * 24 * time.Hour), young: t0, other: t0.Add(-1e6 * time.Hour)} {
		if err := errors.Join(os.WriteFile(path, []byte("some"), 0o600), os.Chtimes(path, changed, changed)); err != nil {
			t.Fatal(err)
		}
	}
	gone := func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, os.ErrNotExist)
	}
	for range 6 { // a day and a half
		clock.Advance(7 * time.Hour)
		time.Sleep(time.Millisecond)
	}
	for deadline := time.Now().Add(time.Minute); !gone(old); time.Sleep(time.Millisecond) {
		if clock.Advance(time.Minute); time.Now().After(deadline) {
			t.Fatal("ciphertext of 14 days ago is still there")
		}
	}
	if gone(young) || gone(other) {
		t.Error("more than what has expired was removed")
	}
}

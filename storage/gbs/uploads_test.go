package gbs_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/storagetest"
)

// A clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1e9, 0)} }

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) later(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// The table of uploads forgets what is complete, aborted, or was left alone, and has a bounded size.
func TestUploadsTable(t *testing.T) {
	clock := newClock()
	mem := storagetest.NewMem(storagetest.Config{})
	h := gbs.NewHandler(mem, swissnum(t), gbs.HandlerConfig{MaxUploads: 3, Now: clock.read})
	r := newRaw(t, serve(t, h, gbs.ServerConfig{}))
	want := func(step string, uploads int) {
		t.Helper()
		if h.Uploads() != uploads || mem.Open() != uploads {
			t.Errorf("%s: got %d uploads and %d open writers, want %d of both", step, h.Uploads(), mem.Open(), uploads)
		}
	}
	r.send(allocation(t, 10, 0, 1))
	want("allocated two", 2)
	if got := r.send(allocation(t, 10, 2, 3, 4)); len(got.body) != len(encode(t, map[string]any{"already-have": set(), "allocated": set(2)})) {
		t.Errorf("got %q, want one of three, the table being full", got.body)
	}
	want("table full", 3)
	r.send(message{method: "PUT", path: immutable + "/0/abort", header: []string{upload}})
	want("aborted", 2)
	clock.later(30 * time.Minute)
	r.want(patch("1", "bytes 0-4/*", "01234"), 200, "")
	clock.later(30 * time.Minute)
	r.send(allocation(t, 10, 9))
	want("one left alone for an hour, one for half of it", 2)
	r.want(patch("1", "bytes 5-9/*", "56789"), 201, "")
	want("one complete", 1)
}

// by is a message with another upload secret.
func by(secret int, m message) message {
	m.header = slices.Clone(m.header)
	for n, h := range m.header {
		if strings.Contains(h, "upload-secret") {
			m.header[n] = secretHeader("upload-secret", secret)
		}
	}
	return m
}

// A share whose upload was left alone for two minutes goes to the next client that wants it, and not before.
func TestAbandonedUpload(t *testing.T) {
	clock := newClock()
	mem := storagetest.NewMem(storagetest.Config{})
	h := gbs.NewHandler(mem, swissnum(t), gbs.HandlerConfig{Now: clock.read})
	r := newRaw(t, serve(t, h, gbs.ServerConfig{}))
	r.send(allocation(t, 10, 0, 1))
	r.want(patch("0", "bytes 0-4/*", "01234"), 200, "")
	wantRoom := func(step string, m message, shares ...int) {
		t.Helper()
		if got := r.send(m); got.status != 200 || !strings.HasSuffix(got.body, encode(t, set(shares...))) {
			t.Errorf("%s: got %d %q, want room for shares %v", step, got.status, got.body, shares)
		}
	}
	clock.later(2*time.Minute - 1)
	wantRoom("another, a little too early", by(21, allocation(t, 10, 0)))
	r.want(patch("0", "bytes 5-6/*", "56"), 200, "")
	clock.later(1)
	wantRoom("another, of a share that was just written", by(21, allocation(t, 10, 0)))
	clock.later(time.Hour / 4)
	wantRoom("the same, after long", allocation(t, 10, 0, 1), 0, 1)
	wantRoom("another, after long", by(21, allocation(t, 5, 0)), 0)
	if h.Uploads() != 2 || mem.Open() != 2 {
		t.Errorf("got %d uploads and %d open writers, want the new one and the other share's", h.Uploads(), mem.Open())
	}
	r.want(patch("0", "bytes 7-9/*", "789"), 401, "another upload secret")
	r.want(by(21, patch("0", "bytes 0-4/*", "abcde")), 201, "")
	if got := string(mem.Bytes(fixedIndex(t), 0)); got != "abcde" {
		t.Errorf("got share %q, want the second upload's", got)
	}
	r.want(patch("1", "bytes 0-9/*", "0123456789"), 201, "")
}

// A share that somebody is writing is not abandoned, however long that takes, nor is it when that has just ended.
func TestSlowUploadIsNotAbandoned(t *testing.T) {
	clock := newClock()
	mem := storagetest.NewMem(storagetest.Config{})
	reading := make(chan struct{}, 100)
	h := gbs.NewHandler(noticed{mem, reading}, swissnum(t), gbs.HandlerConfig{Now: clock.read})
	r := newRaw(t, serve(t, h, gbs.ServerConfig{}))
	r.send(allocation(t, 10, 0))
	body, feed := io.Pipe()
	done := make(chan answer, 1)
	go func() {
		m := patch("0", "bytes 0-4/*", "")
		m.stream, m.length = body, 5
		got, err := r.try(m)
		if err != nil {
			t.Errorf("the slow write: %v", err)
		}
		done <- got
	}()
	<-reading
	refused := func(step string) {
		t.Helper()
		if got := r.send(by(21, allocation(t, 10, 0))); !strings.HasSuffix(got.body, encode(t, set())) {
			t.Errorf("%s: got %q, want no room", step, got.body)
		}
	}
	clock.later(10 * time.Minute)
	refused("while it is written")
	_, _ = io.WriteString(feed, "01234")
	_ = feed.Close()
	if got := <-done; got.status != 200 {
		t.Errorf("got status %d for the slow write, want 200", got.status)
	}
	refused("after it was written")
	clock.later(2 * time.Minute)
	if got := r.send(by(21, allocation(t, 10, 0))); !strings.HasSuffix(got.body, encode(t, set(0))) {
		t.Errorf("two minutes later: got %q, want room", got.body)
	}
}

// noticed is a server that says when a write begins.
type noticed struct {
	storage.Server
	writing chan<- struct{}
}

func (s noticed) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	got, err := s.Server.Allocate(ctx, i, a)
	for n, w := range got.Writers {
		got.Writers[n] = noticedWriter{w, s.writing}
	}
	return got, err
}

type noticedWriter struct {
	storage.Writer
	writing chan<- struct{}
}

func (w noticedWriter) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	w.writing <- struct{}{}
	return w.Writer.Write(ctx, s, r)
}

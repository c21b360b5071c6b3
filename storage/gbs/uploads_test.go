package gbs_test

import (
	"sync"
	"testing"
	"time"

	"tahoe/storage/gbs"
	"tahoe/storage/storagetest"
)

// The table of uploads forgets what is complete, aborted, or was left alone, and has a bounded size.
func TestUploadsTable(t *testing.T) {
	var mu sync.Mutex
	now := time.Unix(1e9, 0)
	later := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	mem := storagetest.NewMem(storagetest.Config{})
	h := gbs.NewHandler(mem, swissnum(t), gbs.HandlerConfig{MaxUploads: 3, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
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
	later(30 * time.Minute)
	r.want(patch("1", "bytes 0-4/*", "01234"), 200, "")
	later(30 * time.Minute)
	r.send(allocation(t, 10, 9))
	want("one left alone for an hour, one for half of it", 2)
	r.want(patch("1", "bytes 5-9/*", "56789"), 201, "")
	want("one complete", 1)
}

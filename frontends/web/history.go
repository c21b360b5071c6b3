package web

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
	"tahoe/lafs/immutable"
	"tahoe/lafs/trace"
	"tahoe/reactor"
)

// kept is how many transfers of a type are remembered when they are over.
var kept = map[string]int{
	wapi.OperationUpload: 10, wapi.OperationDownload: 10, wapi.OperationMapupdate: 20, wapi.OperationPublish: 20, wapi.OperationRetrieve: 40,
	wapi.OperationCheck: 10, wapi.OperationVerify: 10, wapi.OperationRepair: 10,
}

// addressWords are how the addresses of pages about transfers begin.
var addressWords = map[string]string{
	wapi.OperationUpload: "up", wapi.OperationDownload: "down", wapi.OperationMapupdate: "mapupdate",
	wapi.OperationPublish: "publish", wapi.OperationRetrieve: "retrieve",
	wapi.OperationCheck: "check", wapi.OperationVerify: "verify", wapi.OperationRepair: "repair",
}

// counted says under which names the transfers of a type, and their bytes, are counted.
var counted = map[string]struct{ files, bytes string }{
	wapi.OperationUpload:   {wapi.CounterFilesUploaded, wapi.CounterBytesUploaded},
	wapi.OperationDownload: {wapi.CounterFilesDownloaded, wapi.CounterBytesDownloaded},
	wapi.OperationPublish:  {wapi.CounterFilesPublished, wapi.CounterBytesPublished},
	wapi.OperationRetrieve: {wapi.CounterFilesRetrieved, wapi.CounterBytesRetrieved},
}

// A history remembers what requests transfer, and what they did lately. It holds no capability.
type history struct {
	clock reactor.Clock
	since time.Time
	bell  bell // is rung when something changes

	mu       sync.Mutex
	active   map[*transfer]bool
	recent   map[string][]*transfer // the youngest last
	begun    map[string]int         // how many of each type
	counters map[string]float64
}

func newHistory(clock reactor.Clock) *history {
	h := &history{clock: clock, since: clock.Now(), active: map[*transfer]bool{}, recent: map[string][]*transfer{}, begun: map[string]int{}, counters: map[string]float64{}}
	for _, names := range counted {
		h.counters[names.files], h.counters[names.bytes] = 0, 0
	}
	return h
}

// A transfer is one file or directory on its way to the grid or from there, or one that is checked. Its fields are guarded by the history.
type transfer struct {
	h       *history
	started time.Time
	line    *timeline

	op    wapi.Operation
	ended time.Time // zero while it goes on
	facts []fact    // what else there is to say of it
	bytes int64     // that have gone through
}

func (h *history) begin(kind string, c caps.Cap) *transfer {
	t := &transfer{h: h, started: h.clock.Now(), op: wapi.Operation{Type: kind, StorageIndex: indexOf(c), Status: "Under way"}}
	t.line = newTimeline(t)
	h.mu.Lock()
	defer h.mu.Unlock()
	t.op.ID = fmt.Sprintf("%s-%d", addressWords[kind], h.begun[kind])
	h.begun[kind]++
	h.active[t] = true
	h.bell.ring()
	return t
}

// watch makes a context for the work of a transfer, in which it is told what happens.
func (t *transfer) watch(ctx context.Context) context.Context { return trace.With(ctx, t.line) }

// survey notes that the versions of a mutable file are looked for.
func (h *history) survey(index *string, mode string) *transfer {
	t := h.begin(wapi.OperationMapupdate, nil)
	t.change(func() { t.op.StorageIndex, t.op.Mode = index, mode })
	return t
}

func indexOf(c caps.Cap) *string {
	if index, ok := caps.IndexOf(c); ok {
		text := index.String()
		return &text
	}
	return nil
}

// upload notes that an immutable file begins to be stored. Its size may be -1.
func (h *history) upload(size int64) *transfer {
	t := h.begin(wapi.OperationUpload, nil)
	t.uploaded(immutable.Progress{Size: size})
	return t
}

// download notes that bytes of an immutable file begin to be read.
func (h *history) download(c caps.Cap, size int64) *transfer {
	t := h.begin(wapi.OperationDownload, c)
	t.change(func() { t.op.TotalSize, t.op.Progress = &size, new(float64) })
	return t
}

// publish notes that a mutable file or directory begins to be written; nil stands for a new one.
func (h *history) publish(c caps.Cap) *transfer { return h.begin(wapi.OperationPublish, c) }

// retrieve notes that a mutable file or directory begins to be read.
func (h *history) retrieve(c caps.Cap) *transfer { return h.begin(wapi.OperationRetrieve, c) }

func (t *transfer) change(f func()) {
	t.h.mu.Lock()
	defer t.h.mu.Unlock()
	f()
	t.h.bell.ring()
}

// name says what has come into being.
func (t *transfer) name(c caps.Cap) { t.change(func() { t.op.StorageIndex = indexOf(c) }) }

// sized says how large it is, and that all of it went through.
func (t *transfer) sized(n int64) { t.change(func() { t.op.TotalSize, t.bytes = &n, n }) }

// delivered counts bytes of a download.
func (t *transfer) delivered(n int) {
	t.change(func() {
		t.bytes += int64(n)
		if t.op.TotalSize != nil && *t.op.TotalSize > 0 {
			part := min(1, float64(t.bytes)/float64(*t.op.TotalSize))
			t.op.Progress = &part
		}
	})
}

// uploaded says how far an upload is.
func (t *transfer) uploaded(p immutable.Progress) {
	t.change(func() {
		if p.Size >= 0 {
			t.op.TotalSize = &p.Size
		}
		t.op.ProgressHash = part(p.Hashed, p.Size)
		t.op.ProgressCiphertext = part(p.Encoded, p.Size)
		t.op.ProgressPush = part(p.Pushed, p.ToPush)
	})
}

func part(done, all int64) *float64 {
	var f float64
	if all > 0 {
		f = min(1, float64(done)/float64(all))
	}
	return &f
}

// stored ends an upload.
func (t *transfer) stored(res lafs.PutResult, err error) {
	if err == nil {
		whole := 1.0
		t.name(res.Cap)
		t.sized(res.Size)
		t.describe(res)
		t.change(func() { t.op.ProgressHash, t.op.ProgressCiphertext, t.op.ProgressPush = &whole, &whole, &whole })
	}
	t.end(err)
}

// end says that the transfer is over.
func (t *transfer) end(err error) {
	h := t.h
	h.mu.Lock()
	defer h.mu.Unlock()
	t.op.Status, t.ended = "Finished", h.clock.Now()
	if err != nil {
		t.op.Status = "Failed: " + problemOf(err).text
	} else if names, ok := counted[t.op.Type]; ok {
		h.counters[names.files]++
		h.counters[names.bytes] += float64(t.bytes)
	}
	delete(h.active, t)
	h.bell.ring()
	list := append(h.recent[t.op.Type], t)
	h.recent[t.op.Type] = slices.Delete(list, 0, max(0, len(list)-kept[t.op.Type]))
}

// progress is how far an upload is on its way to the grid, from 0 to 1: half of it is finding its key. It is nil when nobody knows.
func (h *history) progress(t *transfer) *float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t == nil || t.op.ProgressHash == nil || t.op.ProgressPush == nil {
		return nil
	}
	part := (*t.op.ProgressHash + *t.op.ProgressPush) / 2
	return &part
}

// status is what there is now, the youngest first.
func (h *history) status() wapi.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	var recent []*transfer
	for _, list := range h.recent {
		recent = append(recent, list...)
	}
	st, checks := wapi.Status{}, wapi.Checks{}
	st.Active, checks.Active = apart(slices.Collect(maps.Keys(h.active)))
	st.Recent, checks.Recent = apart(recent)
	if len(checks.Active)+len(checks.Recent) > 0 {
		st.Checks = &checks
	}
	return st
}

// apart has checks by themselves.
func apart(all []*transfer) (transfers, checks []wapi.Operation) {
	isCheck := func(t *transfer) bool { return t.op.CheckFigures != nil }
	return youngestFirst(slices.DeleteFunc(slices.Clone(all), isCheck)),
		youngestFirst(slices.DeleteFunc(all, func(t *transfer) bool { return !isCheck(t) }))
}

func youngestFirst(list []*transfer) []wapi.Operation {
	slices.SortFunc(list, func(a, b *transfer) int {
		return cmp.Or(b.started.Compare(a.started), cmp.Compare(a.op.Type, b.op.Type))
	})
	ops := make([]wapi.Operation, 0, len(list))
	for _, t := range list {
		ops = append(ops, t.op)
	}
	return ops
}

func (h *history) statistics() wapi.Statistics {
	h.mu.Lock()
	defer h.mu.Unlock()
	uptime := h.clock.Now().Sub(h.since).Seconds()
	return wapi.Statistics{Counters: maps.Clone(h.counters), Stats: map[string]*float64{wapi.StatUptime: &uptime}}
}

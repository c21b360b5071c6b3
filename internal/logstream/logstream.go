// Package logstream lets somebody read a program's log while it is written. It is for node, which puts a Hub in front of its log, and
// for the web port, which lets the holder of the node's token listen.
//
// The invariant: who writes a line never waits for who reads it. A listener that does not keep up is cut off, and a Hub that nobody
// listens to costs one look at a number for each line.
package logstream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// A Hub hands on log records to listeners.
type Hub struct {
	listeners atomic.Int32

	mu  sync.Mutex
	all map[*Listener]bool
}

// maxBehind is how many records a listener may be behind.
const maxBehind = 256

// A Listener gets records, from when it began to listen.
type Listener struct {
	hub     *Hub
	records chan []byte // closed when it was cut off, or has left
	gone    bool        // guarded by the hub's lock
}

// Listen begins to listen.
func (h *Hub) Listen() *Listener {
	l := &Listener{hub: h, records: make(chan []byte, maxBehind)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = make(map[*Listener]bool)
	}
	h.all[l] = true
	h.listeners.Add(1)
	return l
}

// Records are the records, each an object in JSON. They end when the listener is too slow, or has left.
func (l *Listener) Records() <-chan []byte { return l.records }

// Leave ends the listening. It may be called twice.
func (l *Listener) Leave() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	l.hub.drop(l)
}

// drop ends a listener. The lock is held.
func (h *Hub) drop(l *Listener) {
	if !l.gone {
		l.gone = true
		delete(h.all, l)
		h.listeners.Add(-1)
		close(l.records)
	}
}

func (h *Hub) send(record []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.all {
		select {
		case l.records <- record:
		default:
			h.drop(l)
		}
	}
}

// Handler is next, with the hub in front of it. Listeners get records of all levels.
func (h *Hub) Handler(next slog.Handler) slog.Handler { return &handler{hub: h, next: next} }

// A handler hands records on to the hub and to the next handler.
type handler struct {
	hub    *Hub
	next   slog.Handler
	groups []string
	attrs  map[string]any // of all records, as JSON has them
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.hub.listeners.Load() > 0 || h.next.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if h.hub.listeners.Load() > 0 {
		h.hub.send(h.encode(r))
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// encode writes a record as an object of one level. Of what a record adds nothing takes the place of the names that all have.
func (h *handler) encode(r slog.Record) []byte {
	out := maps.Clone(h.attrs)
	if out == nil {
		out = make(map[string]any, r.NumAttrs()+4)
	}
	r.Attrs(func(a slog.Attr) bool {
		h.put(out, "", a)
		return true
	})
	out["task_uuid"], out["task_level"] = rand.Text(), []int{1} // a record by itself, as readers of such logs know it
	out["timestamp"] = float64(r.Time.UnixMicro()) / float64(time.Second/time.Microsecond)
	out["message_type"] = "tahoe:log"
	out["level"] = r.Level.String()
	out["message"] = r.Message
	b, err := json.Marshal(out)
	if err != nil { // a value that JSON does not have, as infinity
		b, _ = json.Marshal(map[string]any{"timestamp": out["timestamp"], "message_type": "tahoe:log", "level": out["level"], "message": r.Message})
	}
	return b
}

// put adds an attribute, below the names of its groups.
func (h *handler) put(out map[string]any, prefix string, a slog.Attr) {
	if prefix == "" {
		for _, g := range h.groups {
			prefix += g + "."
		}
	}
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, b := range v.Group() {
			h.put(out, prefix, b)
		}
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		out[prefix+a.Key] = v.Any()
	default:
		out[prefix+a.Key] = v.String()
	}
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.next = h.next.WithAttrs(attrs)
	if c.attrs = maps.Clone(h.attrs); c.attrs == nil {
		c.attrs = make(map[string]any, len(attrs))
	}
	for _, a := range attrs {
		h.put(c.attrs, "", a)
	}
	return &c
}

func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	c.next = h.next.WithGroup(name)
	c.groups = append(c.groups[:len(c.groups):len(c.groups)], name)
	return &c
}

package logstream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"

	"tahoe/internal/logstream"
)

func newLog(hub *logstream.Hub) (*slog.Logger, *bytes.Buffer) {
	var text bytes.Buffer
	return slog.New(hub.Handler(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelWarn}))), &text
}

func TestListen(t *testing.T) {
	hub := &logstream.Hub{}
	log, text := newLog(hub)
	log.Debug("before")
	l := hub.Listen()
	log = log.With("node", "a")
	log.Debug("small", "n", 3, "ok", true, "err", errors.New("it broke"), "message", "not this", slog.Group("g", "x", 1.5))
	log.WithGroup("deep").Warn("large", "y", "z")
	log.Info("odd", "n", math.Inf(1))
	l.Leave()
	l.Leave()
	log.Info("after")
	want := []map[string]any{
		{"node": "a", "n": 3.0, "ok": true, "err": "it broke", "g.x": 1.5, "message": "small", "level": "DEBUG", "message_type": "tahoe:log"},
		{"node": "a", "deep.y": "z", "message": "large", "level": "WARN", "message_type": "tahoe:log"},
		{"message": "odd", "level": "INFO", "message_type": "tahoe:log"},
	}
	n := 0
	for record := range l.Records() {
		var got map[string]any
		if err := json.Unmarshal(record, &got); err != nil {
			t.Fatalf("record %q: %v", record, err)
		}
		if at, ok := got["timestamp"].(float64); !ok || at < 1e9 {
			t.Errorf("the time is %v", got["timestamp"])
		}
		if id, ok := got["task_uuid"].(string); n < 2 && (!ok || id == "") {
			t.Errorf("the record has no name of its own: %v", got)
		}
		for _, name := range []string{"timestamp", "task_uuid", "task_level"} {
			delete(got, name)
		}
		if n == len(want) || !reflect.DeepEqual(got, want[n]) {
			t.Fatalf("record %d: got %v", n, got)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("got %d records, want %d", n, len(want))
	}
	if s := text.String(); !strings.Contains(s, "large") || strings.Contains(s, "small") {
		t.Errorf("the log itself got %q, want warnings alone", s)
	}
}

// Who does not keep up is cut off, and the others get everything.
func TestSlowListenersAreCutOff(t *testing.T) {
	hub := &logstream.Hub{}
	log, _ := newLog(hub)
	slow, quick := hub.Listen(), hub.Listen()
	const n = 10_000
	for range n {
		log.Info("line")
		<-quick.Records()
	}
	got := 0
	for range slow.Records() {
		got++
	}
	if got == 0 || got >= n {
		t.Errorf("the slow one got %d of %d records", got, n)
	}
	quick.Leave()
	slow.Leave()
}

func BenchmarkNobodyListens(b *testing.B) {
	log := slog.New((&logstream.Hub{}).Handler(slog.DiscardHandler))
	b.ReportAllocs()
	for b.Loop() {
		log.Info("line", "n", 1)
	}
}

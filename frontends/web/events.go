package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tahoe/frontends/serve"
)

const (
	// maxListeners bounds how many clients may listen to events at once.
	maxListeners = 200
	// eventPause is the least time between two events of one listener; eventRate makes it longer where events are large.
	eventPause = 250 * time.Millisecond
	eventRate  = 256 << 10 // bytes a second
	// quietTime is how long nothing is said to a listener: then a sign of life shows whether it is still there.
	quietTime = 15 * time.Second
	// listenTime is how long a listener may take for what it is sent. One that is slower is cut off, and may come again.
	listenTime = 10 * time.Second
)

// An eventSource gives what is to be told, and whether that is the end of it. Each event holds all of it, not what has changed: who
// misses some has missed nothing.
type eventSource struct {
	name string
	bell *bell // is rung when something changes
	read func() (v any, over bool)
}

// listeners are clients that listen to events.
type listeners struct {
	slots   chan struct{}
	stopped <-chan struct{} // closed when nobody is let in any more
}

func newListeners(stopped <-chan struct{}) *listeners {
	return &listeners{slots: make(chan struct{}, maxListeners), stopped: stopped}
}

// enter lets a listener in, if there is room.
func (l *listeners) enter() (leave func(), err error) {
	select {
	case <-l.stopped:
		return nil, problem{status: http.StatusServiceUnavailable, text: "the node is stopping: try again when it is back"}
	case l.slots <- struct{}{}:
		return func() { <-l.slots }, nil
	default:
		return nil, problem{status: http.StatusServiceUnavailable, text: fmt.Sprintf("%d clients listen to events already: ask again without t=events", maxListeners)}
	}
}

// writeEvents tells a client of what changes, by Server-Sent Events, until that is over, the client goes or the node stops.
func (s *Server) writeEvents(w *recorder, r *http.Request, src eventSource) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	leave, err := s.listeners.enter()
	if err != nil {
		return err
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	out := eventWriter{w, serve.NewWriter(w, listenTime)}
	defer out.out.Stop()
	var last []byte
	for {
		rung := src.bell.next() // before reading, so that nothing is missed
		v, over := src.read()
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if !bytes.Equal(b, last) {
			if err := out.event(src.name, b); err != nil {
				return err
			}
			last = b
		}
		if over || !s.pause(r, max(eventPause, time.Duration(len(b))*time.Second/eventRate)) {
			return nil
		}
		if !s.await(r, rung, out) {
			return nil
		}
	}
}

// pause waits; false: the client has gone, or the node stops.
func (s *Server) pause(r *http.Request, d time.Duration) bool {
	t := s.c.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-r.Context().Done():
	case <-s.listeners.stopped:
	}
	return false
}

// await waits until the bell has rung, with signs of life; false: there is nobody to tell any more.
func (s *Server) await(r *http.Request, rung <-chan struct{}, out eventWriter) bool {
	for {
		t := s.c.Clock.NewTimer(quietTime)
		select {
		case <-rung:
			t.Stop()
			return true
		case <-t.C():
			if out.send([]byte(":\n\n")) != nil {
				return false
			}
		case <-r.Context().Done():
			t.Stop()
			return false
		case <-s.listeners.stopped:
			t.Stop()
			return false
		}
	}
}

// An eventWriter sends events to a client that may have stopped reading.
type eventWriter struct {
	w   *recorder
	out *serve.Writer
}

func (e eventWriter) event(name string, data []byte) error {
	return e.send(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data))
}

func (e eventWriter) send(b []byte) error {
	if _, err := e.out.Write(b); err != nil {
		return err
	}
	err := e.out.Flush()
	if err != nil {
		e.w.gone = err
	}
	return err
}

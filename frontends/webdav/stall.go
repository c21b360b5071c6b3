package webdav

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// A watchdog cuts one direction of a connection when an operation on it makes no progress for too long. Only the time within operations
// counts, so that a slow grid is not taken for a slow client.
type watchdog struct {
	limit time.Duration
	cut   func() error
	timer *time.Timer

	mu      sync.Mutex
	stopped bool
}

func newWatchdog(limit time.Duration, cut func() error) *watchdog {
	d := &watchdog{limit: limit, cut: cut}
	d.timer = time.AfterFunc(limit, d.fire)
	d.timer.Stop()
	return d
}

// fire cuts. The lock is held so that it cannot happen after stop, when the connection may serve its next request.
func (d *watchdog) fire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped {
		_ = d.cut() // a connection that has no deadlines is cut by its own
	}
}

func (d *watchdog) begin() { d.timer.Reset(d.limit) }
func (d *watchdog) end()   { d.timer.Stop() }

func (d *watchdog) stop() {
	d.timer.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
}

func past() time.Time { return time.Unix(1, 0) }

// A body is that of a request. It fails when nothing comes for too long, and remembers that reading failed, so that a client's fault
// is not taken for the grid's.
type body struct {
	io.ReadCloser
	dog *watchdog
	err error
}

func newBody(w http.ResponseWriter, r *http.Request, silence time.Duration) *body {
	rc := http.NewResponseController(w)
	return &body{ReadCloser: r.Body, dog: newWatchdog(silence, func() error { return rc.SetReadDeadline(past()) })}
}

func (b *body) Read(p []byte) (int, error) {
	b.dog.begin()
	n, err := b.ReadCloser.Read(p)
	b.dog.end()
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

func (b *body) stop() { b.dog.stop() }

const (
	maxIgnored = 256 << 10
	ignoreTime = 5 * time.Second
)

// ignoreBody takes a body that nobody wants off the connection, for as long as that is cheap. Else nothing more is read from
// it: net/http would wait for ever for a client that announces a body and never sends it.
func ignoreBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	rc := http.NewResponseController(w)
	hangUp := func() error { return rc.SetReadDeadline(past()) }
	if r.Header.Get("Expect") != "" { // to read would be to ask for the body
		_ = hangUp() // it has no deadlines: then net/http closes it
		return
	}
	dog := newWatchdog(ignoreTime, hangUp)
	defer dog.stop()
	dog.begin()
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxIgnored)) // what is wrong with it is of no interest
}

// maxWrite is little enough that a slow client makes visible progress.
const maxWrite = 64 << 10

// A watchedWriter writes to a client that may stall.
type watchedWriter struct {
	w   io.Writer
	dog *watchdog
}

func newWatchedWriter(w http.ResponseWriter, silence time.Duration) *watchedWriter {
	rc := http.NewResponseController(w)
	return &watchedWriter{w: w, dog: newWatchdog(silence, func() error { return rc.SetWriteDeadline(past()) })}
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		w.dog.begin()
		n, err := w.w.Write(p[done:min(len(p), done+maxWrite)])
		w.dog.end()
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

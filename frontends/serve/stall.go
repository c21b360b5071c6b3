package serve

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// A watchdog cuts one direction of a connection when an operation on it makes no progress for too long. Only the time
// within operations counts, so that a slow grid is not taken for a slow client. It works with a timer rather than with
// deadlines ahead of time, so that what the domain clock says is of no matter.
type watchdog struct {
	limit time.Duration
	cut   func() error
	timer *time.Timer

	mu          sync.Mutex
	stopped     bool
	fired       bool
	interrupted bool
}

func newWatchdog(limit time.Duration, cut func() error) *watchdog {
	d := &watchdog{limit: limit, cut: cut}
	d.timer = time.AfterFunc(limit, d.fire)
	d.timer.Stop()
	return d
}

// fire puts the deadline into the past. The lock is held so that this cannot happen after stop, when the connection
// may serve its next request; setting a deadline does not wait.
func (d *watchdog) fire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped {
		d.fired = d.cut() == nil
	}
}

// interrupt cuts the direction because somebody wants it to end.
func (d *watchdog) interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped {
		d.interrupted = d.cut() == nil
	}
}

func (d *watchdog) begin() { d.timer.Reset(d.limit) }
func (d *watchdog) end()   { d.timer.Stop() }

// stop ends the watch and says whether the connection was cut.
func (d *watchdog) stop() bool {
	d.timer.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	return d.fired
}

// past is a deadline that has gone by.
func past() time.Time { return time.Unix(1, 0) }

// A Body is the body of a request. It fails when nothing comes for too long, and remembers why reading failed, so that
// a client's fault is not taken for the grid's. It is used by one goroutine at a time, and stopped when the request has been served.
type Body struct {
	r   io.Reader
	dog *watchdog
	err error
}

// NewBody reads from r, which comes from the client that w answers.
func NewBody(w http.ResponseWriter, r io.Reader, limit time.Duration) *Body {
	rc := http.NewResponseController(w)
	return &Body{r: r, dog: newWatchdog(limit, func() error { return rc.SetReadDeadline(past()) })}
}

func (b *Body) Read(p []byte) (int, error) {
	b.dog.begin()
	n, err := b.r.Read(p)
	b.dog.end()
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// Err is why reading failed; nil when it did not.
func (b *Body) Err() error { return b.err }

// Stop ends the watch, and says whether the client was cut off.
func (b *Body) Stop() (cut bool) { return b.dog.stop() }

// Interrupt ends reading, as if the client had broken off. It may be called by another goroutine, and does nothing after Stop.
func (b *Body) Interrupt() { b.dog.interrupt() }

// Interrupted says whether Interrupt ended reading. It is asked after Stop.
func (b *Body) Interrupted() bool { return b.dog.interrupted }

const (
	maxIgnored = 256 << 10
	ignoreTime = 5 * time.Second
)

// IgnoreBody takes a body that nobody wants off the connection, so that the next request can follow it, for as long as
// that is cheap. Else nothing more is read from this connection. Without this net/http would read the rest itself, and
// wait for ever for a client that announces a body and never sends it. When there is more than we take, http.MaxBytesReader
// has net/http close the connection gently: a plain close would reset it, and a client that still sends would lose the answer.
func IgnoreBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	rc := http.NewResponseController(w)
	hangUp := func() error { return rc.SetReadDeadline(past()) }
	if r.Header.Get("Expect") != "" { // to read would be to ask for the body
		_ = hangUp() // a connection that has no deadlines is closed by net/http
		return
	}
	dog := newWatchdog(ignoreTime, hangUp)
	dog.begin()
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxIgnored))
	if !dog.stop() && err != nil {
		_ = hangUp() // likewise
	}
}

// maxWrite is how much is given to a connection at once: little enough that a client which takes half a KiB a second
// makes visible progress, enough that the cost of a system call hardly shows.
const maxWrite = 64 << 10

// A Writer writes to a client that may stall. It is stopped when the request has been served.
type Writer struct {
	w   io.Writer
	rc  *http.ResponseController
	dog *watchdog
}

// NewWriter writes to w.
func NewWriter(w http.ResponseWriter, limit time.Duration) *Writer {
	rc := http.NewResponseController(w)
	return &Writer{w: w, rc: rc, dog: newWatchdog(limit, func() error { return rc.SetWriteDeadline(past()) })}
}

func (w *Writer) Write(p []byte) (int, error) {
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

// Flush sends what has been written.
func (w *Writer) Flush() error {
	w.dog.begin()
	defer w.dog.end()
	return w.rc.Flush()
}

// Stop ends the watch.
func (w *Writer) Stop() { w.dog.stop() }

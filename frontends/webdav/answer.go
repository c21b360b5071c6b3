package webdav

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/webdav"

	"tahoe/frontends/serve"
	"tahoe/frontends/vfs"
)

const finiteDepth = `<?xml version="1.0" encoding="utf-8"?>` + "\n" + `<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>`

// setHeaders makes a stored file powerless in a browser.
func setHeaders(h http.Header) {
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox")
	h.Set("Cache-Control", "private, no-cache")
}

// refuse answers with an error, and gets rid of a body that nobody wants.
func refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Range", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges", "Lock-Token"} {
		h.Del(name)
	}
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "30")
	}
	serve.IgnoreBody(w, r)
	if text == finiteDepth {
		h.Set("Content-Type", "application/xml; charset=utf-8")
	} else {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		text += "\n"
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(text)) // nobody is left to tell
	}
}

// An answer is what the library writes to. It keeps the status back until the first byte, because what the library says of an error is
// often wrong, and because a file that cannot be read shows that only when it is read.
type answer struct {
	http.ResponseWriter
	q       *request
	out     *serve.Writer
	status  int // that was kept back
	started bool
	why     error // what the library says it was
}

func newAnswer(w http.ResponseWriter, q *request, silence time.Duration) *answer {
	return &answer{ResponseWriter: w, q: q, out: serve.NewWriter(w, silence)}
}

func (a *answer) stop() {
	a.out.Stop()
	a.q.body.Stop()
}

// WriteHeader implements http.ResponseWriter. A second one is a failure in the middle: the connection is cut, so that a part is not
// taken for the whole.
func (a *answer) WriteHeader(status int) {
	if a.started {
		panic(http.ErrAbortHandler)
	}
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	if a.status >= 400 {
		return len(p), nil // its text is finish's
	}
	a.start()
	return a.out.Write(p)
}

// start sends the header.
func (a *answer) start() {
	if a.started {
		return
	}
	a.started = true
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.q.timed {
		a.Header().Set("X-OC-MTime", "accepted")
	}
	if a.status == http.StatusCreated && a.q.updated && a.q.r.Method == http.MethodPut {
		a.status = http.StatusNoContent
		a.Header().Del("Content-Type")
	}
	a.ResponseWriter.WriteHeader(a.status)
}

// finish sends what was kept back.
func (a *answer) finish() {
	if a.started {
		return
	}
	if a.q.unread != nil && a.status < 400 {
		a.status, a.why = http.StatusServiceUnavailable, a.q.unread
	}
	if a.status < 400 {
		a.start()
		return
	}
	status := a.status
	if better := statusOf(a.q, a.why); better != 0 && status != http.StatusPreconditionFailed {
		status = better
	}
	if a.q.body.Err() != nil {
		status = http.StatusBadRequest
	}
	if status >= 500 && status != http.StatusInsufficientStorage && a.q.r.Context().Err() == nil {
		a.q.server.log.Warn("a request of WebDAV could not be served", "account", a.q.view.Account().Name, "method", a.q.r.Method, "reason", fmt.Sprint(a.why))
	}
	refuse(a.ResponseWriter, a.q.r, status, textOf(status))
}

// statusOf is the one table from errors to statuses; 0 for those that are the library's own.
func statusOf(q *request, err error) int {
	changes := q.r.Method == http.MethodPut || q.r.Method == "MKCOL" || q.r.Method == "LOCK" || q.r.Method == "MOVE" || q.r.Method == "COPY"
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errTooManyLocks), errors.Is(err, vfs.ErrNoSpace), errors.Is(err, vfs.ErrQuota):
		return http.StatusInsufficientStorage
	case errors.Is(err, vfs.ErrTooManyFiles), errors.Is(err, vfs.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, fs.ErrClosed):
		return http.StatusServiceUnavailable
	case errors.Is(err, webdav.ErrLocked):
		return http.StatusLocked
	case errors.Is(err, errGone):
		return http.StatusNotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrInvalid), errors.Is(err, errors.ErrUnsupported):
		return http.StatusForbidden
	case errors.Is(err, vfs.ErrIsDirectory):
		return http.StatusMethodNotAllowed
	case errors.Is(err, fs.ErrExist) && q.r.Method == "MKCOL":
		return http.StatusMethodNotAllowed
	case errors.Is(err, fs.ErrExist):
		return http.StatusPreconditionFailed
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, vfs.ErrNotDirectory):
		if changes {
			return http.StatusConflict // a folder above is missing, or none
		}
		return http.StatusNotFound
	}
	return 0
}

// textOf is what is said of a status: no path, and nothing of what happened inside.
func textOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "the request is no good, or ended before all of it had come"
	case http.StatusForbidden:
		return "that is not allowed here"
	case http.StatusNotFound:
		return "there is nothing at this address"
	case http.StatusMethodNotAllowed:
		return "that cannot be done with what is at this address"
	case http.StatusConflict:
		return "the folder in which this would be is not there"
	case http.StatusPreconditionFailed:
		return "it is not as the request expects"
	case http.StatusLocked:
		return "it is locked"
	case http.StatusInsufficientStorage:
		return "there is no room left"
	case http.StatusServiceUnavailable:
		return "the grid cannot serve this now; try again later"
	}
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "it did not work"
}

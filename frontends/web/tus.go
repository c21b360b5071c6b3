package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tahoe/frontends/web/uploads"
	"tahoe/frontends/web/wapi"
)

// Uploads that go on after a break: the protocol tus 1.0.0 (tus.io).
//
// A node that has all bytes of a file has not stored it yet. It acknowledges the last byte when the file is on the grid, so that any client
// of the protocol that was told of the end of its upload has been told the truth, and one whose file the grid did not take
// tries again by sending that byte.
const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"
	tusBytes      = "application/offset+octet-stream"
	uploadsPath   = "/uploads/"
)

// serveUploads answers requests to /uploads and /uploads/ID.
func (s *Server) serveUploads(w *recorder, r *http.Request, rt route) error {
	if s.c.Uploads == nil {
		return problem{status: http.StatusNotFound, text: "this node takes no uploads by tus: PUT the file"}
	}
	method := tusMethod(r)
	w.Header().Set("Tus-Resumable", tusVersion)
	w.Header().Set("Cache-Control", "no-store")
	if method == http.MethodOptions {
		s.writeTusOptions(w)
		return nil
	}
	if method != http.MethodGet && r.Header.Get("Tus-Resumable") != tusVersion {
		w.Header().Set("Tus-Version", tusVersion)
		return problem{status: http.StatusPreconditionFailed, text: "Tus-Resumable must be " + tusVersion + ", which is the version of tus that this node speaks"}
	}
	if rt.kind == kindUploads {
		if method != http.MethodPost {
			return notAllowed(method, http.MethodPost, http.MethodOptions)
		}
		return s.createUpload(w, r)
	}
	u, err := s.c.Uploads.Get(rt.rest)
	if err != nil {
		return uploadProblem(err)
	}
	v, leave, err := s.ownerOf(w, r, u)
	if err != nil {
		return err
	}
	defer leave()
	switch method {
	case http.MethodHead:
		return s.writeUploadHead(w, u)
	case http.MethodPatch:
		return s.patchUpload(w, r, u, v)
	case http.MethodDelete:
		return s.deleteUpload(w, r, u)
	case http.MethodGet:
		return s.serveUpload(w, r, u)
	}
	return notAllowed(method, http.MethodHead, http.MethodPatch, http.MethodDelete, http.MethodGet, http.MethodOptions)
}

func notAllowed(method string, others ...string) error {
	return allow(&http.Request{Method: method}, others...)
}

// tusMethod is what a request wants: a client whose surroundings know only POST says it in a header. Only a POST has been guarded as
// what changes something.
func tusMethod(r *http.Request) string {
	if other := strings.ToUpper(r.Header.Get("X-Http-Method-Override")); other != "" && r.Method == http.MethodPost {
		return other
	}
	return r.Method
}

func (s *Server) writeTusOptions(w *recorder) {
	h := w.Header()
	h.Set("Tus-Version", tusVersion)
	h.Set("Tus-Extension", tusExtensions)
	h.Set("Tus-Max-Size", strconv.FormatInt(s.c.Uploads.Limit(), 10))
	h.Set("Tus-Checksum-Algorithm", checksumNames)
	w.WriteHeader(http.StatusNoContent)
}

// uploadProblem is about errors of the spool.
func uploadProblem(err error) error {
	switch {
	case errors.Is(err, uploads.ErrUnknown):
		return problem{status: http.StatusNotFound, text: err.Error()}
	case errors.Is(err, uploads.ErrTooMany):
		return problem{status: http.StatusServiceUnavailable, text: err.Error() + ": try again when some of them are over"}
	case errors.Is(err, uploads.ErrNoSpace):
		return problem{status: http.StatusInsufficientStorage, kind: wapi.KindNoSpace,
			text: "the room of this node for uploads under way is full: what has come of this one is kept, so go on when others are over"}
	}
	return err
}

// acknowledged is how many bytes a client need not send again.
func acknowledged(st uploads.Status) int64 {
	if !st.Done && st.Complete() {
		return max(0, st.Size-1)
	}
	return st.Received
}

// stateOf is the state of an upload, as the API names it.
func (s *Server) stateOf(u *uploads.Upload, st uploads.Status) string {
	switch {
	case st.Done:
		return wapi.UploadStored
	case s.storings.of(u) != nil:
		return wapi.UploadStoring
	case st.Failure != nil:
		return wapi.UploadFailed
	}
	return wapi.UploadReceiving
}

// setUploadHeaders sets what every answer about an upload has. What it was stored as is told to who knows its address, because
// that is who sent it; where it was linked is not.
func (s *Server) setUploadHeaders(h http.Header, u *uploads.Upload) {
	st := u.Status()
	h.Set("Upload-Offset", strconv.FormatInt(acknowledged(st), 10))
	h.Set("Upload-Expires", st.Expires.UTC().Format(http.TimeFormat))
	h.Set(wapi.UploadStateHeader, s.stateOf(u, st))
	if st.Done && st.Cap != "" {
		h.Set(wapi.UploadCapHeader, st.Cap)
	}
}

func (s *Server) writeUploadHead(w *recorder, u *uploads.Upload) error {
	st, h := u.Status(), w.Header()
	s.setUploadHeaders(h, u)
	if st.Size >= 0 {
		h.Set("Upload-Length", strconv.FormatInt(st.Size, 10))
	} else {
		h.Set("Upload-Defer-Length", "1")
	}
	if text := publicMetadata(st.Metadata); text != "" {
		h.Set("Upload-Metadata", text)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// serveUpload answers GET, which is none of tus, with how an upload is.
func (s *Server) serveUpload(w *recorder, r *http.Request, u *uploads.Upload) error {
	switch t := (args{query: r.URL.Query()}).operation(); t {
	case "", "json":
		return s.writeJSON(w, r, "application/json", s.uploadFacts(u))
	case "events":
		return s.writeEvents(w, r, eventSource{"upload", &s.history.bell, func() (any, bool) {
			facts := s.uploadFacts(u)
			return facts, facts.State == wapi.UploadStored || facts.State == wapi.UploadFailed
		}})
	default:
		return badRequest("Unknown t value: '%s'", short(t))
	}
}

func (s *Server) uploadFacts(u *uploads.Upload) wapi.Upload {
	st := u.Status()
	facts := wapi.Upload{State: s.stateOf(u, st), Received: st.Received, Expires: float64(st.Expires.UnixMilli()) / 1e3}
	if st.Size >= 0 {
		facts.Size = &st.Size
	}
	if job := s.storings.of(u); job != nil {
		facts.Progress = s.history.progress(job.transfer.Load())
	}
	if st.Done {
		facts.Cap = st.Cap
	}
	if st.Failure != nil {
		facts.Error = problemOf(st.Failure).text
	}
	return facts
}

// uploadsUnderWay tells of those that are not stored yet. Nothing of it leads to an upload.
func (s *Server) uploadsUnderWay() (all []wapi.Upload) {
	if s.c.Uploads == nil {
		return nil
	}
	for _, u := range s.c.Uploads.All() {
		if facts := s.uploadFacts(u); facts.State != wapi.UploadStored {
			all = append(all, facts)
		}
	}
	return all
}

// turnTime is how long a request waits for another one about the same upload to end.
const turnTime = 10 * time.Second

// takeTurn makes a request the only one that changes an upload. One that still waits for bytes gives way: its client has lost
// the connection and come back, in most cases.
func (s *Server) takeTurn(r *http.Request, u *uploads.Upload, interrupt func()) (release func(), err error) {
	ctx, stop := context.WithTimeout(r.Context(), turnTime)
	defer stop()
	release, err = u.Take(ctx, interrupt)
	if err != nil {
		return nil, problem{status: http.StatusLocked, text: "another request is at work on this upload: try again in a moment"}
	}
	if _, err := s.c.Uploads.Get(u.ID()); err != nil { // it was ended meanwhile
		release()
		return nil, uploadProblem(err)
	}
	return release, nil
}

// deleteUpload forgets an upload, and ends what goes on with it.
func (s *Server) deleteUpload(w *recorder, r *http.Request, u *uploads.Upload) error {
	if job := s.storings.of(u); job != nil {
		job.cancel()
	}
	release, err := s.takeTurn(r, u, nil)
	if err != nil {
		return err
	}
	defer release()
	if err := u.Remove(); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

package web

import (
	"context"
	"net/http"
	"strconv"

	"tahoe/frontends/web/uploads"
)

// maxMetadata bounds what the node remembers of each upload.
const maxMetadata = 8 << 10

// createUpload answers POST, which begins an upload. What the end would refuse is refused now, before anything is sent in vain.
func (s *Server) createUpload(w *recorder, r *http.Request) error {
	size, err := s.newUploadSize(r)
	if err != nil {
		return err
	}
	check, err := checksumOf(r)
	if err != nil {
		return err
	}
	withBytes := r.Header.Get("Content-Type") == tusBytes
	if withBytes && size >= 0 && r.ContentLength > size {
		return tooManyBytes(size)
	}
	text := r.Header.Get("Upload-Metadata")
	if len(text) > maxMetadata {
		return badRequest("Upload-Metadata is longer than %d bytes", maxMetadata)
	}
	p, err := planOf(text)
	if err != nil {
		return err
	}
	v, leave, err := s.senderOf(w, r, p)
	if err != nil {
		return err
	}
	defer leave()
	if err := s.mayStore(r.Context(), p, v, size); err != nil {
		return err
	}
	u, err := s.c.Uploads.Create(size, text, v.name())
	if err != nil {
		return uploadProblem(err)
	}
	w.Header().Set("Location", uploadsPath+u.ID())
	// The headers of the answer tell how far this goes: the upload has been made whatever comes of it, and its client goes on from there.
	if withBytes {
		err = s.takeBytes(w, r, u, 0, check)
	}
	if err == nil && u.Status().Complete() {
		_ = s.storeUpload(r.Context(), u, v) // it is in the status of the upload
	}
	s.setUploadHeaders(w.Header(), u)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// newUploadSize is how large an upload is to be; -1: its client will say it later.
func (s *Server) newUploadSize(r *http.Request) (int64, error) {
	if r.Header.Get("Upload-Concat") != "" {
		return 0, badRequest("Upload-Concat is of an extension of tus that this node does not have: send the file as one upload")
	}
	later := r.Header.Get("Upload-Defer-Length")
	switch {
	case later != "" && r.Header.Get("Upload-Length") != "":
		return 0, badRequest("Upload-Length and Upload-Defer-Length exclude each other")
	case later == "1":
		return -1, nil
	case later != "":
		return 0, badRequest("Upload-Defer-Length must be 1")
	}
	size, err := s.uploadLength(r)
	if err == nil && size > s.c.Uploads.Free() {
		return 0, uploadProblem(uploads.ErrNoSpace)
	}
	return size, err
}

// uploadLength reads the header of that name.
func (s *Server) uploadLength(r *http.Request) (int64, error) {
	n, err := headerNumber(r, "Upload-Length")
	if err == nil && n > s.c.Uploads.Limit() {
		return 0, problem{status: http.StatusRequestEntityTooLarge,
			text: "this node takes uploads of at most " + strconv.FormatInt(s.c.Uploads.Limit(), 10) + " bytes"}
	}
	return n, err
}

func headerNumber(r *http.Request, name string) (int64, error) {
	text := r.Header.Get(name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || text[0] == '+' {
		return 0, badRequest("%s must be a number of bytes", name)
	}
	return n, nil
}

// mayStore says why a plan cannot be carried out.
func (s *Server) mayStore(ctx context.Context, p uploadPlan, v *visit, size int64) error {
	if v != nil {
		return ofHome(s.mayStoreAtHome(ctx, p, v, size))
	}
	if _, err := p.args.newFile(); err != nil {
		return err
	}
	if p.route.kind == kindCollection {
		return nil
	}
	at, err := s.placeFor(ctx, p)
	if err != nil {
		return err
	}
	return p.mayStoreAt(at)
}

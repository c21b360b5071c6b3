package web

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"tahoe/frontends/web/uploads"
)

// patchUpload answers PATCH, which brings bytes. The one that brings the last waits until the file is on the grid.
func (s *Server) patchUpload(w *recorder, r *http.Request, u *uploads.Upload, v *visit) error {
	if r.Header.Get("Content-Type") != tusBytes {
		return problem{status: http.StatusUnsupportedMediaType, text: "the Content-Type of a PATCH must be " + tusBytes}
	}
	offset, err := headerNumber(r, "Upload-Offset")
	if err != nil {
		return err
	}
	check, err := checksumOf(r)
	if err != nil {
		return err
	}
	err = s.takeBytes(w, r, u, offset, check)
	if st := u.Status(); err == nil && st.Complete() && !st.Done {
		err = s.storeUpload(r.Context(), u, v)
	}
	s.setUploadHeaders(w.Header(), u)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// takeBytes takes what a request brings, in its turn. While the file goes to the grid no turn is needed: all bytes are here, and
// one that comes again changes nothing.
func (s *Server) takeBytes(w *recorder, r *http.Request, u *uploads.Upload, offset int64, check *checksum) error {
	src := newBody(w, r, s.c.Stall)
	defer src.Stop()
	if s.storings.of(u) == nil {
		release, err := s.takeTurn(r, u, src.Interrupt)
		if err != nil {
			return err
		}
		defer release()
	}
	st := u.Status()
	if at := acknowledged(st); offset != at {
		return conflict("Upload-Offset must be %d: so many bytes of this upload are here", at)
	}
	if err := s.setLength(r, u); err != nil {
		return err
	}
	st = u.Status()
	if st.Size >= 0 && r.ContentLength > st.Size-offset {
		return tooManyBytes(st.Size)
	}
	return s.receive(src, u, check)
}

// setLength notes the size of an upload, if a request says it.
func (s *Server) setLength(r *http.Request, u *uploads.Upload) error {
	if r.Header.Get("Upload-Length") == "" {
		return nil
	}
	size, err := s.uploadLength(r)
	if err != nil {
		return err
	}
	switch st := u.Status(); {
	case st.Size == size:
		return nil
	case st.Size >= 0:
		return badRequest("Upload-Length cannot change: it is %d", st.Size)
	case size < st.Received:
		return badRequest("Upload-Length is %d, but %d bytes are here already", size, st.Received)
	}
	return uploadProblem(u.SetSize(size))
}

// receive takes the bytes of a body. Those that are here already are read and dropped.
func (s *Server) receive(src body, u *uploads.Upload, check *checksum) error {
	var from io.Reader = tolling{src, &s.history.bell}
	var verify func() error
	if check != nil {
		from, verify = io.TeeReader(from, check.hash), check.verify
	}
	st := u.Status()
	var err error
	if st.Complete() {
		_, err = io.CopyN(io.Discard, from, st.Size-acknowledged(st))
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if err == nil && verify != nil {
			err = verify()
		}
	} else {
		_, err = u.Append(from, verify)
	}
	if err == nil && u.Status().Complete() {
		err = nothingMore(src, u.Status().Size)
	}
	return uploadProblem(src.blame(err, s.c.Stall))
}

// nothingMore refuses a body without a stated length that goes on behind the end of the file.
func nothingMore(src body, size int64) error {
	n, err := io.ReadFull(src, make([]byte, 1))
	if n > 0 {
		return tooManyBytes(size)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func tooManyBytes(size int64) error {
	return problem{status: http.StatusRequestEntityTooLarge, text: "the upload has " + strconv.FormatInt(size, 10) + " bytes, and this request brings more"}
}

// tolling rings a bell when something comes.
type tolling struct {
	io.Reader
	bell *bell
}

func (t tolling) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if n > 0 {
		t.bell.ring()
	}
	return n, err
}

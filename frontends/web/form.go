package web

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"tahoe/caps"
)

const (
	maxField  = 64 << 10 // bytes of a form field other than the file
	maxFields = 100
	formBlock = 64 << 10 // bytes of the body read at once
)

// postFile answers POST /uri.
func (s *Server) postFile(w *recorder, r *http.Request) error {
	a := args{query: r.URL.Query(), form: map[string]string{}}
	if err := checkPost(a); err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return badRequest("POST /uri?t=upload needs a body of type multipart/form-data with a field named file")
	}
	src := newBody(w, r, s.c.Stall)
	r.Body = struct {
		io.Reader
		io.Closer
	}{bufio.NewReaderSize(src, formBlock), r.Body}
	up, err := s.readForm(r, a)
	if err := src.blame(err, s.c.Stall); err != nil {
		return err
	}
	target, err := s.whenDone(r, a)
	if err != nil {
		return err
	}
	if target != "" {
		return redirect(w, r, doneTarget(target, up.cap))
	}
	return s.servePage(w, r, "uploaded.html", uploadedPage(up))
}

// checkPost refuses what POST /uri cannot do, as far as the arguments that are known tell.
func checkPost(a args) error {
	switch a.operation() {
	case "", "upload":
		return a.immutable()
	case "mkdir", "mkdir-with-children", "mkdir-immutable":
		return notYet("directories are")
	}
	return badRequest(collectionUse)
}

// An uploaded file is what came of a form.
type uploaded struct {
	cap  caps.Read
	name string
	size int64
}

// readForm goes through a form part by part, and stores its file while it comes. Fields in front of the file are heeded
// before anything is stored; browsers send fields in the order of the page.
func (s *Server) readForm(r *http.Request, a args) (up uploaded, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return up, badRequest("the form cannot be read: %v", err)
	}
	for range maxFields {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			if up.cap == nil {
				return up, badRequest("t=upload needs a form field named file, and the form has none")
			}
			return up, s.checkForm(r, a)
		}
		if err != nil {
			return up, badRequest("the form cannot be read: %v", err)
		}
		if part.FormName() != "file" {
			err = readField(a, part)
		} else if up.cap != nil {
			err = badRequest("the form has two fields named file")
		} else if err = s.checkForm(r, a); err == nil {
			up, err = s.storePart(r, part)
		}
		if err != nil {
			return up, err
		}
	}
	return up, badRequest("the form has more than %d fields", maxFields)
}

func (s *Server) checkForm(r *http.Request, a args) error {
	if err := checkPost(a); err != nil {
		return err
	}
	_, err := s.whenDone(r, a)
	return err
}

// readField keeps the first value of each field.
func readField(a args, part *multipart.Part) error {
	b, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return badRequest("the form cannot be read: %v", err)
	}
	if len(b) > maxField {
		return problem{status: http.StatusRequestEntityTooLarge, text: "a field of the form is longer than 64 KiB"}
	}
	if _, twice := a.form[part.FormName()]; !twice {
		a.form[part.FormName()] = string(b)
	}
	return nil
}

// storePart stores the file of a form. Browsers send an empty file with an empty name when none was chosen.
func (s *Server) storePart(r *http.Request, part *multipart.Part) (uploaded, error) {
	src := bufio.NewReaderSize(part, formBlock)
	if _, err := src.Peek(1); errors.Is(err, io.EOF) && emptyName(part) {
		return uploaded{}, badRequest("no file was chosen")
	}
	counted := &counter{r: src}
	c, err := s.store.Put(r.Context(), counted, -1)
	if err != nil && counted.err != nil {
		err = badRequest("the form ends before its file does")
	}
	return uploaded{cap: c, name: part.FileName(), size: counted.n}, err
}

func emptyName(part *multipart.Part) bool {
	return part.FileName() == "" && strings.Contains(part.Header.Get("Content-Disposition"), "filename=")
}

// A counter counts what is read from r, and keeps the error that it ended with.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

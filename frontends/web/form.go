package web

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tahoe/internal/spool"
)

const (
	maxField   = 64 << 10 // bytes of a form field other than the file
	maxFields  = 100
	maxPlain   = 1 << 20  // bytes of a form without files
	formBlock  = 64 << 10 // bytes of the body read at once
	formMemory = 64 << 10 // bytes of a form's file that stay in memory
)

// A form is the body of a POST. Its file waits in a spool until the fields behind it are known too: they say what becomes of
// it. It belongs to the goroutine of the request, which closes it.
type form struct {
	fields   map[string]string
	file     *spool.Spool // nil: there was none
	fileName string
	raw      io.Reader // the body, when it is no form
	plain    bool      // there is a body, and it is no form with parts
}

// args are the arguments of the request.
func (f *form) args(r *http.Request) args { return args{query: r.URL.Query(), form: f.fields} }

// source is the file as it can be stored: it can be read twice.
func (f *form) source() source {
	return source{Reader: io.NewSectionReader(f.file, 0, f.file.Size()), size: f.file.Size()}
}

func (f *form) close() {
	if f.file != nil {
		_ = f.file.Close()
	}
}

// bodyOperations are those whose body is JSON, whatever type it says it is of: curl says that everything is a form.
var bodyOperations = []string{"mkdir-with-children", "mkdir-immutable", "set_children", "set-children"}

// readForm reads the body of a POST if it is a form.
func (s *Server) readForm(w http.ResponseWriter, r *http.Request) (*form, error) {
	f := &form{fields: map[string]string{}}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isJSON := slices.Contains(bodyOperations, strings.TrimSpace(r.URL.Query().Get("t")))
	switch {
	case err == nil && kind == "multipart/form-data":
		return f, s.readParts(w, r, f)
	case err == nil && kind == "application/x-www-form-urlencoded" && !isJSON:
		return f, s.readPlain(w, r, f)
	}
	f.raw, f.plain = r.Body, r.ContentLength != 0
	return f, nil
}

// readPlain reads a form without parts.
func (s *Server) readPlain(w http.ResponseWriter, r *http.Request, f *form) error {
	b, err := s.readBody(w, r, maxPlain)
	if err != nil {
		return err
	}
	f.plain = len(b) > 0
	values, err := url.ParseQuery(string(b))
	if err != nil {
		return badRequest("the form cannot be read: it holds a %% that is not followed by two hexadecimal digits, or a semicolon")
	}
	for name, v := range values {
		f.fields[name] = v[0]
	}
	return nil
}

// readParts reads a form with parts.
func (s *Server) readParts(w http.ResponseWriter, r *http.Request, f *form) error {
	src := newBody(w, r, s.c.Stall)
	r.Body = struct {
		io.Reader
		io.Closer
	}{bufio.NewReaderSize(src, formBlock), r.Body}
	err := src.blame(s.readFields(r, f), s.c.Stall)
	if err != nil {
		f.close()
	}
	return err
}

func (s *Server) readFields(r *http.Request, f *form) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return badRequest("the form cannot be read: %v", err)
	}
	for range maxFields {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badRequest("the form cannot be read: %v", err)
		}
		if part.FormName() != "file" {
			err = f.readField(part)
		} else if f.file != nil {
			err = badRequest("the form has two fields named file")
		} else {
			err = f.readFile(part, s.c.TempDir)
		}
		if err != nil {
			return err
		}
	}
	return badRequest("the form has more than %d fields", maxFields)
}

// readField keeps the first value of each field.
func (f *form) readField(part *multipart.Part) error {
	b, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return badRequest("the form cannot be read: %v", err)
	}
	if len(b) > maxField {
		return problem{status: http.StatusRequestEntityTooLarge, text: "a field of the form is longer than 64 KiB"}
	}
	if _, twice := f.fields[part.FormName()]; !twice {
		f.fields[part.FormName()] = string(b)
	}
	return nil
}

// readFile spools the file of a form. Browsers send an empty file with an empty name when none was chosen.
func (f *form) readFile(part *multipart.Part, dir string) error {
	f.file, f.fileName = spool.New(dir, formMemory), fileNameOf(part)
	from := &counter{r: part}
	_, err := io.CopyBuffer(struct{ io.Writer }{f.file}, from, make([]byte, formBlock))
	switch {
	case from.err != nil:
		return badRequest("the form ends before its file does")
	case err == nil && f.file.Size() == 0 && emptyName(part):
		return badRequest("no file was chosen")
	}
	return err
}

// fileNameOf is the name that a file had where it came from, with whatever is in it: Part.FileName would cut folders off.
func fileNameOf(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return part.FileName()
	}
	return params["filename"]
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

// maxCap is more than any capability is long.
const maxCap = 64 << 10

// readBody reads all of a body that is small.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	src := newBody(w, r, s.c.Stall)
	b, err := io.ReadAll(io.LimitReader(src, limit+1))
	if err := src.blame(err, s.c.Stall); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, problem{status: http.StatusRequestEntityTooLarge, text: "the body of this request is too long for what it is"}
	}
	return bytes.TrimSpace(b), nil
}

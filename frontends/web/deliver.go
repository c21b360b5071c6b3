package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tahoe/frontends/serve"
)

// A download is how the bytes of a file are asked for.
type download struct {
	name string // empty when the request gave none
	save bool
	tag  string
}

// contents are the bytes of a file, as in lafs.File.
type contents interface {
	Size() int64
	Read(ctx context.Context, off, n int64, w io.Writer) error
}

// deliver sends a file or a range of it. The header goes out with the first verified bytes, so that until then every
// failure has its status. A failure after that cuts the connection: the announced length is then visibly not reached.
// (The original appends a sentence to the bytes of the file instead, which a client that does not count takes for data.)
func (s *Server) deliver(w *recorder, r *http.Request, f contents, d download) error {
	want, part, err := rangeOf(rangeHeader(r, d.tag), f.Size())
	if err != nil {
		return err
	}
	if !part {
		want = span{size: f.Size()}
	}
	s.describeDownload(w.Header(), d)
	status := http.StatusOK
	if part {
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", want.off, want.off+want.size-1, f.Size()))
	}
	w.Header().Set("Content-Length", strconv.FormatInt(want.size, 10))
	if r.Method == http.MethodHead {
		return s.probe(w, r, f, want.off, status)
	}
	out := serve.NewWriter(w, s.c.Stall)
	defer out.Stop()
	err = f.Read(r.Context(), want.off, want.size, &delivery{w: w, out: out, status: status})
	if err == nil && w.status == 0 {
		w.WriteHeader(status)
	}
	return err
}

// probe answers HEAD. It reads one byte of the file, which needs as many good shares as all of it does, so that a lost
// file is not said to be there.
func (s *Server) probe(w *recorder, r *http.Request, f contents, off int64, status int) error {
	if off < f.Size() {
		if err := f.Read(r.Context(), off, 1, io.Discard); err != nil {
			return err
		}
	}
	w.WriteHeader(status)
	return nil
}

// A delivery writes the header of the answer before the first bytes.
type delivery struct {
	w      *recorder
	out    io.Writer
	status int
}

func (d *delivery) Write(p []byte) (int, error) {
	if d.w.status == 0 && len(p) > 0 {
		d.w.WriteHeader(d.status)
	}
	return d.out.Write(p)
}

// describeDownload sets the headers that follow from the file's name. A file that is saved is not declared to be
// compressed: the browser would unpack it while writing it under its compressed name.
func (s *Server) describeDownload(h http.Header, d download) {
	kind, encoding := s.types.of(d.name)
	h.Set("Content-Type", kind)
	h.Set("Accept-Ranges", "bytes")
	if encoding != "" && !d.save {
		h.Set("Content-Encoding", encoding)
	}
	if d.save {
		h.Set("Content-Disposition", disposition(d.name))
	}
}

// disposition tells a browser to save a file. The name stands there as it was sent, and once more in the form of RFC 6266
// when it is not plain ASCII.
func disposition(name string) string {
	if name == "" {
		name = "unknown"
	}
	quoted := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
	quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(quoted)
	v := `attachment; filename="` + quoted + `"`
	if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		v += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return v
}

package gbs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tahoe/storage"
)

// A requestBody reads a request's body into large buffers: a Read fills what it is given, as far as the body goes, where
// TLS would give it record by record. A client that sends nothing for too long makes it fail. It remembers how it failed,
// because the storage server's error alone does not tell whose fault a broken write is.
type requestBody struct {
	body    io.Reader
	control *http.ResponseController
	silence time.Duration
	set     time.Time // when the deadline was set last
	err     error
}

func (h *Handler) newBody(r *request) *requestBody {
	return &requestBody{body: r.Body, control: http.NewResponseController(r.w), silence: h.cfg.Silence}
}

func (b *requestBody) Read(p []byte) (n int, err error) {
	n, err = fill(readerFunc(b.pull), p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// pull reads what there is.
func (b *requestBody) pull(p []byte) (int, error) {
	b.extend()
	return b.body.Read(p)
}

// extend moves the deadline on, not for every record but often enough.
func (b *requestBody) extend() {
	if now := time.Now(); now.Sub(b.set) > b.silence/4 {
		b.set = now
		_ = b.control.SetReadDeadline(now.Add(b.silence))
	}
}

// boundBody limits the time for a body that nobody reads, or until somebody begins to. net/http waits without limit for
// the rest of an announced body before it closes a connection or uses it again.
func boundBody(w http.ResponseWriter, r *http.Request, silence time.Duration) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(silence))
	}
}

// A spooled body can be read at any place.
type spooled struct {
	io.ReaderAt
	size int64
	file *os.File // nil when the body is in memory

	named bool // the file must be removed
}

// Close removes the file.
func (s *spooled) Close() {
	if s.file != nil {
		_ = s.file.Close()
	}
	if s.named {
		_ = os.Remove(s.file.Name())
	}
}

// spool reads the whole body, of length bytes when that is not negative. What goes beyond c.SpoolAbove bytes goes to a
// file, and only if the length was said before.
func (b *requestBody) spool(length int64, c HandlerConfig) (*spooled, error) {
	var mem bytes.Buffer
	if 0 <= length && length <= c.SpoolAbove {
		mem.Grow(int(length) + bytes.MinRead)
	}
	if length <= c.SpoolAbove {
		n, err := mem.ReadFrom(io.LimitReader(b, c.SpoolAbove+1))
		switch {
		case err != nil:
			return nil, bodyError(err)
		case n > c.SpoolAbove:
			return nil, fmt.Errorf("a body of more than %d bytes needs a Content-Length: %w", c.SpoolAbove, errLengthRequired)
		}
		return &spooled{ReaderAt: bytes.NewReader(mem.Bytes()), size: n}, nil
	}
	return b.spoolFile(length, c.SpoolDir)
}

// What the names of spool files begin and end with.
const (
	spoolPrefix = "gbs-"
	spoolSuffix = ".spool"
)

// RemoveSpools removes the spool files that an earlier process left in dir, where the system does not take the names of open
// files away. It is for the start, by the one whose handlers alone spool there.
func RemoveSpools(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking for spool files: %w", err)
	}
	var errs []error
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || !strings.HasPrefix(name, spoolPrefix) || !strings.HasSuffix(name, spoolSuffix) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing a spool file: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (b *requestBody) spoolFile(length int64, dir string) (*spooled, error) {
	f, err := os.CreateTemp(dir, spoolPrefix+"*"+spoolSuffix)
	if err != nil {
		return nil, fmt.Errorf("spooling a request: %w", err)
	}
	// Where the system allows it, the file has no name from now on, so that nothing is left when the process dies.
	s := &spooled{ReaderAt: f, size: length, file: f, named: os.Remove(f.Name()) != nil}
	buf := getChunk()
	defer putChunk(buf)
	// The file must not offer to read from the body itself: it would do so 32 KiB at a time.
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, io.LimitReader(b, length), *buf)
	if err == nil && n < length {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		return s, nil
	}
	s.Close()
	if b.err != nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, bodyError(err)
	}
	return nil, fmt.Errorf("spooling a request (%w): %w", err, storage.ErrNoSpace)
}

package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"

	"tahoe/frontends/web/uploads"
	"tahoe/lafs"
	"tahoe/lafs/mutable"
	"tahoe/lafs/trace"
)

// The parsers, for fuzzing.
var (
	RangeOf = rangeOf
	Ago     = ago
	Size    = sizeText
)

// Span is what RangeOf finds.
func (s span) Bounds() (off, size int64) { return s.off, s.size }

// ParseRoute gives what a path was read as.
func ParseRoute(escaped string) (shape, cap string, names []string, err error) {
	rt := parseRoute(escaped)
	return rt.shape, rt.cap, rt.names, rt.err
}

// MediaType is the type and the encoding that a name stands for.
func MediaType(name string) (kind, encoding string) { return parseTypes(typesText).of(name) }

// Directories that are being read, or wait for it.
func (s *Server) DirectoriesInReading() int {
	s.readings.mu.Lock()
	defer s.readings.mu.Unlock()
	return len(s.readings.lines)
}

// Relayed is a JSON value as answers hold it: laid out, and on one line.
func Relayed(json []byte) (laidOut, flat []byte) {
	p, q := printer{}, printer{flat: true}
	p.raw(json)
	q.raw(json)
	return p.b, q.b
}

// Quoted is a text as answers hold it.
func Quoted(s string) []byte {
	var p printer
	p.text(s)
	return p.b
}

// DecodeChildren reads children from JSON.
func DecodeChildren(b []byte) ([]lafs.NewChild, error) {
	return decodeChildren(json.NewDecoder(bytes.NewReader(b)))
}

// ReadVersion reads a mutable file, of which a version is known.
func ReadVersion(ctx context.Context, f *lafs.MutableFile, v mutable.Version, w io.Writer) error {
	return versionFile{f, v}.Read(ctx, 0, v.Size, w)
}

// Timeline is what a transfer remembers of itself.
func (s *Server) Timeline() (o trace.Observer, calls, segments func() int) {
	l := s.history.download(nil, 1).line
	return l, func() int { return len(l.copy().calls) }, func() int { return len(l.copy().segments) }
}

// MaxEvents of a kind are remembered of a transfer.
const MaxEvents = max(maxCalls, maxSegments)

// MaxOperations are kept at once.
const MaxOperations = maxOperations

// HoldOperation is what a reader of an operation does, until release.
func (s *Server) HoldOperation(handle string) (release func()) {
	op := s.operations.get(handle, poll{})
	op.mu.Lock()
	return op.mu.Unlock
}

// AskOperation looks for an operation.
func (s *Server) AskOperation(handle string) { s.operations.get(handle, poll{}) }

// Uploads is the spool.
func (s *Server) Uploads() *uploads.Spool { return s.c.Uploads }

// MetadataOf and PublicMetadata are about Upload-Metadata.
var (
	MetadataOf     = metadataOf
	PublicMetadata = publicMetadata
)

// MaxListeners listen to events at once, and Listeners is how many do.
const MaxListeners = maxListeners

func (s *Server) Listeners() int { return len(s.listeners.slots) }

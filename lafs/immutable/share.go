package immutable

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// A share is a share that a server says it has. All but the first three fields are guarded by the mutex of its File.
type share struct {
	server *grid.Server
	num    int
	name   string

	r       storage.Reader
	layout  layout.Layout   // where its sections are; set with blocks
	blocks  []taghash.Hash  // the verified hashes of its blocks; nil until it has proved itself
	corrupt bool            // of no use any more
	noUEB   bool            // its UEB is wrong, so that another share must come first
	other   taghash.Hash    // of its UEB, when that is well formed and not the file's; zero otherwise
	bad     map[int]bool    // segments whose block was wrong
	most    int64           // bytes that one use brought without filling a block
	latency int             // looks that its server took to answer, at most
	faults  int             // failures of any kind: better shares are preferred
	advised map[string]bool // parts that its server was told about
}

// proved says whether the share's block hashes are known.
func (s *share) proved() bool { return s.blocks != nil }

// fault takes note of err. What an honest server may suffer leaves the share usable for a later Read.
func (s *share) fault(err error, segment int) {
	s.faults++
	p, ok := errors.AsType[*partError](err)
	if !ok {
		return
	}
	switch p.part {
	case partUEB:
		s.noUEB = true
		if o, ok := errors.AsType[*otherUEB](err); ok {
			s.other = o.hash
		}
	case blockPart(segment):
		if s.bad == nil {
			s.bad = make(map[int]bool)
		}
		s.bad[segment] = true
	default:
		s.corrupt = true
	}
}

// A meter counts the bytes that arrive for one lane, so that a watcher sees whether it stands still.
type meter = atomic.Int64

// readFull fills dst from body. A body that ends early is errShortShare: the server says that there is no more.
func readFull(body io.Reader, dst []byte, m *meter) error {
	_, err := readUpTo(body, dst, m, true)
	return err
}

func readUpTo(body io.Reader, dst []byte, m *meter, all bool) (n int, err error) {
	for n < len(dst) {
		k, err := body.Read(dst[n:])
		n += k
		m.Add(int64(k))
		switch {
		case n == len(dst):
			return n, nil
		case err == io.EOF && all:
			return n, errShortShare
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		}
	}
	return n, nil
}

// readAhead is how much memory a span takes before any of it has come.
const readAhead = 1 << 20

// readSpan reads a span of a share into memory. The result is shorter where the share ends. Memory grows with what comes:
// how large hash trees are is up to whoever made the capability.
func readSpan(ctx context.Context, r storage.Reader, s storage.Span, m *meter) ([]byte, error) {
	body, err := openSpan(ctx, r, s)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b := make([]byte, min(s.Size, readAhead))
	for n := 0; ; {
		more, err := readUpTo(body, b[n:], m, false)
		if n += more; err != nil || n < len(b) || int64(n) == s.Size {
			return b[:n], err
		}
		b = append(b, make([]byte, min(int64(n), s.Size-int64(n)))...)
	}
}

// openSpan opens a stream that also ends when ctx does, whatever the server's reader does about that.
func openSpan(ctx context.Context, r storage.Reader, s storage.Span) (io.ReadCloser, error) {
	body, err := r.Read(ctx, s)
	if err != nil {
		return nil, cause(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = body.Close() })
	return &span{ctx: ctx, body: body, stop: stop}, nil
}

// A span is the stream of a span. Its ctx is that of the call that opened it, as with any iterator.
type span struct {
	ctx  context.Context
	body io.ReadCloser
	stop func() bool
}

func (s *span) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil {
		err = cause(s.ctx, err)
	}
	return n, err
}

func (s *span) Close() error {
	if s.stop() {
		return s.body.Close()
	}
	return nil
}

// cause is err, or why ctx ended when it did: an error of a call that was cut short says nothing about its server.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

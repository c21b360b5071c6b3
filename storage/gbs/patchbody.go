package gbs

import (
	"errors"
	"io"
)

// prefixSize is how much of a body is read before it is sent. The transport's buffer for writing is as large, so when a kept
// connection turns out to be dead as the first bytes go out, nothing but the prefix has been taken from the body's
// source, and the request can be sent again.
const prefixSize = 64 << 10

// A patchBody is the body of a write: size bytes from a source that can be read but once. The transport may go on reading
// after it has answered; detach ends that, and waits for a read under way, since the source belongs to the caller of
// Write again when Write returns.
type patchBody struct {
	size   int64
	prefix []byte
	rest   io.Reader

	guard
	taken bool  // rest has been read from; for who has the guard's turn
	err   error // of rest; likewise
}

var errDetached = errors.New("the request has ended")

// A guard lets the transport's goroutine read from what belongs to the caller of a method, until the method returns.
type guard struct {
	turn chan struct{} // one slot: full while somebody reads, or looks at what is guarded
	gone bool
}

func newGuard() guard { return guard{turn: make(chan struct{}, 1)} }

// with runs f alone.
func (g *guard) with(f func()) {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	f()
}

// A guarded reader reads until its guard is gone.
type guarded struct {
	g *guard
	r io.Reader
}

func (r guarded) Read(p []byte) (n int, err error) {
	r.g.with(func() {
		if n, err = 0, errDetached; !r.g.gone {
			n, err = r.r.Read(p)
		}
	})
	return n, err
}

func newPatchBody(r io.Reader, size int64) (*patchBody, error) {
	b := &patchBody{size: size, guard: newGuard()}
	b.prefix = make([]byte, min(size, prefixSize))
	if _, err := io.ReadFull(r, b.prefix); err != nil {
		return nil, unexpected(err)
	}
	b.rest = io.LimitReader(r, size-int64(len(b.prefix)))
	return b, nil
}

// open reads the body.
func (b *patchBody) open() io.ReadCloser { return &patchReader{body: b, prefix: b.prefix} }

// again reads the body once more, if its source was not touched.
func (b *patchBody) again() (r io.ReadCloser, err error) {
	b.with(func() {
		if r = b.open(); b.taken {
			r, err = nil, errors.New("the connection broke while a share was on its way")
		}
	})
	return r, err
}

// detach ends all reading, and returns the error of the source if it had one.
func (b *patchBody) detach() (err error) {
	b.with(func() { b.gone, err = true, b.err })
	return err
}

// sourceRead reads behind the prefix. Its caller has the turn.
func (b *patchBody) sourceRead(p []byte) (int, error) {
	b.taken = true
	n, err := b.rest.Read(p)
	if err == io.EOF && b.rest.(*io.LimitedReader).N > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// A patchReader is one reading of a patchBody.
type patchReader struct {
	body   *patchBody
	prefix []byte
}

func (r *patchReader) Read(p []byte) (int, error) {
	if len(r.prefix) > 0 {
		n := copy(p, r.prefix)
		r.prefix = r.prefix[n:]
		return n, nil
	}
	return guarded{&r.body.guard, readerFunc(r.body.sourceRead)}.Read(p)
}

// Close does nothing: detach does what is needed, when it is needed.
func (r *patchReader) Close() error { return nil }

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

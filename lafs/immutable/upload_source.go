package immutable

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"tahoe/caps"
	"tahoe/internal/spool"
	"tahoe/internal/taghash"
)

const (
	// readBuffer is how much of the source is read at once in the first pass, and readBuffers how many of these there
	// are: one is read while one is hashed. They come out of a pool that all uploads share.
	readBuffer  = 64 << 10
	readBuffers = 2

	// spoolMemory is how much of a source that can be read only once stays in memory until its upload.
	spoolMemory = 64 << 10
)

// A plaintext is a source that was read once: its size and key are known, and it can be read again.
type plaintext struct {
	io.ReaderAt
	size   int64
	key    [16]byte // of no use to a literal
	sealed bool     // it is ciphertext already, of a file that is repaired; there is no key
	close  func() error
	// interrupt ends reads that are under way, when nobody wants what they read any more; nil where reads end by themselves.
	interrupt func()
	was       fs.FileInfo // of a file whose key was found, before that; nil for any other source
}

// unchanged returns an error when the source is a file that was written to since its key was found: shares of what was
// there first may be on the grid, and would not fit to the new ones.
func (p *plaintext) unchanged() error {
	if p.was == nil {
		return nil
	}
	is, err := stat(p.ReaderAt)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	if is.Size() != p.was.Size() || !is.ModTime().Equal(p.was.ModTime()) {
		return errSourceChanged
	}
	return nil
}

var errSourceChanged = errors.New("read source: the file was changed during its upload")

// stat describes a source that is a file, and is nil for any other.
func stat(src io.ReaderAt) (fs.FileInfo, error) {
	if f, ok := src.(interface{ Stat() (fs.FileInfo, error) }); ok {
		return f.Stat()
	}
	return nil, nil
}

// firstPass reads a source for the first time.
type firstPass struct {
	u     *Uploader
	enc   Encoding
	size  int64 // as stated; -1 when it is not known
	keyed bool  // the key is to be derived from the content
	meter *uploadMeter
}

// read measures src, which it spools unless it is an io.ReaderAt of known size, and finds its key.
func (f *firstPass) read(ctx context.Context, src io.Reader) (*plaintext, error) {
	if at, ok := src.(io.ReaderAt); ok && f.size >= 0 {
		return f.readAt(ctx, at)
	}
	s := spool.New(f.u.c.SpoolDir, spoolMemory)
	p, err := f.readOnce(ctx, src, s)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return p, nil
}

func (f *firstPass) readAt(ctx context.Context, at io.ReaderAt) (*plaintext, error) {
	p := &plaintext{ReaderAt: at, size: f.size, close: func() error { return nil }}
	if n, err := at.ReadAt(make([]byte, 1), f.size); n > 0 {
		return nil, f.tooLong()
	} else if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read source: %w", err)
	}
	if p.size <= caps.MaxLiteral || !f.keyed { // there is nothing to hash
		rand.Read(p.key[:])
		f.meter.hashed(p.size)
		return p, nil
	}
	h, err := f.hasher(f.size)
	if err != nil {
		return nil, err
	}
	if p.was, err = stat(at); err != nil {
		return nil, fmt.Errorf("read source: %w", err)
	}
	section := io.NewSectionReader(at, 0, f.size)
	if err := f.pump(ctx, countingReader{section, f.meter}, h, nil); err != nil {
		return nil, err
	}
	if n, err := section.Seek(0, io.SeekCurrent); n < f.size || err != nil {
		return nil, f.tooShort(n)
	}
	p.key = keyOf(h)
	return p, nil
}

func (f *firstPass) tooLong() error {
	return fmt.Errorf("read source: it is longer than the %d bytes that were stated", f.size)
}

func (f *firstPass) tooShort(n int64) error {
	return fmt.Errorf("read source: it ends after %d bytes, and %d were stated: %w", n, f.size, io.ErrUnexpectedEOF)
}

// hasher is the hash that yields the key of a file of this size. A size of MaxSegment stands for all larger ones.
func (f *firstPass) hasher(size int64) (*taghash.Hasher, error) {
	g, _, err := geometryOf(f.enc, size)
	if err != nil {
		return nil, err
	}
	return taghash.NewConvergence(f.u.secret(), f.enc.Needed, f.enc.Total, g.SegmentSize), nil
}

func keyOf(h *taghash.Hasher) [16]byte {
	sum := h.Sum()
	return [16]byte(sum[:16])
}

// readOnce copies src to the spool, and hashes it on the way. The tag of the hash holds the segment size, and so the size
// of a file that is smaller than the largest segment: hashing waits until that much has been read, or all.
func (f *firstPass) readOnce(ctx context.Context, src io.Reader, s *spool.Spool) (*plaintext, error) {
	src = countingReader{src, f.meter}
	if f.size >= 0 {
		src = io.LimitReader(src, f.size+1) // the one byte more betrays a source that is too long
	}
	if err := f.pump(ctx, io.LimitReader(src, f.enc.MaxSegment), nil, s); err != nil {
		return nil, err
	}
	var h *taghash.Hasher
	if f.keyed && (s.Size() > caps.MaxLiteral || s.Size() == f.enc.MaxSegment) {
		var err error
		if h, err = f.hasher(s.Size()); err != nil {
			return nil, err
		}
		if err := f.pump(ctx, io.NewSectionReader(s, 0, s.Size()), h, nil); err != nil {
			return nil, err
		}
	}
	if s.Size() == f.enc.MaxSegment {
		if err := f.pump(ctx, src, h, s); err != nil {
			return nil, err
		}
	}
	return f.spooled(s, h)
}

func (f *firstPass) spooled(s *spool.Spool, h *taghash.Hasher) (*plaintext, error) {
	p := &plaintext{ReaderAt: s, size: s.Size(), close: s.Close}
	switch {
	case f.size >= 0 && p.size > f.size:
		return nil, f.tooLong()
	case f.size >= 0 && p.size < f.size:
		return nil, f.tooShort(p.size)
	case h != nil:
		p.key = keyOf(h)
	default:
		rand.Read(p.key[:])
	}
	f.meter.size.Store(p.size)
	return p, nil
}

// pump reads src to its end. What is read goes to the spool, while a goroutine hashes what was read before; either may be
// nil. It returns only when a Read of src that is under way has returned.
func (f *firstPass) pump(ctx context.Context, src io.Reader, h *taghash.Hasher, s *spool.Spool) error {
	var bufs [readBuffers]*[]byte
	for i := range bufs {
		bufs[i] = f.u.readBuffers.Get().(*[]byte)
		defer f.u.readBuffers.Put(bufs[i])
	}
	var hashing sync.WaitGroup
	var failed error // of the hashing
	defer hashing.Wait()
	for i := 0; ; i++ {
		b, last, err := fill(src, *bufs[i%readBuffers])
		if err == nil && s != nil {
			_, err = s.Write(b)
		}
		hashing.Wait()
		if err = cmp.Or(err, failed, context.Cause(ctx)); err != nil {
			return err
		}
		if h != nil {
			hashing.Go(func() { failed = f.u.c.Pool.Do(ctx, func() { _, _ = h.Write(b) }) })
		}
		if last {
			hashing.Wait()
			return failed
		}
	}
}

// fill reads until buf is full or src ends, and says whether it ended. An error of src is an error, also when it is
// io.ErrUnexpectedEOF, with which a body that was cut short ends.
func fill(src io.Reader, buf []byte) (b []byte, last bool, err error) {
	n := 0
	for n < len(buf) {
		m, err := src.Read(buf[n:])
		n += m
		if err == io.EOF {
			return buf[:n], true, nil
		}
		if err != nil {
			return buf[:n], false, fmt.Errorf("read source: %w", err)
		}
	}
	return buf, false, nil
}

// A countingReader counts what is read for the first time.
type countingReader struct {
	r     io.Reader
	meter *uploadMeter
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.meter.hashed(int64(n))
	return n, err
}

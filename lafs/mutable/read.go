package mutable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

const (
	// batchBytes is how much of an MDMF file is fetched at once, while as much is delivered.
	batchBytes = 1 << 20

	// rounds is how often a read begins again when shares that seemed good are not.
	rounds = 3
)

// Read writes n bytes of the best version from off on to w, in order, and returns that version. A range that ends behind the
// end of the file ends there, one that begins there is empty; a negative one is storage.ErrRange. Nothing is written before
// it is verified. Of an MDMF file only the segments of the range are fetched, four MiB in memory at a time. When the file is
// replaced while it is read the error is ErrChanged, unless all of the range was there by then.
func (f *File) Read(ctx context.Context, off, n int64, w io.Writer) (Version, error) {
	if off < 0 || n < 0 {
		return Version{}, fmt.Errorf("read %d bytes at %d: %w", n, off, storage.ErrRange)
	}
	o := f.begin(ctx)
	defer o.end()
	if c := f.m.recall(o.p); c.kept && o.confirm(ctx, c.prefix) {
		off = min(off, c.size)
		return versionOf(c.prefix), write(w, c.contents()[off:off+min(n, c.size-off)])
	}
	sink := &sink{w: w}
	v, err := o.attempt(ctx, func(s *Servermap, v *VersionShares, leave func()) (bool, error) {
		if sink.n > 0 && v.prefix != sink.of {
			return true, fmt.Errorf("%w, from version %v to %v", ErrChanged, versionOf(sink.of), v.Version)
		}
		sink.of = v.prefix
		from, end := min(off, v.Version.Size), v.Version.Size
		end = from + min(n, end-from)
		err := o.deliver(ctx, s, v, from+sink.n, end, sink, leave)
		return sink.failed, err
	})
	return v, err
}

func write(w io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := w.Write(b)
	return err
}

// A sink knows how much was written, of which version, and whose fault an error is.
type sink struct {
	w      io.Writer
	n      int64
	of     layout.Prefix
	failed bool
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.n += int64(n)
	s.failed = err != nil
	return n, err
}

// Contents is the whole of the best version. A file of more than limit bytes is ErrTooLarge. The result is the caller's.
func (f *File) Contents(ctx context.Context, limit int64) ([]byte, Version, error) {
	o := f.begin(ctx)
	defer o.end()
	if c := f.m.recall(o.p); c.kept && c.size <= limit && o.confirm(ctx, c.prefix) {
		return bytes.Clone(c.contents()), versionOf(c.prefix), nil
	}
	var out []byte
	v, err := o.attempt(ctx, func(s *Servermap, v *VersionShares, leave func()) (bool, error) {
		defer leave()
		var err error
		out, err = o.whole(ctx, s, v, limit, o.memoryInside)
		return errors.Is(err, ErrTooLarge), err
	})
	if err != nil {
		return nil, v, err
	}
	return bytes.Clone(out), v, nil
}

// attempt surveys and lets read work with the best version. Where read fails, and does not say that it is over, the servers
// are asked again, all of them: what looked good may be corrupt or have been replaced. read leaves the gate as soon as it needs
// no shares of one moment any more. While it is inside it takes memory by memoryInside alone.
func (o *op) attempt(ctx context.Context, read func(s *Servermap, v *VersionShares, leave func()) (over bool, err error)) (Version, error) {
	mode := ModeRead
	defer func() { o.spare.giveBack() }()
	for round := 1; ; round++ {
		leave, err := o.p.gate.pass(ctx, false)
		if err != nil {
			return Version{}, err
		}
		leave = sync.OnceFunc(leave)
		s, v, err := o.best(ctx, mode)
		if err != nil {
			leave()
			return Version{}, err
		}
		over, err := read(s, v, leave)
		leave()
		if n, ok := err.(needMemory); ok {
			if err := o.reserve(ctx, int64(n)); err != nil {
				return Version{}, err
			}
			round--
			continue
		}
		if err == nil || over || round == rounds || ctx.Err() != nil || !isShort(err) {
			return v.Version, err
		}
		mode = ModeCheck
	}
}

func isShort(err error) bool {
	_, short := errors.AsType[*NotEnoughSharesError](err)
	return short
}

// best surveys, and finds the best version.
func (o *op) best(ctx context.Context, mode Mode) (*Servermap, *VersionShares, error) {
	s, err := o.survey(ctx, mode)
	if err != nil {
		return nil, nil, err
	}
	v := s.Best()
	if v == nil {
		return nil, nil, s.short()
	}
	return s, v, nil
}

// confirm asks whether prefix is still that of the best version: that takes one round trip and few bytes. False means that it is
// not known.
func (o *op) confirm(ctx context.Context, prefix layout.Prefix) bool {
	leave, err := o.p.gate.pass(ctx, false)
	if err != nil {
		return false
	}
	defer leave()
	s, err := o.surveyed(ctx, ModeRead, true)
	if err != nil {
		return false
	}
	for _, a := range s.answers {
		for _, x := range a.shares {
			if x.bad == errUnread {
				return false
			}
		}
	}
	v := s.Best()
	return v != nil && v.prefix == prefix && len(s.Newer()) == 0
}

// whole is all of a version, in memory that take gives, and remembered. What it returns is not to be changed.
func (o *op) whole(ctx context.Context, s *Servermap, v *VersionShares, limit int64, take takeMemory) ([]byte, error) {
	if v.Version.Size > limit {
		return nil, fmt.Errorf("%d bytes, and %d are allowed: %w", v.Version.Size, limit, ErrTooLarge)
	}
	r, err := o.retrieve(s, v)
	if err != nil {
		return nil, err
	}
	release, err := take(ctx, v.Version.Size+r.batchMemory(0, r.g.Segments-1))
	if err != nil {
		return nil, err
	}
	defer release()
	b, err := r.all(ctx)
	if err != nil {
		return nil, err
	}
	o.m.remember(o.p, v.prefix, b)
	return b, nil
}

// all is the whole of the version.
func (r *retrieval) all(ctx context.Context) ([]byte, error) {
	if r.g.Segments == 0 {
		return nil, nil
	}
	if r.g.Segments <= r.batch() {
		return r.segments(ctx, make([]byte, 0, int64(r.g.Segments)*r.g.SegmentSize), 0, r.g.Segments-1)
	}
	out := bytes.NewBuffer(make([]byte, 0, r.g.Size))
	err := r.stream(ctx, 0, r.g.Size, out, func() {})
	return out.Bytes(), err
}

// deliver writes a range of a version, from inside of the gate. It leaves the gate when all shares have been read, or the first batch of them.
func (o *op) deliver(ctx context.Context, s *Servermap, v *VersionShares, off, end int64, w io.Writer, leave func()) error {
	if off == end {
		return nil
	}
	r, err := o.retrieve(s, v)
	if err != nil {
		return err
	}
	if off == 0 && end == v.Version.Size && end <= min(o.m.c.Remember/2, batchBytes) {
		b, err := o.whole(ctx, s, v, end, o.memoryInside)
		leave()
		if err != nil {
			return err
		}
		return write(w, b)
	}
	release, err := o.memoryInside(ctx, r.batchMemory(r.segmentAt(off), r.segmentAt(end-1)))
	if err != nil {
		return err
	}
	defer release()
	return r.stream(ctx, off, end, w, leave)
}

func (r *retrieval) segmentAt(off int64) int { return int(off / r.g.SegmentSize) }

// batch is how many segments are fetched at once.
func (r *retrieval) batch() int { return int(max(batchBytes/max(r.g.SegmentSize, 1), 1)) }

// batchMemory is the memory of reading a range: of one batch the parts, which grow as they come, and the segments, and of the
// batch before, the segments.
func (r *retrieval) batchMemory(first, last int) int64 {
	n := int64(min(last-first+1, r.batch()))
	return 4 * n * (r.g.SegmentSize + int64(r.g.Needed)*r.g.SaltSize())
}

// stream fetches the segments of a range, a batch ahead of w. ready is called once, when the first batch is there.
func (r *retrieval) stream(ctx context.Context, off, end int64, w io.Writer, ready func()) error {
	if off == end {
		ready()
		return nil
	}
	first, last, step := r.segmentAt(off), r.segmentAt(end-1), r.batch()
	ctx, cancel := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	fetched := make(chan fetchedBatch)
	fetching.Go(func() { r.fetchAhead(ctx, first, last, step, fetched) })
	for s := first; s <= last; s += step {
		var b fetchedBatch
		select {
		case b = <-fetched:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		ready()
		if b.err != nil {
			return b.err
		}
		start := int64(s) * r.g.SegmentSize
		from, to := max(off-start, 0), min(end-start, int64(len(b.plain)))
		if _, err := w.Write(b.plain[from:to]); err != nil {
			return err
		}
	}
	return nil
}

type fetchedBatch struct {
	plain []byte
	err   error
}

// fetchAhead fetches one batch after the other, each as soon as the one before was taken.
func (r *retrieval) fetchAhead(ctx context.Context, first, last, step int, to chan<- fetchedBatch) {
	for s := first; s <= last; s += step {
		till := min(s+step-1, last)
		var b fetchedBatch
		b.plain, b.err = r.segments(ctx, make([]byte, 0, int64(till-s+1)*r.g.SegmentSize), s, till)
		select {
		case to <- b:
		case <-ctx.Done():
			return
		}
		if b.err != nil {
			return
		}
	}
}

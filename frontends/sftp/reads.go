package sftp

import (
	"context"
	"errors"
	"io"
)

// maxReads is how many reads of a channel are under way at the same time. Each may hold a buffer of maxData, until the client takes what is in it.
const maxReads = 8

// read answers a read, beside everything else. The library would let its workers begin reads in any order, and what is read ahead would be forgotten
// before the one that is late has come for it; here the file is told of them in the order in which the client asks. In that order they are
// answered too: OpenSSH's sftp does not resume a file that came in another.
func (f *filter) read(id uint32, c *cursor, p []byte) error {
	name, off, n := c.string(), c.uint64(), c.uint32()
	if c.bad {
		return errPacket
	}
	h, err := f.pass(id, name, p)
	if h == nil {
		return err
	}
	if err := f.wait(func() bool { return h.writes == 0 }); err != nil { // what was sent to be written is there
		return err
	}
	select {
	case f.reads <- struct{}{}:
	case <-f.ctx.Done():
		return context.Cause(f.ctx)
	}
	came := h.f.f.Expect(int64(off))
	before, answered := f.beginRead(h)
	f.work.Go(func() {
		buf := f.buffer(n)
		answer := f.guarded(id, func() []byte {
			defer came()
			return h.f.data(id, *buf, int64(off))
		})
		if before != nil {
			<-before
		}
		_ = f.send(answer) // a connection that broke is noticed by who reads from it
		f.buffers.Put(buf)
		f.endRead(h, answered)
	})
	return nil
}

// beginRead counts a read, and finds what is closed when the one before it has been answered; nil: there was none.
func (f *filter) beginRead(h *handle) (before, answered chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, answered = h.read, make(chan struct{})
	h.read = answered
	h.under++
	return before, answered
}

func (f *filter) endRead(h *handle, answered chan struct{}) {
	<-f.reads
	close(answered)
	f.mu.Lock()
	defer f.mu.Unlock()
	h.under--
	f.tell()
}

// buffer has room for an answer of n bytes, or as many as an answer may have.
func (f *filter) buffer(n uint32) *[]byte {
	size := dataHeader + int(min(n, maxData))
	buf, _ := f.buffers.Get().(*[]byte)
	if buf == nil || cap(*buf) < size {
		b := make([]byte, size)
		return &b
	}
	*buf = (*buf)[:size]
	return buf
}

// data reads into buf, behind where the head of the answer goes.
func (f *file) data(id uint32, buf []byte, off int64) packet {
	n, err := f.f.ReadAt(f.h.ctx, buf[dataHeader:], off)
	if err != nil && (n == 0 || !errors.Is(err, io.EOF)) {
		return status(id, err)
	}
	return append(buf[:0], newPacket(fxData, id).uint32(uint32(n))...)[:dataHeader+n]
}

package staging

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"tahoe/internal/durable"
)

// A File is bytes on the disk. It may be used by several goroutines at once.
type File struct {
	s     *Store
	id    uint64
	key   [16]byte
	block cipher.Block

	// turn guards what follows, and the data: a slot, because it is held while the disk is at work.
	turn   chan struct{}
	size   atomic.Int64  // is read without the turn, too
	data   *durable.File // nil: not open; a file that has been kept is opened when somebody reads it
	chunks []chunk
	kept   bool  // it does not change any more
	record bool  // it has a record
	err    error // what everything answers from now on
}

// A chunk is a part of the file. Bytes behind filled are zero, whatever the disk has there.
type chunk struct {
	generation uint32
	filled     uint32
}

// ID tells the files of a store apart; it grows from file to file.
func (f *File) ID() uint64 { return f.id }

func (f *File) enter() error {
	f.turn <- struct{}{}
	if f.err != nil {
		<-f.turn
		return f.err
	}
	return nil
}

func (f *File) leave() { <-f.turn }

// Size is the number of bytes. It waits for nothing, not for the disk either.
func (f *File) Size() int64 { return f.size.Load() }

// stream is the key stream of chunk c from its byte at on.
func (f *File) stream(c int, generation uint32, at int) cipher.Stream {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint32(iv[0:], generation)
	binary.BigEndian.PutUint64(iv[4:], uint64(c))
	binary.BigEndian.PutUint32(iv[12:], uint32(at/aes.BlockSize))
	stream := cipher.NewCTR(f.block, iv[:])
	var skip [aes.BlockSize]byte
	if n := at % aes.BlockSize; n > 0 {
		stream.XORKeyStream(skip[:n], skip[:n])
	}
	return stream
}

// wake opens the data.
func (f *File) wake() (err error) {
	if f.data != nil {
		return nil
	}
	if f.data, err = f.s.disk.Open(f.s.path(f.id, dataSuffix), os.O_RDWR, 0); err == nil {
		f.s.open.Add(1)
	}
	return err
}

// rest closes the data.
func (f *File) rest() error {
	if f.data == nil {
		return nil
	}
	err := f.data.Close()
	f.data = nil
	f.s.open.Add(-1)
	return err
}

// Rest lets a file that has been kept take nothing of the system but its space, until somebody reads it again.
func (f *File) Rest() error {
	f.turn <- struct{}{}
	defer f.leave()
	if !f.kept {
		return nil
	}
	return f.rest()
}

// ReadAt reads as io.ReaderAt says.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	if err := f.enter(); err != nil {
		return 0, err
	}
	defer f.leave()
	n := 0
	for n < len(p) && off+int64(n) < f.size.Load() {
		at := off + int64(n)
		c, in := int(at/chunkSize), int(at%chunkSize)
		part := p[n:min(int64(len(p)), int64(n)+chunkSize-int64(in), int64(n)+f.size.Load()-at)]
		if err := f.readChunk(c, in, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readChunk fills p from the bytes of a chunk.
func (f *File) readChunk(c, in int, p []byte) error {
	k := f.chunks[c]
	n := max(0, min(len(p), int(k.filled)-in))
	clear(p[n:])
	if n == 0 {
		return nil
	}
	if err := f.wake(); err != nil {
		return fmt.Errorf("open a staged file: %w", err)
	}
	if _, err := f.data.ReadAt(p[:n], int64(c)*chunkSize+int64(in)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read a staged file: %w", err)
	}
	f.stream(c, k.generation, in).XORKeyStream(p[:n], p[:n])
	return nil
}

// WriteAt writes as io.WriterAt says; a gap in front of off is zeros. ErrNoSpace leaves the file as it was.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off > maxSize-int64(len(p)) {
		return 0, fs.ErrInvalid
	}
	if err := f.enter(); err != nil {
		return 0, err
	}
	defer f.leave()
	if f.kept {
		return 0, errKept
	}
	if err := f.grow(off + int64(len(p))); err != nil {
		return 0, err
	}
	for n := 0; n < len(p); {
		at := off + int64(n)
		c, in := int(at/chunkSize), int(at%chunkSize)
		part := p[n:min(len(p), n+chunkSize-in)]
		if err := f.writeChunk(c, in, part); err != nil {
			f.err = fmt.Errorf("write a staged file: %w", asNoSpace(err)) // what the chunk holds now is not known
			return n, f.err
		}
		n += len(part)
	}
	return len(p), nil
}

// maxSize keeps the numbers of chunks within what a table can hold.
const maxSize = 1 << 42

// grow makes room for a file of at least size bytes.
func (f *File) grow(size int64) error {
	if size <= f.size.Load() {
		return nil
	}
	if err := f.s.reserve(size - f.size.Load()); err != nil {
		return err
	}
	defer f.size.Store(size) // when there are chunks for it
	if n := int((size + chunkSize - 1) / chunkSize); n > len(f.chunks) {
		f.chunks = append(f.chunks, make([]chunk, n-len(f.chunks))...)
	}
	return nil
}

// writeChunk puts p into a chunk at in.
func (f *File) writeChunk(c, in int, p []byte) error {
	k := &f.chunks[c]
	buf := f.s.scratch.Get().(*[chunkSize]byte)
	defer f.s.scratch.Put(buf)
	if in >= int(k.filled) { // behind all that was written in this generation
		b := buf[:in-int(k.filled)+len(p)]
		clear(b[:in-int(k.filled)])
		copy(b[in-int(k.filled):], p)
		return f.store(c, *k, int(k.filled), b)
	}
	b := buf[:max(int(k.filled), in+len(p))]
	if in > 0 || in+len(p) < int(k.filled) {
		if err := f.readChunk(c, 0, b); err != nil {
			return err
		}
	}
	copy(b[in:], p)
	return f.store(c, chunk{generation: k.generation + 1}, 0, b)
}

// store encrypts b, writes it into a chunk at in, and takes note.
func (f *File) store(c int, k chunk, in int, b []byte) error {
	f.stream(c, k.generation, in).XORKeyStream(b, b)
	if _, err := f.data.WriteAt(b, int64(c)*chunkSize+int64(in)); err != nil {
		return err
	}
	k.filled = uint32(in + len(b))
	f.chunks[c] = k
	return nil
}

// Truncate changes the size; what is added is zeros.
func (f *File) Truncate(size int64) error {
	if size < 0 || size > maxSize {
		return fs.ErrInvalid
	}
	if err := f.enter(); err != nil {
		return err
	}
	defer f.leave()
	if f.kept {
		return errKept
	}
	if size >= f.size.Load() {
		return f.grow(size)
	}
	if err := f.cut(size); err != nil {
		f.err = fmt.Errorf("truncate a staged file: %w", asNoSpace(err))
		return f.err
	}
	_ = f.s.reserve(size - f.size.Swap(size)) // giving back does not fail
	return nil
}

// cut forgets the bytes from size on. The table keeps its entries, so that no generation comes twice.
func (f *File) cut(size int64) error {
	c, in := int(size/chunkSize), int(size%chunkSize)
	for k := c + 1; k < len(f.chunks); k++ {
		f.chunks[k] = f.chunks[k].next()
	}
	if c >= len(f.chunks) {
		return nil
	}
	if in == 0 || f.chunks[c].filled == 0 {
		f.chunks[c] = f.chunks[c].next()
		return nil
	}
	if in >= int(f.chunks[c].filled) {
		return nil
	}
	buf := f.s.scratch.Get().(*[chunkSize]byte)
	defer f.s.scratch.Put(buf)
	if err := f.readChunk(c, 0, buf[:in]); err != nil {
		return err
	}
	return f.store(c, f.chunks[c].next(), 0, buf[:in])
}

// next is an empty chunk that uses no byte of the key stream again.
func (k chunk) next() chunk {
	if k.filled == 0 {
		return k
	}
	return chunk{generation: k.generation + 1}
}

// Sync brings the bytes to the disk. They are found again after Keep.
func (f *File) Sync() error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.leave()
	if f.kept {
		return nil
	}
	if err := f.data.Sync(); err != nil {
		return fmt.Errorf("sync a staged file: %w", asNoSpace(err))
	}
	return nil
}

// Copy makes a file with the same bytes.
func (f *File) Copy() (*File, error) {
	to, err := f.s.New()
	if err != nil {
		return nil, err
	}
	buf := f.s.scratch.Get().(*[chunkSize]byte)
	defer f.s.scratch.Put(buf)
	size := f.Size()
	for at := int64(0); at < size; at += chunkSize {
		n, err := f.ReadAt(buf[:], at)
		if err == nil || errors.Is(err, io.EOF) {
			_, err = to.WriteAt(buf[:n], at)
		}
		if err != nil {
			return nil, errors.Join(err, to.Release())
		}
	}
	return to, nil
}

// Release removes the file: the record first, so that a crash in between leaves data that nobody needs. Everything fails with
// fs.ErrClosed from then on. Calling it again after it went well does nothing.
func (f *File) Release() error {
	f.turn <- struct{}{}
	defer f.leave()
	if errors.Is(f.err, fs.ErrClosed) {
		return nil
	}
	if err := f.forget(); err != nil {
		return err
	}
	_ = f.s.reserve(-f.size.Swap(0))
	f.chunks, f.err = nil, fs.ErrClosed
	err := f.rest()
	if rerr := f.s.disk.Remove(f.s.path(f.id, dataSuffix)); err == nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = rerr
	}
	if err != nil {
		return fmt.Errorf("remove a staged file: %w", err)
	}
	return nil
}

// Forget takes the record away: the next Open of the store does not find the file, and it can still be read until Release.
func (f *File) Forget() error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.leave()
	return f.forget()
}

func (f *File) forget() error {
	if !f.record {
		return nil
	}
	if err := f.s.disk.Remove(f.s.path(f.id, keptSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("release a staged file: %w", err)
	}
	if err := f.s.disk.SyncDir(f.s.dir); err != nil {
		return fmt.Errorf("release a staged file: %w", err)
	}
	f.record = false
	return nil
}

// Close closes the file, and leaves on the disk what was kept of it.
func (f *File) Close() error {
	f.turn <- struct{}{}
	if !f.record || errors.Is(f.err, fs.ErrClosed) {
		f.leave()
		return f.Release()
	}
	defer f.leave()
	_ = f.s.reserve(-f.size.Swap(0))
	f.chunks, f.err = nil, fs.ErrClosed
	return f.rest()
}

package share

import (
	"encoding/binary"
	"fmt"
	"io"

	"tahoe/storage"
)

// A File is what a container is edited in. Writing behind its end makes it longer, with zero bytes between.
type File interface {
	io.ReaderAt
	io.WriterAt
}

// editBuffer is the size of the buffer through which data passes.
const editBuffer = 256 << 10

// An Editor changes a mutable container in place. A process that dies meanwhile leaves a container that is half
// changed: so f is a copy that nobody else sees, and takes the original's name when it is complete. The header is
// written last, by Finish.
type Editor struct {
	Mutable
	f   File
	buf []byte
}

// Create writes a new, empty container to f, which is empty.
func Create(f File, c Mutable) (*Editor, error) {
	empty := make([]byte, MutableDataAt+extraCount)
	copy(empty, c.Header())
	if _, err := f.WriteAt(empty, 0); err != nil {
		return nil, err
	}
	return &Editor{Mutable: c, f: f}, nil
}

// Edit changes the container c that f holds. Nothing lies behind c.FileSize() in f.
func Edit(f File, c Mutable) *Editor { return &Editor{Mutable: c, f: f} }

// Write stores data at offset, as a storage.Write does. The container grows when it must; it never shrinks.
func (e *Editor) Write(offset int64, data storage.Data) error {
	n := data.Size()
	if offset < 0 || n < 0 || offset > MaxMutable-n {
		return fmt.Errorf("write of %d bytes at %d: %w", n, offset, storage.ErrTooLarge)
	}
	end := offset + n
	if end >= e.Size {
		used := e.ExtraAt // behind it, the file has been zero or will be
		if err := e.grow(end); err != nil {
			return err
		}
		if err := e.zero(MutableDataAt+e.Size, min(MutableDataAt+offset, used)); err != nil {
			return err
		}
		e.Size = end
	}
	return e.copy(MutableDataAt+offset, data)
}

// Cut makes the data size bytes long, if it is longer. What is cut off stays in the file, as the original leaves it.
func (e *Editor) Cut(size int64) { e.Size = min(e.Size, size) }

// Finish writes the header.
func (e *Editor) Finish() error {
	_, err := e.f.WriteAt(e.Header(), 0)
	return err
}

// grow moves the extra leases behind data of size bytes, and leaves zero bytes where they were.
func (e *Editor) grow(size int64) error {
	to := MutableDataAt + size
	if to <= e.ExtraAt {
		return nil
	}
	block := make([]byte, e.FileSize()-e.ExtraAt)
	if err := readFull(e.f, block, e.ExtraAt, e.FileSize()); err != nil {
		return err
	}
	if _, err := e.f.WriteAt(make([]byte, len(block)), e.ExtraAt); err != nil {
		return err
	}
	e.ExtraAt = to
	_, err := e.f.WriteAt(block, to)
	return err
}

// zero writes zero bytes over [from, to) of the file.
func (e *Editor) zero(from, to int64) error {
	if from >= to {
		return nil
	}
	zeros := make([]byte, min(editBuffer, to-from))
	for from < to {
		n := min(int64(len(zeros)), to-from)
		if _, err := e.f.WriteAt(zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// copy writes data at an offset of the file.
func (e *Editor) copy(to int64, data storage.Data) error {
	if e.buf == nil {
		e.buf = make([]byte, min(editBuffer, max(512, data.Size())))
	}
	for at := int64(0); at < data.Size(); {
		b := e.buf[:min(int64(len(e.buf)), data.Size()-at)]
		if n, err := data.ReadAt(b, at); n < len(b) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("reading data to write: %w", err)
		}
		if _, err := e.f.WriteAt(b, to+at); err != nil {
			return err
		}
		at += int64(len(b))
	}
	return nil
}

// Lease adds a lease, or renews the one with the same renew secret.
func (e *Editor) Lease(l Lease, secrets storage.LeaseSecrets) error {
	patches, err := e.PlanLease(e.f, l, secrets)
	if err != nil {
		return err
	}
	for _, p := range patches {
		if _, err := e.f.WriteAt(p.Data, p.Offset); err != nil {
			return err
		}
		if p.Offset == e.ExtraAt {
			e.Extra = binary.BigEndian.Uint32(p.Data)
		}
	}
	return nil
}

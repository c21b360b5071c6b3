package layout

import (
	"fmt"
	"io"

	"tahoe/storage"
)

// joined is bytes, data and bytes behind each other.
type joined struct {
	head, tail []byte
	data       storage.Data
}

func newJoined(head []byte, data storage.Data, tail []byte) *joined {
	return &joined{head: head, data: data, tail: tail}
}

// Size is the size of the whole.
func (j *joined) Size() int64 { return int64(len(j.head)) + j.data.Size() + int64(len(j.tail)) }

// ReadAt reads across the pieces.
func (j *joined) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("reading a share at %d: %w", off, storage.ErrRange)
	}
	n := 0
	if off < int64(len(j.head)) {
		n = copy(b, j.head[off:])
	}
	for start, size := int64(len(j.head)), j.data.Size(); n < len(b) && off+int64(n) < start+size; {
		at := off + int64(n) - start
		piece := b[n:min(int64(len(b)), int64(n)+size-at)]
		m, err := j.data.ReadAt(piece, at)
		n += m
		if m < len(piece) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
	}
	if start := j.Size() - int64(len(j.tail)); n < len(b) && off+int64(n) >= start && off+int64(n) < j.Size() {
		n += copy(b[n:], j.tail[off+int64(n)-start:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

package uploads

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sort"
)

// Contents gives the bytes that have come, to be read as often as somebody likes. The turn is held while they are used.
func (u *Upload) Contents() *io.SectionReader {
	u.mu.Lock()
	defer u.mu.Unlock()
	return io.NewSectionReader(parts(slices.Clone(u.parts)), 0, u.received)
}

// parts follow each other without a gap.
type parts []part

// ReadAt reads as io.ReaderAt says. A part that has been read to its end takes nothing of the system until it is read again.
func (ps parts) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	i := sort.Search(len(ps), func(i int) bool { return ps[i].off+ps[i].size > off })
	for ; n < len(p) && i < len(ps); i++ {
		at := off + int64(n) - ps[i].off
		want := p[n:min(int64(len(p)), int64(n)+ps[i].size-at)]
		got, err := ps[i].file.ReadAt(want, at)
		n += got
		if got < len(want) {
			return n, fmt.Errorf("read an upload: %w", err)
		}
		if at+int64(got) == ps[i].size {
			if err := ps[i].file.Rest(); err != nil {
				return n, err
			}
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

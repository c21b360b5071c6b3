package immutable

import (
	"context"
	"fmt"
	"io"

	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// maxSealedSegment bounds the memory of one segment with its parity, where others chose the encoding.
const maxSealedSegment = 64 << 20

// A Sealed is a file that its owner has encrypted: all that one needs to know to make its shares, and nothing that would let one
// read it.
type Sealed struct {
	Index    storage.Index
	Size     int64
	Encoding Encoding    // whose MaxSegment is the size of its segments
	Data     io.ReaderAt // the ciphertext
}

// geometry is the layout of the file's shares. Whoever made the file knows its segment size, which must be one that follows from
// its size: otherwise the shares would not be those that its owner expects.
func (s Sealed) geometry() (g layout.Geometry, l layout.Layout, err error) {
	if err = s.Encoding.Validate(); err != nil {
		return g, l, err
	}
	if g, l, err = geometryOf(s.Encoding, s.Size); err != nil {
		return g, l, err
	}
	switch {
	case g.SegmentSize != s.Encoding.MaxSegment:
		err = fmt.Errorf("segments of %d bytes do not fit a file of %d bytes that any %d shares rebuild", s.Encoding.MaxSegment, s.Size, s.Encoding.Needed)
	case slotSize(g) > maxSealedSegment:
		err = fmt.Errorf("%d shares, any %d of which rebuild segments of %d bytes, take more memory than is given to others", g.Total, g.Needed, g.SegmentSize)
	}
	return g, l, err
}

// Validate says what is wrong with a file that others have described.
func (s Sealed) Validate() error {
	_, _, err := s.geometry()
	return err
}

// UploadSealed stores a file that its owner has encrypted. The result has no Cap, but the UEB that the owner makes it of.
func (u *Uploader) UploadSealed(ctx context.Context, s Sealed) (*UploadResult, error) {
	g, l, err := s.geometry()
	if err != nil {
		return nil, err
	}
	source := &plaintext{ReaderAt: s.Data, size: s.Size, sealed: true}
	r, err := u.send(ctx, s.Index, source, g, l, s.Encoding, newUploadMeter(s.Size, nil))
	if err != nil {
		return nil, err
	}
	r.Size = s.Size
	return r, nil
}

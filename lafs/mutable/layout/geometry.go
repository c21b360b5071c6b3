package layout

import (
	"fmt"

	"tahoe/caps"
	"tahoe/internal/hashtree"
	"tahoe/storage"
)

// The limits of what this program reads or writes.
const (
	MaxShares      = 255       // the format has a byte for N
	MaxSegmentSize = 128 << 20 // of SDMF: the whole file; servers take no larger change of a slot
	MaxSegments    = 1 << 20   // of MDMF: 128 GiB in segments of 128 KiB
)

// MDMFSegmentSize is the segment size of MDMF files, before it is rounded up to a multiple of k.
const MDMFSegmentSize = 128 << 10

// Sizes of what shares are made of.
const (
	HashSize       = 32
	SaltSize       = 16
	ChainEntrySize = 2 + HashSize
)

// A Geometry has all sizes of a file's shares. An empty file has no segments.
type Geometry struct {
	Format          caps.Format
	Needed, Total   int
	Size            int64 // of the file
	SegmentSize     int64 // of each segment but the tail, a multiple of Needed
	Segments        int
	TailSegmentSize int64 // of the last segment, padded to a multiple of Needed
	BlockSize       int64 // of each block but the tail's
	TailBlockSize   int64
}

// NewGeometry is the geometry of a file of size bytes, encoded k-of-n, as writers make it.
func NewGeometry(f caps.Format, k, n int, size int64) (Geometry, error) {
	if err := checkEncoding(k, n); err != nil {
		return Geometry{}, err
	}
	segment := size
	if f == caps.MDMF {
		segment = MDMFSegmentSize
	}
	if size < 0 || segment > MaxSegmentSize {
		return Geometry{}, fmt.Errorf("%v file of %d bytes is not between 0 and %d bytes", f, size, MaxSegmentSize)
	}
	return newGeometry(f, k, n, size, roundUp(segment, int64(k)))
}

func checkEncoding(k, n int) error {
	if k < 1 || n < k || n > MaxShares {
		return fmt.Errorf("encoding %d-of-%d is not one of 1 ≤ k ≤ N ≤ %d", k, n, MaxShares)
	}
	return nil
}

// newGeometry takes any segment size that a share may state.
func newGeometry(f caps.Format, k, n int, size, segment int64) (Geometry, error) {
	switch {
	case size < 0:
		return Geometry{}, fmt.Errorf("file of %d bytes", size)
	case segment < 0 || segment > MaxSegmentSize+MaxShares || segment%int64(k) != 0:
		return Geometry{}, fmt.Errorf("segment size %d is not a multiple of %d of at most %d bytes", segment, k, MaxSegmentSize)
	case segment == 0 && size > 0:
		return Geometry{}, fmt.Errorf("segments of 0 bytes cannot hold a file of %d", size)
	case f == caps.SDMF && segment != roundUp(size, int64(k)):
		return Geometry{}, fmt.Errorf("segment size %d of an SDMF file of %d bytes", segment, size)
	}
	g := Geometry{Format: f, Needed: k, Total: n, Size: size, SegmentSize: segment, BlockSize: segment / int64(k)}
	if size == 0 {
		return g, nil
	}
	segments := ceilDiv(size, segment)
	if segments > MaxSegments {
		return Geometry{}, fmt.Errorf("file of %d bytes has %d segments of %d bytes, over the limit of %d", size, segments, segment, MaxSegments)
	}
	g.Segments = int(segments)
	g.TailSegmentSize = roundUp(size-(segments-1)*segment, int64(k))
	g.TailBlockSize = g.TailSegmentSize / int64(k)
	return g, nil
}

// Resized is the geometry of the same file with another size. Segments that are whole in both have the same place.
func (g Geometry) Resized(size int64) (Geometry, error) {
	return NewGeometry(g.Format, g.Needed, g.Total, size)
}

// Segment returns the offset in the file of segment s, its size in the file, and the size of its blocks without salt.
func (g Geometry) Segment(s int) (offset, size, block int64) {
	offset = int64(s) * g.SegmentSize
	if s == g.Segments-1 {
		return offset, g.Size - offset, g.TailBlockSize
	}
	return offset, g.SegmentSize, g.BlockSize
}

// SaltSize is the size of the salt in front of each block.
func (g Geometry) SaltSize() int64 {
	if g.Format == caps.MDMF {
		return SaltSize
	}
	return 0
}

// Block is where block s with its salt lies, counted from the start of the data. Its bytes are what the block hash is of.
func (g Geometry) Block(s int) storage.Span {
	_, _, block := g.Segment(s)
	return storage.Span{Offset: int64(s) * (g.BlockSize + g.SaltSize()), Size: block + g.SaltSize()}
}

// DataSize is the size of all blocks of a share with their salts.
func (g Geometry) DataSize() int64 {
	if g.Segments == 0 {
		return 0
	}
	return g.Block(g.Segments - 1).End()
}

// TreeNodes is the number of nodes of the block hash tree.
func (g Geometry) TreeNodes() int { return hashtree.Size(g.Segments) }

// TreeSize is the size of the block hash tree in bytes.
func (g Geometry) TreeSize() int64 { return int64(g.TreeNodes()) * HashSize }

// ChainSize is the size of a share hash chain in bytes.
func (g Geometry) ChainSize() int64 { return int64(hashtree.Depth(g.Total)) * ChainEntrySize }

func ceilDiv(a, b int64) int64 { return a/b + min(a%b, 1) }

func roundUp(a, b int64) int64 { return ceilDiv(a, b) * b }

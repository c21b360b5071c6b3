package layout

import (
	"errors"
	"fmt"
	"math/bits"
)

// The limits of what this program reads or writes. They bound what a capability can make a reader allocate.
const (
	MaxShares      = 256
	MaxSegmentSize = 64 << 20
	MaxSegments    = 1 << 24
)

// A Geometry has all sizes of a file's shares.
type Geometry struct {
	Needed, Total   int
	Size            int64 // of the file
	SegmentSize     int64 // of each segment but the tail, a multiple of Needed
	Segments        int   // at least 1
	TailSegmentSize int64 // of the last segment, padded to a multiple of Needed
	BlockSize       int64 // of each block but the tail's
	TailBlockSize   int64
	ShareHashes     int // entries in a share hash chain
}

// ErrTooLong is wrapped by errors about a file of more segments than MaxSegments.
var ErrTooLong = errors.New("file is too long for this program")

// NewGeometry is the geometry of a file of size bytes, encoded k-of-n in segments of at most maxSegment bytes before
// rounding up to a multiple of k. An empty file has no shares, so size is at least 1.
func NewGeometry(k, n int, size, maxSegment int64) (Geometry, error) {
	switch {
	case k < 1 || n < k || n > MaxShares:
		return Geometry{}, fmt.Errorf("encoding %d-of-%d is not one of 1 ≤ k ≤ N ≤ %d", k, n, MaxShares)
	case size < 1:
		return Geometry{}, fmt.Errorf("file of %d bytes cannot have shares", size)
	case maxSegment < 1 || min(maxSegment, size) > MaxSegmentSize-int64(k):
		return Geometry{}, fmt.Errorf("segment size %d is not between 1 and %d bytes", maxSegment, MaxSegmentSize-k)
	}
	return newGeometry(k, n, size, roundUp(min(maxSegment, size), int64(k)))
}

func newGeometry(k, n int, size, segment int64) (Geometry, error) {
	segments := ceilDiv(size, segment)
	if segments > MaxSegments {
		return Geometry{}, fmt.Errorf("%w: its %d bytes are %d segments of %d bytes, over the limit of %d",
			ErrTooLong, size, segments, segment, MaxSegments)
	}
	tail := roundUp(size-(segments-1)*segment, int64(k))
	return Geometry{
		Needed: k, Total: n, Size: size,
		SegmentSize: segment, Segments: int(segments), TailSegmentSize: tail,
		BlockSize: segment / int64(k), TailBlockSize: tail / int64(k),
		ShareHashes: bits.Len(uint(n-1)) + 1,
	}, nil
}

// ShareDataSize is the size of all blocks of a share.
func (g Geometry) ShareDataSize() int64 { return int64(g.Segments-1)*g.BlockSize + g.TailBlockSize }

// TreeNodes is the number of nodes of a hash tree over the segments.
func (g Geometry) TreeNodes() int { return 2<<bits.Len(uint(g.Segments-1)) - 1 }

// TreeSize is the size of such a tree in bytes.
func (g Geometry) TreeSize() int64 { return int64(g.TreeNodes()) * HashSize }

// Segment returns the offset in the file of segment s, its size in the file, and the size of its blocks.
func (g Geometry) Segment(s int) (offset, size, block int64) {
	offset = int64(s) * g.SegmentSize
	if s == g.Segments-1 {
		return offset, g.Size - offset, g.TailBlockSize
	}
	return offset, g.SegmentSize, g.BlockSize
}

// BlockOffset is the offset of block s from the start of the blocks. BlockOffset(Segments) is their end.
func (g Geometry) BlockOffset(s int) int64 { return min(int64(s)*g.BlockSize, g.ShareDataSize()) }

func ceilDiv(a, b int64) int64 { return a/b + min(a%b, 1) }

func roundUp(a, b int64) int64 { return ceilDiv(a, b) * b }

// Package layout is the format of a share of an immutable file: the arithmetic of its sizes, the header with the
// offsets of its sections, and the URI extension block (UEB) at its end. It is for the upload, download and check of
// CHK files; it moves no bytes and hashes none.
//
// The invariant: every size and offset of a share follows from four numbers, which are k, N, the file's size and the
// segment size. Whoever knows them can ask for any byte of a share without having read one.
//
// # Sizes
//
// A file of size bytes is cut into segments. The segment size is min(maximum, size), rounded up to a multiple of k;
// the maximum is 1 MiB today and was 128 KiB before 2023. There are ceil(size/segment size) segments. The last one,
// the tail, holds what is left and is padded with zero bytes to a multiple of k. A segment becomes N blocks of
// segment/k bytes, of which any k rebuild it: the first k are the segment itself, cut in k. Block s of share i comes
// from segment s.
//
// A hash tree over the L segments is a complete binary tree with P = the next power of two ≥ L leaves, stored as its
// 2P-1 nodes of 32 bytes, root first, level by level.
//
// # A share
//
// All numbers are big-endian. Version 1 has fields F of 4 bytes, version 2 of 8 bytes. Version 1 is written when the
// block size, the size of all blocks and the offset of the UEB are all below 2^32, else version 2.
//
//	at (v1 / v2)   size  content
//	0x00 / 0x00    4     version, 1 or 2
//	0x04 / 0x04    F     block size; not used for reading
//	0x08 / 0x0c    F     size of all blocks together; not used for reading
//	0x0c / 0x14    F     offset of the blocks
//	0x10 / 0x1c    F     offset of the plaintext hash tree
//	0x14 / 0x24    F     offset of the ciphertext hash tree
//	0x18 / 0x2c    F     offset of the block hash tree
//	0x1c / 0x34    F     offset of the share hash chain
//	0x20 / 0x3c    F     offset of the UEB
//	0x24 / 0x44          the blocks, one a segment, the tail's last and maybe shorter
//	                     plaintext hash tree: as many zero bytes as the next tree has
//	                     ciphertext hash tree: leaf s is the hash of the ciphertext of segment s, without padding
//	                     block hash tree of this share: leaf s is the hash of block s
//	                     share hash chain: entries of a 2-byte node number and its 32-byte hash
//	               F     length of the UEB
//	                     UEB
//
// The share hash tree has the roots of the N block hash trees as its leaves. The chain of share i holds the leaf i
// itself and the siblings of the path from it to the root, the root excluded: log2(P)+1 entries for P leaves.
//
// # The UEB
//
// Fields "key:netstring(value)", where netstring(v) is "length:v,", follow each other in ascending order of their keys:
//
//	codec_name           "crs"
//	codec_params         "segment size-k-N"
//	crypttext_hash       32 bytes, hash of the whole ciphertext
//	crypttext_root_hash  32 bytes, root of the ciphertext hash tree
//	needed_shares        k
//	num_segments         number of segments
//	segment_size         segment size
//	share_root_hash      32 bytes, root of the share hash tree
//	size                 size of the file
//	tail_codec_params    "padded size of the tail-k-N"
//	total_shares         N
//
// Numbers are decimal. A reader needs segment_size and the two roots; what else is present must agree with the
// capability, and keys that are not in this list are skipped (older files have plaintext_hash and plaintext_root_hash).
//
// The example of this package's tests lays out a share of a file of 1000 bytes, 3-of-10, to the byte.
package layout

import (
	"encoding/binary"
	"fmt"
	"math"
)

// HashSize is the size of a tree node, ChainEntrySize of an entry of the share hash chain.
const (
	HashSize       = 32
	ChainEntrySize = 2 + HashSize
)

// MaxHeaderSize is the size of the longer of the two headers: whoever reads that much has any header.
const MaxHeaderSize = headerSizeV2

const (
	headerSizeV1 = 0x24
	headerSizeV2 = 0x44

	// maxChain bounds the share hash chain that a header may announce. With 256 shares, 9 entries are needed.
	maxChain = 32
)

// A Layout has the offsets of a share's sections. Layouts are comparable; one read by ParseHeader has no UEBSize.
type Layout struct {
	Version          int   // 1 or 2
	BlockSize        int64 // as the header states it, which no reader relies on
	DataSize         int64 // likewise: the size of all blocks
	Data             int64 // offset of the blocks
	PlaintextHashes  int64 // offset of the unused plaintext hash tree
	CiphertextHashes int64 // offset of the ciphertext hash tree
	BlockHashes      int64 // offset of the block hash tree
	ShareHashes      int64 // offset of the share hash chain
	UEB              int64 // offset of the UEB's length, which the UEB follows
	UEBSize          int   // size of the UEB; 0 when it is not known
}

// Layout places the sections of a share whose UEB has uebSize bytes, in version 1 if that can hold it.
func (g Geometry) Layout(uebSize int) (Layout, error) {
	if uebSize < 0 || uebSize > MaxUEBSize {
		return Layout{}, fmt.Errorf("UEB of %d bytes is over the limit of %d", uebSize, MaxUEBSize)
	}
	l := g.place(1, uebSize)
	if max(l.BlockSize, l.DataSize, l.UEB) > math.MaxUint32 {
		l = g.place(2, uebSize)
	}
	return l, nil
}

// LayoutV2 is Layout in version 2 whatever the size. Some shares in the world are written that way.
func (g Geometry) LayoutV2(uebSize int) Layout { return g.place(2, uebSize) }

func (g Geometry) place(version, uebSize int) Layout {
	l := Layout{Version: version, BlockSize: g.BlockSize, DataSize: g.ShareDataSize(), UEBSize: uebSize}
	l.Data = l.HeaderSize()
	l.PlaintextHashes = l.Data + l.DataSize
	l.CiphertextHashes = l.PlaintextHashes + g.TreeSize()
	l.BlockHashes = l.CiphertextHashes + g.TreeSize()
	l.ShareHashes = l.BlockHashes + g.TreeSize()
	l.UEB = l.ShareHashes + int64(g.ShareHashes)*ChainEntrySize
	return l
}

// HeaderSize is the size of the header in bytes.
func (l Layout) HeaderSize() int64 {
	if l.Version == 2 {
		return headerSizeV2
	}
	return headerSizeV1
}

// FieldSize is the size of the header's fields and of the UEB's length in bytes: 4 or 8.
func (l Layout) FieldSize() int {
	if l.Version == 2 {
		return 8
	}
	return 4
}

// ChainSize is the size of the share hash chain in bytes.
func (l Layout) ChainSize() int { return int(l.UEB - l.ShareHashes) }

// ShareSize is the size of the whole share. It needs UEBSize.
func (l Layout) ShareSize() int64 { return l.UEB + int64(l.FieldSize()) + int64(l.UEBSize) }

// Header is the header in bytes.
func (l Layout) Header() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, l.HeaderSize()), uint32(l.Version))
	for _, v := range l.fields() {
		b = l.appendField(b, *v)
	}
	return b
}

// AppendUEB appends what a share has at the offset UEB: the length of ueb, and ueb.
func (l Layout) AppendUEB(dst, ueb []byte) []byte {
	return append(l.appendField(dst, int64(len(ueb))), ueb...)
}

// UEBLength reads the length that precedes a UEB; b starts at the offset UEB. A length over MaxUEBSize is an error.
func (l Layout) UEBLength(b []byte) (int, error) {
	if len(b) < l.FieldSize() {
		return 0, fmt.Errorf("share ends within the length of its UEB")
	}
	n := l.field(b)
	if n > MaxUEBSize {
		return 0, fmt.Errorf("UEB of %d bytes is over the limit of %d", n, MaxUEBSize)
	}
	return int(n), nil
}

// ParseHeader reads the header at the start of b, which may be longer. Its offsets are those of no bytes at all yet:
// they may point anywhere behind the header, but they do not overflow and the share hash chain has a size that
// a chain can have.
func ParseHeader(b []byte) (Layout, error) {
	if len(b) < 4 {
		return Layout{}, fmt.Errorf("share ends within its header, after %d bytes", len(b))
	}
	version := binary.BigEndian.Uint32(b)
	if version != 1 && version != 2 {
		return Layout{}, fmt.Errorf("share has version %d, not 1 or 2", version)
	}
	l := Layout{Version: int(version)}
	if int64(len(b)) < l.HeaderSize() {
		return Layout{}, fmt.Errorf("share ends within its header, after %d bytes", len(b))
	}
	for i, f := range l.fields() {
		v := l.field(b[4+i*l.FieldSize():])
		if v > math.MaxInt64/4 {
			return Layout{}, fmt.Errorf("share header states a size or offset of %d", v)
		}
		*f = int64(v)
	}
	return l, l.check()
}

func (l Layout) check() error {
	if min(l.Data, l.PlaintextHashes, l.CiphertextHashes, l.BlockHashes, l.ShareHashes) < l.HeaderSize() {
		return fmt.Errorf("share header places a section within the header")
	}
	if n := l.UEB - l.ShareHashes; n < 0 || n%ChainEntrySize != 0 || n > maxChain*ChainEntrySize {
		return fmt.Errorf("share header gives the share hash chain %d bytes, which no chain has", n)
	}
	return nil
}

// fields are the header's fields behind the version, in order.
func (l *Layout) fields() [8]*int64 {
	return [...]*int64{&l.BlockSize, &l.DataSize, &l.Data, &l.PlaintextHashes, &l.CiphertextHashes, &l.BlockHashes,
		&l.ShareHashes, &l.UEB}
}

func (l Layout) appendField(b []byte, v int64) []byte {
	if l.Version == 2 {
		return binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return binary.BigEndian.AppendUint32(b, uint32(v))
}

func (l Layout) field(b []byte) uint64 {
	if l.Version == 2 {
		return binary.BigEndian.Uint64(b)
	}
	return uint64(binary.BigEndian.Uint32(b))
}

package share

import (
	"encoding/binary"
	"io"

	"tahoe/storage"
)

// Sizes of the parts of a mutable container.
const (
	MutableHeaderSize = 100
	MutableDataAt     = MutableHeaderSize + inlineLeases*MutableLeaseSize
	MutableLeaseSize  = 92

	// MaxMutable is the largest mutable share.
	MaxMutable = 69105 * 1000 * 1000 * 1000 * 1000

	inlineLeases = 4
	extraCount   = 4
)

const (
	magicV1 = "Tahoe mutable container v1\n\x75\x09\x44\x03\x8e"
	magicV2 = "Tahoe mutable container v2\n\xc3\x55\x21\x99\x25"
)

// MagicSize is how many bytes of a file tell a mutable container from an immutable one.
const MagicSize = len(magicV2)

// IsMutable says whether a file that begins with b is a mutable container, as far as one can see.
func IsMutable(b []byte) bool {
	_, ok := mutableVersion(b)
	return ok
}

func mutableVersion(b []byte) (Version, bool) {
	if len(b) < MagicSize {
		return 0, false
	}
	switch string(b[:MagicSize]) {
	case magicV1:
		return V1, true
	case magicV2:
		return V2, true
	default:
		return 0, false
	}
}

// Mutable describes a mutable container.
type Mutable struct {
	Version      Version
	Node         [20]byte // the server that took the write enabler
	WriteEnabler storage.Secret
	Size         int64  // of the data
	ExtraAt      int64  // offset of the extra leases
	Extra        uint32 // number of extra leases
}

// NewMutable describes a new, empty container.
func NewMutable(node [20]byte, enabler storage.Secret) Mutable {
	return Mutable{Version: Newest, Node: node, WriteEnabler: enabler, ExtraAt: MutableDataAt}
}

// Header is the first 100 bytes of the container.
func (c Mutable) Header() []byte {
	out := make([]byte, 0, MutableHeaderSize)
	if c.Version == V1 {
		out = append(out, magicV1...)
	} else {
		out = append(out, magicV2...)
	}
	out = append(out, c.Node[:]...)
	enabler := c.WriteEnabler.Bytes()
	out = append(out, enabler[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(c.Size))
	return binary.BigEndian.AppendUint64(out, uint64(c.ExtraAt))
}

// FileSize is how large the container's file is. What lies behind it means nothing: a lease that was being added when
// the process died.
func (c Mutable) FileSize() int64 {
	return c.ExtraAt + extraCount + int64(c.Extra)*MutableLeaseSize
}

// LeaseAt is the offset of the kth place for a lease, whether it is filled or not.
func (c Mutable) LeaseAt(k int64) int64 {
	if k < inlineLeases {
		return MutableHeaderSize + k*MutableLeaseSize
	}
	return c.ExtraAt + extraCount + (k-inlineLeases)*MutableLeaseSize
}

// Places is the number of places for leases.
func (c Mutable) Places() int64 { return inlineLeases + int64(c.Extra) }

// ReadMutable reads the header of the container that lies in the first fileSize bytes of r.
func ReadMutable(r io.ReaderAt, fileSize int64) (Mutable, error) {
	var b [MutableHeaderSize]byte
	if err := readFull(r, b[:], 0, fileSize); err != nil {
		return Mutable{}, err
	}
	v, ok := mutableVersion(b[:])
	if !ok {
		return Mutable{}, corrupt("no magic of a mutable share")
	}
	c := Mutable{Version: v, Node: [20]byte(b[32:52]), WriteEnabler: storage.NewSecret([storage.SecretSize]byte(b[52:84]))}
	size, extraAt := binary.BigEndian.Uint64(b[84:]), binary.BigEndian.Uint64(b[92:])
	if size > MaxMutable || extraAt > uint64(fileSize) || extraAt < MutableDataAt+size {
		return Mutable{}, corrupt("mutable share says %d bytes of data and leases at %d, file has %d bytes", size, extraAt, fileSize)
	}
	c.Size, c.ExtraAt = int64(size), int64(extraAt)
	var count [extraCount]byte
	if err := readFull(r, count[:], c.ExtraAt, fileSize); err != nil {
		return Mutable{}, err
	}
	c.Extra = binary.BigEndian.Uint32(count[:])
	if c.FileSize() > fileSize {
		return Mutable{}, corrupt("file of %d bytes has no room for its %d extra leases", fileSize, c.Extra)
	}
	return c, nil
}

// readFull reads b at off of a file of fileSize bytes. A file that is too short is corrupt.
func readFull(r io.ReaderAt, b []byte, off, fileSize int64) error {
	if off > fileSize-int64(len(b)) {
		return corrupt("%d bytes at %d of a file of %d", len(b), off, fileSize)
	}
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return corrupt("file ends at %d", off+int64(n))
	default:
		return err
	}
}

// appendMutable appends the lease as mutable containers store it.
func (l Lease) appendMutable(b []byte) []byte {
	renew, cancel := l.Renew.Bytes(), l.Cancel.Bytes()
	b = binary.BigEndian.AppendUint32(b, l.Owner)
	b = binary.BigEndian.AppendUint32(b, l.Expires)
	b = append(b, renew[:]...)
	b = append(b, cancel[:]...)
	return append(b, l.Node[:]...)
}

// Encode is the lease as this container stores it.
func (c Mutable) Encode(l Lease) []byte {
	return l.appendMutable(make([]byte, 0, MutableLeaseSize))
}

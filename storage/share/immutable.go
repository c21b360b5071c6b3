package share

import (
	"encoding/binary"
	"math"
)

// Sizes of the parts of an immutable container.
const (
	ImmutableHeaderSize = 12
	ImmutableLeaseSize  = 72

	immutableCountAt = 8
)

// Immutable describes an immutable container.
type Immutable struct {
	Version Version
	Size    int64 // of the data
	Leases  uint32
	// Unfinished is how many bytes lie behind the leases: leases that were being added when their process died. They mean
	// nothing, and the next lease is written over the first of them.
	Unfinished int64
}

// NewImmutable describes a new container, without leases.
func NewImmutable(size int64) Immutable { return Immutable{Version: Newest, Size: size} }

// Header is the first 12 bytes of the container.
func (c Immutable) Header() []byte {
	out := make([]byte, 0, ImmutableHeaderSize)
	out = binary.BigEndian.AppendUint32(out, uint32(c.Version))
	out = binary.BigEndian.AppendUint32(out, uint32(min(c.Size, math.MaxUint32)))
	return binary.BigEndian.AppendUint32(out, c.Leases)
}

// LeaseAt is the offset of the kth lease.
func (c Immutable) LeaseAt(k uint32) int64 {
	return ImmutableHeaderSize + c.Size + int64(k)*ImmutableLeaseSize
}

// FileSize is how large the container's file is, unfinished bytes aside.
func (c Immutable) FileSize() int64 { return c.LeaseAt(c.Leases) }

// ParseImmutable reads the header of a container that lies in a file of fileSize bytes. header is the beginning of
// that file.
//
// The original takes the size of the data from the file's size and the number of leases, and nothing else: what a lease
// that was being added by a process that died leaves behind becomes the end of the data, where no reader looks. Here the
// size in the header counts where it can, and such bytes, however many, are told from data. Where the header cannot say the
// size, because it is 2^32-1 or more, nothing tells them apart, and they count as data as they do for the original: so none
// of the data is lost, and no lease is written over it.
func ParseImmutable(header []byte, fileSize int64) (Immutable, error) {
	if len(header) < ImmutableHeaderSize || fileSize < ImmutableHeaderSize {
		return Immutable{}, corrupt("%d bytes are too few for an immutable share", min(int64(len(header)), fileSize))
	}
	c := Immutable{
		Version: Version(binary.BigEndian.Uint32(header)),
		Leases:  binary.BigEndian.Uint32(header[immutableCountAt:]),
	}
	if !c.Version.valid() {
		return Immutable{}, corrupt("version %d of immutable shares", c.Version)
	}
	bySize := fileSize - c.LeaseAt(c.Leases)
	if bySize < 0 {
		return Immutable{}, corrupt("file of %d bytes has no room for its %d leases", fileSize, c.Leases)
	}
	const saturated = math.MaxUint32
	switch field := int64(binary.BigEndian.Uint32(header[4:])); {
	case bySize < field:
		return Immutable{}, corrupt("header says %d bytes of data, file has %d", field, bySize)
	case field == saturated:
		c.Size = bySize
	default:
		// Long ago, a size that does not fit was stored modulo 2^32. Nobody leaves 2^32 bytes of leases behind.
		c.Unfinished = (bySize - field) & math.MaxUint32
		c.Size = bySize - c.Unfinished
	}
	return c, nil
}

// appendImmutable appends the lease as immutable containers store it.
func (l Lease) appendImmutable(b []byte) []byte {
	renew, cancel := l.Renew.Bytes(), l.Cancel.Bytes()
	b = binary.BigEndian.AppendUint32(b, l.Owner)
	b = append(b, renew[:]...)
	b = append(b, cancel[:]...)
	return binary.BigEndian.AppendUint32(b, l.Expires)
}

// Encode is the lease as this container stores it.
func (c Immutable) Encode(l Lease) []byte {
	return l.appendImmutable(make([]byte, 0, ImmutableLeaseSize))
}

package share

import (
	"encoding/binary"
	"io"
	"iter"
	"math"

	"tahoe/storage"
)

// A Patch is bytes to be written over a container.
type Patch struct {
	Offset int64
	Data   []byte
}

// AllLeases yields the leases of an immutable container that r holds, in order, each with its number. It stops at the
// first error.
func (c Immutable) AllLeases(r io.ReaderAt) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		var b [ImmutableLeaseSize]byte
		for k := range c.Leases {
			err := readFull(r, b[:], c.LeaseAt(k), c.FileSize())
			if !yield(parseImmutableLease(b), err) || err != nil {
				return
			}
		}
	}
}

func parseImmutableLease(b [ImmutableLeaseSize]byte) Lease {
	return Lease{
		Owner:   binary.BigEndian.Uint32(b[:]),
		Renew:   storage.NewSecret([storage.SecretSize]byte(b[4:36])),
		Cancel:  storage.NewSecret([storage.SecretSize]byte(b[36:68])),
		Expires: binary.BigEndian.Uint32(b[68:]),
	}
}

// PlanLease says how to add l to the container that r holds, or how to renew the lease that secrets renew. The patches
// are written in order, each durable before the next: a process that dies between them leaves a container that reads as
// before. There are none when the lease that is there lasts as long, one to renew, two to add.
func (c Immutable) PlanLease(r io.ReaderAt, l Lease, secrets storage.LeaseSecrets) ([]Patch, error) {
	k := uint32(0)
	for have, err := range c.AllLeases(r) {
		if err != nil {
			return nil, err
		}
		if have.RenewedBy(c.Version, secrets.Renew) {
			return renewal(have, l, c.LeaseAt(k)+ImmutableLeaseSize-4), nil
		}
		k++
	}
	if c.Leases == math.MaxUint32 {
		return nil, storage.ErrNoSpace
	}
	return []Patch{
		{c.LeaseAt(c.Leases), c.Encode(l)},
		{immutableCountAt, binary.BigEndian.AppendUint32(nil, c.Leases+1)},
	}, nil
}

// renewal writes the expiry of l over that of have, at offset, if it is later.
//
// The four bytes may lie across two sectors of the disk. A process that dies has written the first few of them, which
// makes an expiry between the old one and a later one. A machine that loses power may write either sector alone, and
// then the lease may end up to 194 days early; the next renewal mends that.
func renewal(have, l Lease, offset int64) []Patch {
	if l.Expires <= have.Expires {
		return nil
	}
	return []Patch{{offset, binary.BigEndian.AppendUint32(nil, l.Expires)}}
}

// AllLeases yields the places for leases of a mutable container that r holds, in order. An empty place is a lease of
// owner 0. It stops at the first error.
func (c Mutable) AllLeases(r io.ReaderAt) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		var b [MutableLeaseSize]byte
		for k := range c.Places() {
			err := readFull(r, b[:], c.LeaseAt(k), c.FileSize())
			if !yield(parseMutableLease(b), err) || err != nil {
				return
			}
		}
	}
}

func parseMutableLease(b [MutableLeaseSize]byte) Lease {
	return Lease{
		Owner:   binary.BigEndian.Uint32(b[:]),
		Expires: binary.BigEndian.Uint32(b[4:]),
		Renew:   storage.NewSecret([storage.SecretSize]byte(b[8:40])),
		Cancel:  storage.NewSecret([storage.SecretSize]byte(b[40:72])),
		Node:    [20]byte(b[72:92]),
	}
}

// PlanLease is as Immutable.PlanLease. The owner of l is not 0. A lease goes to the first empty place, which takes one
// patch: the four places that new containers have lie in the first 468 bytes of the file, and so in one sector. When
// none is empty, it goes behind the last, and the count is written after it.
func (c Mutable) PlanLease(r io.ReaderAt, l Lease, secrets storage.LeaseSecrets) ([]Patch, error) {
	empty, k := int64(-1), int64(0)
	for have, err := range c.AllLeases(r) {
		switch {
		case err != nil:
			return nil, err
		case have.Owner != 0 && have.RenewedBy(c.Version, secrets.Renew):
			return renewal(have, l, c.LeaseAt(k)+4), nil
		case have.Owner == 0 && empty < 0:
			empty = k
		}
		k++
	}
	if empty >= 0 {
		return []Patch{{c.LeaseAt(empty), c.Encode(l)}}, nil
	}
	if c.Extra == math.MaxUint32 {
		return nil, storage.ErrNoSpace
	}
	return []Patch{
		{c.LeaseAt(k), c.Encode(l)},
		{c.ExtraAt, binary.BigEndian.AppendUint32(nil, c.Extra+1)},
	}, nil
}

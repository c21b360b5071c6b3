// Package share reads and writes the containers in which a storage server keeps shares: one file for each share, the
// same bytes as Tahoe-LAFS 1.20 writes and reads. It is for storage/disk, crawlers and tools that look at share files.
// All numbers are big-endian.
//
// An immutable container holds the data of an immutable share between its header and its leases:
//
//	0        4   version, 1 or 2
//	4        4   size of the data S, or 2^32-1 when S is larger than that
//	8        4   number of leases L
//	12       S   data
//	12+S   72·L  leases: owner 4, renew secret 32, cancel secret 32, expiry 4
//
// A mutable container has room for four leases before the data, and keeps further ones behind it:
//
//	0       32   magic: "Tahoe mutable container v1\n" or v2, and 5 bytes that belong to the version
//	32      20   identity of the server that took the write enabler
//	52      32   write enabler
//	84       8   size of the data S
//	92       8   offset X of the extra leases, at least 468+S
//	100    368   four leases: owner 4, expiry 4, renew secret 32, cancel secret 32, server 20; owner 0 is an empty place
//	468      S   data; up to X lies what a cut left behind
//	X        4   number of extra leases E
//	X+4   92·E   extra leases
//
// Version 1 stores lease secrets as they are, version 2 stores their BLAKE2b-256. New containers are version 2; old
// ones are read, and keep their version when they are changed. Write enablers are stored as they are in both. Expiry
// is in seconds since 1970.
//
// For example, the share "hello" with one lease of owner 0, renew secret 32 times "r", cancel secret 32 times "c", that
// ends at 0x6a000000, is this immutable container (89 bytes):
//
//	00000002 00000005 00000001 68656c6c6f
//	00000000 40a94cee0d59896c000581cae57197c0e04310bca32e07620f461edb19ad593b
//	         f0e9c07993de2011907f2a0f1629527b72d4c5261388a68237e46a7b6ab82dc6 6a000000
//
// The invariant: a container that parses lies wholly within its file, so that no offset made from it leaves the file.
package share

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/crypto/blake2b"

	"tahoe/storage"
)

// ErrCorrupt is in the error of every container that cannot be read.
var ErrCorrupt = errors.New("not a share container")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrCorrupt)
}

// LeaseDuration is how long a lease lasts, from when it is added or renewed.
const LeaseDuration = 31 * 24 * time.Hour

// A Version is the version of a container. It decides how lease secrets are stored.
type Version int

// The versions.
const (
	V1     Version = 1
	V2     Version = 2
	Newest         = V2
)

func (v Version) valid() bool { return v == V1 || v == V2 }

// stored is a lease secret as a container of version v stores it.
func (v Version) stored(s storage.Secret) storage.Secret {
	b := s.Bytes()
	if v == V1 {
		return s
	}
	return storage.NewSecret(blake2b.Sum256(b[:]))
}

// A Lease is a lease as it is stored.
type Lease struct {
	Owner   uint32
	Renew   storage.Secret // as the container's version stores it
	Cancel  storage.Secret
	Expires uint32   // seconds since 1970
	Node    [20]byte // the server that took a mutable share's lease; zero for immutable shares
}

// NewLease makes a lease for a container of version v.
func NewLease(v Version, owner uint32, l storage.LeaseSecrets, expires time.Time, node [20]byte) Lease {
	return Lease{
		Owner:   owner,
		Renew:   v.stored(l.Renew),
		Cancel:  v.stored(l.Cancel),
		Expires: seconds(expires),
		Node:    node,
	}
}

// seconds is t as containers store it. Times that do not fit are the nearest that does.
func seconds(t time.Time) uint32 {
	return uint32(max(0, min(t.Unix(), math.MaxUint32)))
}

// RenewedBy says whether secret is the one that renews l, which is a lease of a container of version v.
func (l Lease) RenewedBy(v Version, secret storage.Secret) bool {
	return l.Renew.Equal(v.stored(secret))
}

// Time is when the lease ends.
func (l Lease) Time() time.Time { return time.Unix(int64(l.Expires), 0) }

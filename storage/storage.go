// Package storage is the storage contract of a grid: what a client may ask of a server, and what every server
// promises. It is for both sides of the wire: storage/disk keeps shares in a directory, storage/gbs.Client reaches a
// server over the network, storagetest.Mem holds shares in memory, and all of them answer to storagetest.Run.
//
// The invariant: nothing here can read a file. A server knows indices, share numbers, secrets that prove a lease or
// a right to write, and bytes. This package imports the standard library alone, and nothing in storage/… may import
// caps, so that a storage server holds no code that understands a capability.
//
// Immutable shares of one index are its bucket: they appear whole, once, and never change. Mutable shares of one
// index are its slot: they change by test-and-write, guarded by a write enabler.
package storage

import (
	"context"
	"fmt"
	"io"
)

// MaxShares is the number of shares that one index can have: share numbers are 0 to 255.
const MaxShares = 256

// A ShareNum numbers a share within its index, from 0 to MaxShares-1.
type ShareNum int

// Valid says whether n is a share number that this contract admits.
func (n ShareNum) Valid() bool { return n >= 0 && n < MaxShares }

// A Span is a range of bytes of a share: Size bytes from Offset on.
type Span struct {
	Offset int64
	Size   int64
}

// End is the offset of the first byte behind the span.
func (s Span) End() int64 { return s.Offset + s.Size }

// CheckSpans refuses spans that no share has, with ErrRange.
func CheckSpans(spans ...Span) error {
	for _, s := range spans {
		if s.Offset < 0 || s.Size < 0 {
			return fmt.Errorf("%d bytes at %d: %w", s.Size, s.Offset, ErrRange)
		}
	}
	return nil
}

// A Server keeps shares. All methods may be called from several goroutines at once. A method that waits ends with the
// context's error soon after the context ends; the effect of a call cut short that way is unknown, but shares are
// never left half written.
type Server interface {
	Immutable
	Mutable
	Leaser
	Adviser
	Version(ctx context.Context) (Version, error)
}

// Version says what a server is and what it would accept now. Sizes are in bytes.
type Version struct {
	Application       string // name and version of the server's software, for people
	MaxImmutableShare uint64 // the largest immutable share accepted now; 0 when the server takes none
	MaxMutableShare   uint64
	Available         uint64 // space left for shares
}

// Immutable is the half of the contract that keeps immutable shares.
type Immutable interface {
	// Allocate makes room for shares of index i. Shares that the server holds completely are returned in
	// Allocated.Have, whether they were asked for or not, and their leases are renewed with a.Lease. Shares that
	// were asked for, are not held, and for which there is room, get a Writer; a share that another upload is
	// writing, or that does not fit, is in neither. A server that is full or read-only therefore answers without
	// an error and without writers.
	Allocate(ctx context.Context, i Index, a Allocation) (Allocated, error)

	// Buckets returns a Reader for each complete share of i, and an empty map when there is none. It opens nothing.
	Buckets(ctx context.Context, i Index) (map[ShareNum]Reader, error)
}

// An Allocation asks for room for the immutable shares Shares, Size bytes each.
type Allocation struct {
	Shares []ShareNum
	Size   int64
	Lease  LeaseSecrets
}

// Allocated is the answer to an Allocation.
type Allocated struct {
	Have    []ShareNum // complete shares already here, ascending
	Writers map[ShareNum]Writer
}

// A Writer writes one immutable share. It belongs to one caller: its methods are not called at the same time, except
// that Abort may be called during Write, which then fails. A writer that is neither closed nor aborted is aborted by
// its server some time after its last write.
type Writer interface {
	// Write stores the s.Size bytes that it reads from r at s.Offset, and returns the spans that are still missing
	// afterwards, ascending; none are missing when the share is complete. Writing the same bytes twice is allowed,
	// different ones are ErrConflict. A span that leaves the allocated size is ErrRange. A reader that ends early or
	// fails makes Write fail; what was read until then may have been stored.
	Write(ctx context.Context, s Span, r io.Reader) (missing []Span, err error)

	// Close makes a complete share visible and durable: when Close has returned nil, the share survives a crash. An
	// incomplete share is ErrIncomplete and stays open. Closing what is closed does nothing.
	Close(ctx context.Context) error

	// Abort forgets the share and gives its room back. After Close it does nothing.
	Abort(ctx context.Context) error
}

// A Reader reads one complete immutable share.
type Reader interface {
	// Read returns a stream of the bytes of s, which the caller closes. The stream is shorter where the share ends
	// within s, and empty where it ends before s. ErrNotFound when the share has gone. The bytes come from the
	// server unverified: whoever reads them checks them.
	Read(ctx context.Context, s Span) (io.ReadCloser, error)
}

// Mutable is the half of the contract that keeps mutable shares.
type Mutable interface {
	// Slot returns the numbers of the mutable shares held for i, ascending; none when there is no slot.
	Slot(ctx context.Context, i Index) ([]ShareNum, error)

	// ReadSlot reads spans of the shares of i that are asked for, or of all when shares is nil. The answer has an
	// entry for each of these shares that is held, with one value per span, shorter where the share ends.
	ReadSlot(ctx context.Context, i Index, shares []ShareNum, spans []Span) (map[ShareNum][][]byte, error)

	// TestAndWrite reads, then tests, then writes, as one step that no other call can come between. A write enabler
	// that is not the slot's is ErrBadSecret and changes nothing. A failed test is a result, not an error.
	TestAndWrite(ctx context.Context, i Index, w SlotWrite) (SlotResult, error)
}

// A SlotWrite is one atomic change of a slot.
type SlotWrite struct {
	WriteEnabler Secret // kept when the slot is made, and demanded ever after
	Lease        LeaseSecrets
	Shares       map[ShareNum]ShareWrite
	Reads        []Span // read from every share of the slot, before anything is written
}

// A ShareWrite is what a SlotWrite does to one share: nothing unless the Tests of all shares hold. If they do, a share
// that does not exist is made, empty, before its Writes, unless NewLength deletes it.
type ShareWrite struct {
	Tests  []Test
	Writes []Write
	// NewLength cuts the share when it is longer than that, after the writes, and never makes it longer. A NewLength
	// of 0 deletes the share. Nil leaves the length alone.
	NewLength *int64
}

// A Test holds when the share's bytes at Offset, Size of them, are Specimen. A share that does not exist is empty.
type Test struct {
	Offset   int64
	Size     int64
	Specimen []byte
}

// A Write stores Data at Offset. A hole between the end of the share and Offset is filled with zero bytes.
type Write struct {
	Offset int64
	Data   Data
}

// Data is a run of bytes that need not be in memory: *bytes.Reader and *io.SectionReader are Data.
type Data interface {
	io.ReaderAt
	Size() int64
}

// A SlotResult says whether all tests held, so that the writes were made, and what was read before.
type SlotResult struct {
	Wrote bool
	Data  map[ShareNum][][]byte // for each share that was held: one value per span of Reads
}

// A Leaser keeps leases.
type Leaser interface {
	// AddLease adds a lease to every share of i, immutable or mutable, or renews the lease with the same secret, for
	// 31 days from now. ErrNotFound when there is no share.
	AddLease(ctx context.Context, i Index, l LeaseSecrets) error
}

// LeaseSecrets prove a client's lease on a share.
type LeaseSecrets struct {
	Renew  Secret
	Cancel Secret
}

// An Adviser takes notice of shares that a client found corrupt, for its operator.
type Adviser interface {
	// AdviseCorrupt records the advice. ErrNotFound when the share is not held.
	AdviseCorrupt(ctx context.Context, c Corruption) error
}

// Corruption describes a share that does not verify.
type Corruption struct {
	Kind   Kind
	Index  Index
	Share  ShareNum
	Reason string // at most MaxReason bytes of UTF-8
}

// MaxReason is the longest reason of a corruption advice, in bytes.
const MaxReason = 32765

// A Kind tells the two kinds of shares apart.
type Kind uint8

// The kinds of shares.
const (
	KindImmutable Kind = iota
	KindMutable
)

// String is the kind's name in paths and advisories.
func (k Kind) String() string {
	if k == KindMutable {
		return "mutable"
	}
	return "immutable"
}

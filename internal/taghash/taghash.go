// Package taghash holds every hash of the grid: SHA-256, twice, over a netstring tag and the data, so that no hash can
// stand for another. It is for whoever derives keys and secrets, builds shares, or verifies them.
//
// The invariant: tags and their framing never change. Each derivation here is part of the format of files that exist;
// changing one makes them unreadable.
package taghash

import (
	"crypto/sha256"
	"hash"

	"tahoe/internal/netstring"
)

// A Hash is the result of a tagged hash.
type Hash = [sha256.Size]byte

// frameSize holds the netstring frames of all tags of this package, so that they need no allocation.
const frameSize = 96

// A Hasher hashes a stream under one tag. It belongs to one goroutine.
type Hasher struct {
	h     hash.Hash
	frame []byte
	once  Hash // the inner sum; kept here so that Sum allocates nothing
}

// New begins a hash under tag.
func New(tag string) *Hasher {
	return newHasher([]byte(tag))
}

func newHasher(tag []byte) *Hasher {
	h := &Hasher{h: sha256.New(), frame: netstring.Append(make([]byte, 0, netstring.Len(len(tag))), tag)}
	h.Reset()
	return h
}

// Write adds p. It never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.h.Write(p) }

// Sum is the hash of what was written since New or Reset. It changes nothing: writing may go on.
func (h *Hasher) Sum() Hash {
	h.h.Sum(h.once[:0])
	return sha256.Sum256(h.once[:])
}

// Reset begins anew under the same tag.
func (h *Hasher) Reset() {
	h.h.Reset()
	_, _ = h.h.Write(h.frame)
}

// Sum hashes data under tag.
func Sum(tag string, data []byte) Hash {
	return sum([]byte(tag), data)
}

func sum(tag, data []byte) Hash {
	var frame [frameSize]byte
	h := sha256.New()
	_, _ = h.Write(netstring.Append(frame[:0], tag))
	_, _ = h.Write(data)
	var once Hash
	h.Sum(once[:0])
	return sha256.Sum256(once[:])
}

// pairSize holds a tag and two hashes in their frames.
const pairSize = frameSize + 2*40

// Pair hashes a and b, each in a frame of its own, under tag.
func Pair(tag string, a, b []byte) Hash {
	var buf [pairSize]byte
	framed := netstring.Append(buf[:0], []byte(tag))
	framed = netstring.Append(framed, a)
	framed = netstring.Append(framed, b)
	once := sha256.Sum256(framed)
	return sha256.Sum256(once[:])
}

func first16(h Hash) [16]byte { return [16]byte(h[:16]) }

package taghash

import (
	"crypto/sha256"
	"strconv"
)

// The tags of Merkle trees.
const (
	tagEmptyLeaf = "Merkle tree empty leaf"
	tagNode      = "Merkle tree internal node"
)

// EmptyLeaf is the hash of leaf i of a Merkle tree when there is nothing there.
func EmptyLeaf(i int) Hash {
	var digits [20]byte
	return Sum(tagEmptyLeaf, strconv.AppendInt(digits[:0], int64(i), 10))
}

// The parts of an inner node's message, of which only the two hashes differ.
const (
	nodeHead   = "25:" + tagNode + ",32:"
	nodeMiddle = ",32:"
	nodeSize   = len(nodeHead) + sha256.Size + len(nodeMiddle) + sha256.Size + 1
)

// Node is the hash of the inner node over left and right. It allocates nothing.
func Node(left, right Hash) Hash {
	var m [nodeSize]byte
	n := copy(m[:], nodeHead)
	n += copy(m[n:], left[:])
	n += copy(m[n:], nodeMiddle)
	n += copy(m[n:], right[:])
	m[n] = ','
	once := sha256.Sum256(m[:])
	return sha256.Sum256(once[:])
}

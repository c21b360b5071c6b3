// Package hashtree builds and checks the Merkle trees of share files: over the blocks of a share, over the segments of
// a file's ciphertext, and over the shares of a file. It is for upload, download and verification.
//
// A tree is a complete binary tree in one slice, root first: the children of node i are nodes 2i+1 and 2i+2, and the
// leaves are the last nodes. Leaves that are missing up to a power of two have the hash of an empty leaf.
//
// The invariant: whatever Verify and VerifyLeaf accept leads to the root, hash by hash.
package hashtree

import (
	"fmt"
	"math/bits"

	"tahoe/internal/taghash"
)

// A Tree is a whole tree, as it lies in a share file.
type Tree []taghash.Hash

// width is the number of leaves with the empty ones counted in: a power of two, at least 1.
func width(leaves int) int {
	if leaves <= 1 {
		return 1
	}
	return 1 << bits.Len(uint(leaves-1))
}

// Size is the number of nodes of a tree over this many leaves.
func Size(leaves int) int { return 2*width(leaves) - 1 }

// Depth is the number of hashes that prove one of this many leaves.
func Depth(leaves int) int { return bits.Len(uint(width(leaves))) - 1 }

// Build makes the tree over leaves.
func Build(leaves []taghash.Hash) Tree {
	t := make(Tree, Size(len(leaves)))
	first := t.firstLeaf()
	copy(t[first:], leaves)
	for i := first + len(leaves); i < len(t); i++ {
		t[i] = taghash.EmptyLeaf(i - first)
	}
	for i := first - 1; i >= 0; i-- {
		t[i] = t.node(i)
	}
	return t
}

// Root is the hash that stands for all leaves.
func (t Tree) Root() taghash.Hash { return t[0] }

// Leaf is the hash of leaf i.
func (t Tree) Leaf(i int) taghash.Hash { return t[t.firstLeaf()+i] }

func (t Tree) firstLeaf() int { return len(t) / 2 }

// node is the hash that node i must have over its children.
func (t Tree) node(i int) taghash.Hash { return taghash.Node(t[2*i+1], t[2*i+2]) }

// An Entry is one node of a tree with its number.
type Entry struct {
	Node int
	Hash taghash.Hash
}

// Chain is the proof of a leaf: the siblings of the nodes from the leaf to the root, in ascending order of their
// numbers. It is empty for a tree of one leaf.
func (t Tree) Chain(leaf int) []Entry {
	chain := make([]Entry, Depth(len(t)/2+1))
	at := len(chain)
	for i := t.firstLeaf() + leaf; i > 0; i = parent(i) {
		at--
		chain[at] = Entry{Node: sibling(i), Hash: t[sibling(i)]}
	}
	return chain
}

// ShareChain is the proof of a leaf as share files hold it: Chain and the leaf itself, in the order in which the original
// writes them, see setOrder. It has Depth+1 entries.
func (t Tree) ShareChain(leaf int) []Entry {
	last := t.firstLeaf() + leaf
	if last == 0 {
		return []Entry{{Node: 0, Hash: t[0]}}
	}
	nodes := make([]int, 0, Depth(len(t)/2+1)+1)
	for i := last; i > 0; i = parent(i) {
		nodes = append(nodes, sibling(i))
	}
	chain := make([]Entry, 0, cap(nodes))
	for _, i := range setOrder(append(nodes, last)) {
		chain = append(chain, Entry{Node: i, Hash: t[i]})
	}
	return chain
}

func parent(i int) int { return (i - 1) / 2 }

// sibling of a left child, which has an odd number, is the next node, and of a right child the one before.
func sibling(i int) int { return i - 1 + i%2*2 }

// checkLeaf says whether a tree over leaves has a leaf of this number.
func checkLeaf(leaves, leaf int) error {
	if leaf < 0 || leaf >= leaves {
		return fmt.Errorf("leaf %d of a tree with %d leaves: %w", leaf, leaves, ErrBadHash)
	}
	return nil
}

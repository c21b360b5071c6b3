package hashtree

import (
	"errors"
	"fmt"

	"tahoe/internal/taghash"
)

// ErrBadHash is the error of hashes that do not lead to the root.
var ErrBadHash = errors.New("hashes do not lead to the root")

// Verify checks a whole tree over leaves that was read from a share: every node against its children, and the root
// against root, which the caller trusts. It allocates nothing: the result shares the memory of nodes.
func Verify(nodes []taghash.Hash, leaves int, root taghash.Hash) (Tree, error) {
	if leaves < 1 || len(nodes) != Size(leaves) {
		return nil, fmt.Errorf("%d nodes for a tree with %d leaves: %w", len(nodes), leaves, ErrBadHash)
	}
	if nodes[0] != root {
		return nil, fmt.Errorf("the root is not the expected one: %w", ErrBadHash)
	}
	t := Tree(nodes)
	for i := t.firstLeaf() - 1; i >= 0; i-- {
		if t[i] != t.node(i) {
			return nil, fmt.Errorf("node %d of %d is not the hash of its children: %w", i, len(t), ErrBadHash)
		}
	}
	return t, nil
}

// VerifyLeaf checks that chain proves leafHash to be leaf number leaf, of this many leaves, of the tree with this root.
// The chain holds each sibling of the path once, in any order. It may hold nodes of the path too, as share files do with
// the leaf, and they must then be right. Any other node is refused.
func VerifyLeaf(chain []Entry, leaves, leaf int, leafHash, root taghash.Hash) error {
	if err := checkLeaf(leaves, leaf); err != nil {
		return err
	}
	if len(chain) > 2*Depth(leaves)+1 {
		return fmt.Errorf("%d hashes in the chain of one of %d leaves: %w", len(chain), leaves, ErrBadHash)
	}
	used := 0
	h := leafHash
	i := width(leaves) - 1 + leaf
	for {
		n, err := match(chain, i, h)
		if err != nil {
			return err
		}
		used += n
		if i == 0 {
			break
		}
		s, err := find(chain, sibling(i))
		if err != nil {
			return err
		}
		used++
		if i%2 == 1 {
			h = taghash.Node(h, s)
		} else {
			h = taghash.Node(s, h)
		}
		i = parent(i)
	}
	if h != root {
		return fmt.Errorf("chain of leaf %d: %w", leaf, ErrBadHash)
	}
	if used != len(chain) {
		return fmt.Errorf("chain of leaf %d holds hashes that do not belong to it: %w", leaf, ErrBadHash)
	}
	return nil
}

// match checks the entry of node i, if there is one, against the hash h that the path yields.
func match(chain []Entry, i int, h taghash.Hash) (found int, err error) {
	for _, e := range chain {
		if e.Node == i {
			if e.Hash != h {
				return 0, fmt.Errorf("node %d in the chain is not what the leaf leads to: %w", i, ErrBadHash)
			}
			found++
		}
	}
	return min(found, 1), nil
}

func find(chain []Entry, i int) (taghash.Hash, error) {
	for _, e := range chain {
		if e.Node == i {
			return e.Hash, nil
		}
	}
	return taghash.Hash{}, fmt.Errorf("node %d is missing from the chain: %w", i, ErrBadHash)
}

package hashtree_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tahoe/internal/base32"
	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
)

func leaves(n int) []taghash.Hash {
	l := make([]taghash.Hash, n)
	for i := range l {
		l[i] = taghash.Block(fmt.Append(nil, i))
	}
	return l
}

// The roots are those that a running node computes over the same leaves.
func TestKnownRoots(t *testing.T) {
	for _, c := range []struct {
		leaves, size, depth int
		root                string
	}{
		{leaves: 1, size: 1, depth: 0, root: "mhhd7doqusesqt7wjczdqrvmfxmr6ddkpx3mlgyxjekk7fap4naa"},
		{leaves: 2, size: 3, depth: 1, root: "vucczt2m3syrfoehmlsufdrtl7rkaqh5jncbpo6cuw7pmybc6ggq"},
		{leaves: 3, size: 7, depth: 2, root: "geqazyjamueqsx3fnrhclo2xahxwsge5r5rqj3ywbirwovqkvnpq"},
		{leaves: 5, size: 15, depth: 3, root: "bmpxit376eya5qogukov6wakzpcewzd6uxd7d7wscdh572ihbf2q"},
		{leaves: 10, size: 31, depth: 4, root: "w5g7a7ilzokcwjepmq4di332si4plhnt6zl3a3oxp5a3jfqjhl7q"},
	} {
		t.Run(fmt.Sprint(c.leaves), func(t *testing.T) {
			tree := hashtree.Build(leaves(c.leaves))
			root := tree.Root()
			if got := base32.Encode(root[:]); got != c.root {
				t.Errorf("root: got %s, want %s", got, c.root)
			}
			if len(tree) != c.size || hashtree.Size(c.leaves) != c.size {
				t.Errorf("size: got %d and %d, want %d", len(tree), hashtree.Size(c.leaves), c.size)
			}
			if got := hashtree.Depth(c.leaves); got != c.depth {
				t.Errorf("depth: got %d, want %d", got, c.depth)
			}
		})
	}
}

// The chain of share 2 of 10, node by node, by hand: its path is 17, 8, 3, 1, 0.
func TestChainNodes(t *testing.T) {
	tree := hashtree.Build(leaves(10))
	for _, c := range []struct {
		name  string
		chain []hashtree.Entry
		want  []int
	}{
		{name: "Chain", chain: tree.Chain(2), want: []int{2, 4, 7, 18}},
		{name: "ShareChain", chain: tree.ShareChain(2), want: []int{2, 4, 7, 17, 18}},
		{name: "ShareChain of a right leaf", chain: tree.ShareChain(3), want: []int{2, 4, 7, 17, 18}},
		{name: "one leaf", chain: hashtree.Build(leaves(1)).Chain(0), want: nil},
		{name: "one leaf's share", chain: hashtree.Build(leaves(1)).ShareChain(0), want: []int{0}},
	} {
		var got []int
		for _, e := range c.chain {
			got = append(got, e.Node)
			if c.name != "one leaf's share" && e.Hash != tree[e.Node] {
				t.Errorf("%s: node %d has another hash than in the tree", c.name, e.Node)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got nodes %v, want %v", c.name, got, c.want)
		}
	}
}

func TestEveryLeafProves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 70).Draw(t, "leaves")
		tree := hashtree.Build(leaves(n))
		for i := range n {
			chain := rapid.Permutation(tree.Chain(i)).Draw(t, "chain")
			if err := hashtree.VerifyLeaf(chain, n, i, tree.Leaf(i), tree.Root()); err != nil {
				t.Fatalf("chain of leaf %d of %d: %v", i, n, err)
			}
			if err := hashtree.VerifyLeaf(tree.ShareChain(i), n, i, tree.Leaf(i), tree.Root()); err != nil {
				t.Fatalf("share chain of leaf %d of %d: %v", i, n, err)
			}
		}
		got, err := hashtree.Verify(slices.Clone(tree), n, tree.Root())
		if err != nil || !slices.Equal(got, tree) {
			t.Fatalf("whole tree of %d leaves: %v", n, err)
		}
	})
}

func flip(t *rapid.T, h *taghash.Hash) {
	h[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
}

func refused(t *rapid.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, hashtree.ErrBadHash) {
		t.Fatalf("%s: got %v, want %v", what, err, hashtree.ErrBadHash)
	}
}

func TestAnyChangedHashIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 70).Draw(t, "leaves")
		tree := hashtree.Build(leaves(n))
		i := rapid.IntRange(0, n-1).Draw(t, "leaf")
		leaf, root := tree.Leaf(i), tree.Root()

		whole := slices.Clone(tree)
		flip(t, &whole[rapid.IntRange(0, len(whole)-1).Draw(t, "node")])
		_, err := hashtree.Verify(whole, n, root)
		refused(t, "whole tree", err)

		chain := tree.ShareChain(i)
		flip(t, &chain[rapid.IntRange(0, len(chain)-1).Draw(t, "entry")].Hash)
		refused(t, "chain", hashtree.VerifyLeaf(chain, n, i, leaf, root))

		other, otherRoot := leaf, root
		flip(t, &other)
		flip(t, &otherRoot)
		refused(t, "leaf", hashtree.VerifyLeaf(tree.Chain(i), n, i, other, root))
		refused(t, "root", hashtree.VerifyLeaf(tree.Chain(i), n, i, leaf, otherRoot))
		_, err = hashtree.Verify(slices.Clone(tree), n, otherRoot)
		refused(t, "root of a whole tree", err)
	})
}

func TestChainOfAnotherShapeIsRefused(t *testing.T) {
	const n = 10
	tree := hashtree.Build(leaves(n))
	leaf, root := tree.Leaf(4), tree.Root()
	chain := func(change func([]hashtree.Entry) []hashtree.Entry) []hashtree.Entry { return change(tree.Chain(4)) }
	for _, c := range []struct {
		name         string
		chain        []hashtree.Entry
		leaves, leaf int
	}{
		{name: "one hash missing", leaves: n, leaf: 4, chain: tree.Chain(4)[1:]},
		{name: "empty", leaves: n, leaf: 4},
		{name: "a hash that does not belong", leaves: n, leaf: 4, chain: append(tree.Chain(4), hashtree.Entry{Node: 30, Hash: tree[30]})},
		{name: "a node that the tree does not have", leaves: n, leaf: 4, chain: append(tree.Chain(4), hashtree.Entry{Node: 65535})},
		{name: "a negative node", leaves: n, leaf: 4, chain: append(tree.Chain(4), hashtree.Entry{Node: -1})},
		{name: "a hash twice", leaves: n, leaf: 4, chain: append(tree.Chain(4), tree.Chain(4)[0])},
		{name: "the leaf twice", leaves: n, leaf: 4, chain: append(tree.ShareChain(4), hashtree.Entry{Node: 19, Hash: leaf})},
		{name: "too many hashes", leaves: n, leaf: 4, chain: slices.Repeat(tree.Chain(4), 1000)},
		{name: "another leaf's number", leaves: n, leaf: 5, chain: tree.Chain(4)},
		{name: "fewer leaves", leaves: 8, leaf: 4, chain: tree.Chain(4)},
		{name: "more leaves", leaves: 17, leaf: 4, chain: tree.Chain(4)},
		{name: "leaf behind the last", leaves: n, leaf: 10, chain: tree.Chain(10)},
		{name: "negative leaf", leaves: n, leaf: -1, chain: tree.Chain(4)},
		{name: "no leaves", leaves: 0, leaf: 0},
		{name: "hashes swapped", leaves: n, leaf: 4, chain: chain(func(c []hashtree.Entry) []hashtree.Entry {
			c[0].Hash, c[1].Hash = c[1].Hash, c[0].Hash
			return c
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := hashtree.VerifyLeaf(c.chain, c.leaves, c.leaf, leaf, root); !errors.Is(err, hashtree.ErrBadHash) {
				t.Errorf("got %v, want %v", err, hashtree.ErrBadHash)
			}
		})
	}
}

func TestWholeTreeOfAnotherSizeIsRefused(t *testing.T) {
	tree := hashtree.Build(leaves(10))
	for _, c := range []struct {
		name   string
		nodes  []taghash.Hash
		leaves int
	}{
		{name: "no nodes", leaves: 10},
		{name: "one node less", nodes: tree[:30], leaves: 10},
		{name: "one node more", nodes: append(slices.Clone(tree), taghash.Hash{}), leaves: 10},
		{name: "fewer leaves", nodes: tree, leaves: 8},
		{name: "more leaves", nodes: tree, leaves: 17},
		{name: "no leaves", nodes: tree[:1], leaves: 0},
		{name: "negative leaves", nodes: tree[:1], leaves: -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := hashtree.Verify(c.nodes, c.leaves, tree.Root()); !errors.Is(err, hashtree.ErrBadHash) {
				t.Errorf("got %v, want %v", err, hashtree.ErrBadHash)
			}
		})
	}
}

// A tree from a share is checked while a reader waits.
func TestVerifyAllocatesNothing(t *testing.T) {
	tree := hashtree.Build(leaves(100))
	chain := tree.ShareChain(7)
	got := testing.AllocsPerRun(10, func() {
		_, _ = hashtree.Verify(tree, 100, tree.Root())
		_ = hashtree.VerifyLeaf(chain, 100, 7, tree.Leaf(7), tree.Root())
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{100, 8192} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tree := hashtree.Build(leaves(n))
			b.SetBytes(int64(32 * len(tree)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := hashtree.Verify(tree, n, tree.Root()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	l := leaves(8192)
	b.ReportAllocs()
	for b.Loop() {
		hashtree.Build(l)
	}
}

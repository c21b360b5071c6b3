package hashtree_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"tahoe/internal/hashtree"
)

func order(tree hashtree.Tree, leaf int) (nodes []int) {
	for _, e := range tree.ShareChain(leaf) {
		nodes = append(nodes, e.Node)
	}
	return nodes
}

// The orders were printed by the original, and so was the digest over those of all shares of all files: a line
// "TOTAL SHARE:NODE,NODE,…" for each.
func TestShareChainsAreInTheOriginalsOrder(t *testing.T) {
	for _, c := range []struct {
		total, share int
		want         []int
	}{
		{5, 0, []int{8, 2, 4, 7}},
		{5, 2, []int{2, 9, 10, 3}},
		{10, 3, []int{2, 4, 7, 17, 18}},
		{17, 3, []int{33, 2, 34, 4, 8, 15}},
		{101, 77, []int{1, 102, 6, 203, 12, 204, 49, 23}},
		{256, 255, []int{509, 1, 5, 13, 61, 125, 253, 29, 510}},
	} {
		if got := order(hashtree.Build(leaves(c.total)), c.share); !slices.Equal(got, c.want) {
			t.Errorf("share %d of %d: order %v, want %v", c.share, c.total, got, c.want)
		}
	}
	all := sha256.New()
	for total := 1; total <= 256; total++ {
		tree := hashtree.Build(leaves(total))
		for share := range total {
			fmt.Fprintf(all, "%d %d:", total, share)
			for i, n := range order(tree, share) {
				if i > 0 {
					fmt.Fprint(all, ",")
				}
				fmt.Fprint(all, n)
			}
			fmt.Fprintln(all)
		}
	}
	const want = "900e45d089056429fa56ace8ee6256ad1757355c79df99edeb376a303a20c667"
	if got := hex.EncodeToString(all.Sum(nil)); got != want {
		t.Errorf("digest of all orders is %s, want %s", got, want)
	}
}

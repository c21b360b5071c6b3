package taghash_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tahoe/internal/taghash"
)

// slow is the definition: SHA-256 of SHA-256 of everything in one piece.
func slow(message string) taghash.Hash {
	once := sha256.Sum256([]byte(message))
	return sha256.Sum256(once[:])
}

func frame(s string) string { return fmt.Sprintf("%d:%s,", len(s), s) }

func TestSumAndPairFollowTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := strings.Repeat(rapid.StringN(0, 8, 8).Draw(t, "tag"), rapid.IntRange(1, 30).Draw(t, "repeated"))
		a := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "b")
		if got, want := taghash.Sum(tag, a), slow(frame(tag)+string(a)); got != want {
			t.Errorf("Sum: got %x, want %x", got, want)
		}
		if got, want := taghash.Pair(tag, a, b), slow(frame(tag)+frame(string(a))+frame(string(b))); got != want {
			t.Errorf("Pair: got %x, want %x", got, want)
		}
		h := taghash.New(tag)
		_, _ = h.Write([]byte("something else"))
		h.Reset()
		_, _ = h.Write(a)
		_ = h.Sum()
		_, _ = h.Write(b)
		if got, want := h.Sum(), taghash.Sum(tag, append(bytes.Clone(a), b...)); got != want {
			t.Errorf("Hasher: got %x, want %x", got, want)
		}
	})
}

func TestNodeIsAPairOfHashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.Custom(func(t *rapid.T) taghash.Hash {
			return taghash.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		})
		l, r := hash.Draw(t, "left"), hash.Draw(t, "right")
		if got, want := taghash.Node(l, r), taghash.Pair("Merkle tree internal node", l[:], r[:]); got != want {
			t.Errorf("got %x, want %x", got, want)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	data := make([]byte, 5000)
	h := taghash.NewCiphertext()
	for _, c := range []struct {
		name string
		call func()
	}{
		{"Block", func() { taghash.Block(data) }},
		{"CiphertextSegment", func() { taghash.CiphertextSegment(data) }},
		{"UEB", func() { taghash.UEB(data) }},
		{"Node", func() { taghash.Node(taghash.Hash{}, taghash.Hash{}) }},
		{"EmptyLeaf", func() { taghash.EmptyLeaf(1 << 30) }},
		{"StorageIndex", func() { taghash.StorageIndex([16]byte{}) }},
		{"Hasher", func() { h.Reset(); _, _ = h.Write(data); h.Sum() }},
		{"PermutedRank", func() { taghash.PermutedRank([16]byte{}, data[:32]) }},
	} {
		if got := testing.AllocsPerRun(20, c.call); got != 0 {
			t.Errorf("%s: got %v allocations, want none", c.name, got)
		}
	}
}

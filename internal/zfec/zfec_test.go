package zfec_test

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/reedsolomon"
	"pgregory.net/rapid"

	"tahoe/internal/zfec"
)

// paths switch off one way to compute after the other. What a processor does not have is off anyway.
var paths = []struct {
	name    string
	options []reedsolomon.Option
}{
	{name: "all"},
	{name: "no AVX-512 GFNI", options: []reedsolomon.Option{reedsolomon.WithGFNI(false)}},
	{name: "no GFNI", options: []reedsolomon.Option{reedsolomon.WithGFNI(false), reedsolomon.WithAVXGFNI(false)}},
	{name: "no AVX-512", options: []reedsolomon.Option{reedsolomon.WithAVX512(false)}},
	{name: "no AVX2", options: []reedsolomon.Option{reedsolomon.WithAVX512(false), reedsolomon.WithAVX2(false)}},
	{name: "no SSSE3", options: []reedsolomon.Option{reedsolomon.WithAVX512(false), reedsolomon.WithAVX2(false), reedsolomon.WithSSSE3(false)}},
	{name: "no SVE", options: []reedsolomon.Option{reedsolomon.WithSVE(false)}},
	{name: "none", options: []reedsolomon.Option{
		reedsolomon.WithAVX512(false), reedsolomon.WithGFNI(false), reedsolomon.WithAVXGFNI(false), reedsolomon.WithAVX2(false),
		reedsolomon.WithSSSE3(false), reedsolomon.WithSSE2(false), reedsolomon.WithSVE(false), reedsolomon.WithNEON(false),
	}},
}

// pairs are all (k, n) up to 19, and larger ones up to the limits.
func pairs() [][2]int {
	var all [][2]int
	for n := 1; n <= 19; n++ {
		for k := 1; k <= n; k++ {
			all = append(all, [2]int{k, n})
		}
	}
	return append(all, [][2]int{
		{25, 32}, {33, 64}, {25, 100}, {100, 127}, {3, 128}, {20, 200}, {1, 255}, {71, 255}, {254, 255},
		{1, 256}, {2, 256}, {3, 256}, {16, 256}, {101, 256}, {254, 256}, {255, 256}, {256, 256},
	}...)
}

func data(k, n, size int, rng *rand.Rand) [][]byte {
	blocks := make([][]byte, n)
	for i := range blocks {
		blocks[i] = make([]byte, size)
		if i < k {
			for j := range blocks[i] {
				blocks[i][j] = byte(rng.Uint32())
			}
		}
	}
	return blocks
}

func upTo(first, last int) (numbers []int) {
	for i := first; i < last; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

// keep leaves only the blocks of these numbers.
func keep(blocks [][]byte, numbers []int) [][]byte {
	kept := make([][]byte, len(blocks))
	for _, i := range numbers {
		kept[i] = blocks[i]
	}
	return kept
}

func equal(t testing.TB, what string, got, want [][]byte) {
	t.Helper()
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("%s: block %d: got %x, want %x", what, i, got[i], want[i])
		}
	}
}

func TestEqualToTheSlowImplementation(t *testing.T) {
	all := pairs()
	if len(all) < 200 {
		t.Fatalf("got %d pairs, want at least 200", len(all))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range all {
		k, n := p[0], p[1]
		want := data(k, n, 1+rng.IntN(300), rng)
		interpolate(want, upTo(0, k), upTo(k, n))
		given := rng.Perm(n)[:k]
		slices.Sort(given)
		byHand := keep(want, given)
		interpolate(byHand, given, slices.DeleteFunc(upTo(0, k), func(i int) bool { return slices.Contains(given, i) }))
		equal(t, fmt.Sprintf("%d of %d, slow rebuild", k, n), byHand[:k], want[:k])
		code, err := zfec.New(k, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			c, err := code.With(path.options...)
			if err != nil {
				t.Fatal(err)
			}
			where := fmt.Sprintf("%d of %d, %s", k, n, path.name)
			compare(t, where, c, want, k, given)
			compare(t, where, c, want, k, upTo(n-k, n))
		}
	}
}

func compare(t *testing.T, where string, c *zfec.Code, want [][]byte, k int, given []int) {
	t.Helper()
	got := keep(want, upTo(0, k))
	for i := k; i < len(got); i++ {
		got[i] = bytes.Repeat([]byte{0xee}, len(want[i])) // what was there before must not matter
	}
	if err := c.Encode(got); err != nil {
		t.Fatal(err)
	}
	equal(t, where+", encode", got, want)
	got = keep(want, given)
	if err := c.Rebuild(got); err != nil {
		t.Fatal(err)
	}
	equal(t, where+", rebuild", got[:k], want[:k])
}

//go:embed testdata/parity.txt
var parity string

func TestEqualToZfec(t *testing.T) {
	for line := range strings.Lines(parity) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var k, n, size int
		var want string
		if _, err := fmt.Sscan(line, &k, &n, &size, &want); err != nil {
			t.Fatal(err)
		}
		blocks := make([][]byte, n)
		for i := range blocks {
			blocks[i] = make([]byte, size)
			for j := range size {
				blocks[i][j] = byte(7*i + 13*j)
			}
		}
		c, err := zfec.New(k, n)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Encode(blocks); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(bytes.Join(blocks[k:], nil))); got != want {
			t.Errorf("%d of %d, blocks of %d bytes: got %s, want %s", k, n, size, got, want)
		}
	}
}

func TestAnyKBlocksOrMoreRebuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		k := rapid.IntRange(1, n).Draw(t, "k")
		have := rapid.IntRange(k, n).Draw(t, "have")
		c, err := zfec.New(k, n)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		want := data(k, n, rapid.IntRange(1, 200).Draw(t, "size"), rng)
		if err := c.Encode(want); err != nil {
			t.Fatal(err)
		}
		got := keep(want, rng.Perm(n)[:have])
		missing := map[int]bool{}
		for i := k; i < n; i++ {
			missing[i] = got[i] == nil
		}
		if err := c.Rebuild(got); err != nil {
			t.Fatal(err)
		}
		for i := range k {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("block %d: got %x, want %x", i, got[i], want[i])
			}
		}
		for i := k; i < n; i++ {
			if missing[i] && got[i] != nil {
				t.Fatalf("block %d was rebuilt, though nobody needs it", i)
			}
		}
	})
}

func TestRebuildUsesTheMemoryItIsGiven(t *testing.T) {
	c, err := zfec.New(2, 4)
	if err != nil {
		t.Fatal(err)
	}
	want := data(2, 4, 50, rand.New(rand.NewPCG(3, 4)))
	if err := c.Encode(want); err != nil {
		t.Fatal(err)
	}
	memory := bytes.Repeat([]byte{0xee}, 60)
	got := [][]byte{memory[:0], make([]byte, 0, 49), want[2], want[3]}
	if err := c.Rebuild(got); err != nil {
		t.Fatal(err)
	}
	equal(t, "rebuild", got[:2], want[:2])
	if &got[0][0] != &memory[0] {
		t.Error("block 0 was not rebuilt into the memory that was given")
	}
	if !bytes.Equal(memory[50:], bytes.Repeat([]byte{0xee}, 10)) {
		t.Errorf("the memory behind the block was changed to %x", memory[50:])
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		k, n int
	}{
		{name: "nothing", k: 0, n: 0},
		{name: "no blocks needed", k: 0, n: 10},
		{name: "negative", k: -1, n: 10},
		{name: "both negative", k: -3, n: -2},
		{name: "more needed than there are", k: 4, n: 3},
		{name: "too many", k: 3, n: 257},
		{name: "far too many", k: 1 << 40, n: 1 << 41},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, err := zfec.New(c.k, c.n); err == nil {
				t.Errorf("got %v, want an error", code)
			}
		})
	}
}

func TestBlocksThatDoNotFit(t *testing.T) {
	c, err := zfec.New(2, 4)
	if err != nil {
		t.Fatal(err)
	}
	b := func(sizes ...int) (blocks [][]byte) {
		for _, s := range sizes {
			blocks = append(blocks, make([]byte, s))
		}
		return blocks
	}
	for _, test := range []struct {
		name   string
		call   func([][]byte) error
		blocks [][]byte
		want   string
	}{
		{name: "encode nothing", call: c.Encode, want: "0 blocks were given"},
		{name: "encode too few", call: c.Encode, blocks: b(5, 5, 5), want: "3 blocks were given"},
		{name: "encode too many", call: c.Encode, blocks: b(5, 5, 5, 5, 5), want: "5 blocks were given"},
		{name: "encode empty ones", call: c.Encode, blocks: b(0, 0, 0, 0), want: "block 0 is empty"},
		{name: "encode with no room", call: c.Encode, blocks: b(5, 5, 0, 5), want: "block 2 is empty"},
		{name: "encode unequal ones", call: c.Encode, blocks: b(5, 5, 5, 4), want: "block 3 has 4 bytes, but another has 5"},
		{name: "rebuild nothing", call: c.Rebuild, want: "0 blocks were given"},
		{name: "rebuild too few entries", call: c.Rebuild, blocks: b(5, 5), want: "2 blocks were given"},
		{name: "rebuild empty ones", call: c.Rebuild, blocks: b(0, 0, 0, 0), want: "2 needed and 0 there"},
		{name: "rebuild from too few", call: c.Rebuild, blocks: b(0, 5, 0, 0), want: "2 needed and 1 there"},
		{name: "rebuild unequal ones", call: c.Rebuild, blocks: b(0, 5, 6, 0), want: "block 2 has 6 bytes, but another has 5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.call(test.blocks)
			if !errors.Is(err, zfec.ErrBlocks) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %v that says %q", err, zfec.ErrBlocks, test.want)
			}
		})
	}
}

func TestMemoryOfCodesIsBounded(t *testing.T) {
	for n := 1; n <= 60; n++ {
		if _, err := zfec.New(1, n); err != nil {
			t.Fatal(err)
		}
	}
	if now, most := zfec.Kept(); now > most {
		t.Errorf("got %d codes kept, want at most %d", now, most)
	}
	c, err := zfec.New(3, 10)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := zfec.New(3, 10); err != nil || again != c {
		t.Errorf("got another code, %v, want the same one again", err)
	}
	blocks := data(3, 10, 10, rand.New(rand.NewPCG(5, 6)))
	if err := c.Encode(blocks); err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		for j := i + 1; j < 8; j++ {
			got := keep(blocks, []int{i, j, 9})
			if err := c.Rebuild(got); err != nil {
				t.Fatal(err)
			}
			equal(t, "rebuild", got[:3], blocks[:3])
		}
	}
	if now, most := c.KeptDecoders(); now != most {
		t.Errorf("got %d decoders kept, want %d", now, most)
	}
}

func TestManyGoroutinesUseOneCode(t *testing.T) {
	var all sync.WaitGroup
	errs := make([]error, 8)
	for g := range errs {
		all.Go(func() { errs[g] = roundTrips(rand.New(rand.NewPCG(7, uint64(g)))) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func roundTrips(rng *rand.Rand) error {
	for range 50 {
		c, err := zfec.New(3, 10)
		if err != nil {
			return err
		}
		want := data(3, 10, 100, rng)
		if err := c.Encode(want); err != nil {
			return err
		}
		got := keep(want, rng.Perm(10)[:3])
		if err := c.Rebuild(got); err != nil {
			return err
		}
		for i := range 3 {
			if !bytes.Equal(got[i], want[i]) {
				return fmt.Errorf("block %d: got %x, want %x", i, got[i], want[i])
			}
		}
	}
	return nil
}

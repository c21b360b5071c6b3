package layout_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"tahoe/lafs/immutable/layout"
)

func geometry(t testing.TB, k, n int, size, maxSegment int64) layout.Geometry {
	t.Helper()
	g, err := layout.NewGeometry(k, n, size, maxSegment)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A share of a file of 1000 bytes, 3-of-10: one segment, padded to 1002 bytes, in blocks of 334.
func Example() {
	g, _ := layout.NewGeometry(3, 10, 1000, 1<<20)
	u := layout.NewUEB(g)
	for i := range layout.HashSize {
		u.CiphertextHash[i], u.CiphertextRoot[i], u.ShareRoot[i] = 'A', 'B', 'C'
	}
	l, _ := g.Layout(layout.UEBSize(g))

	fmt.Printf("header             %x\n", l.Header())
	fmt.Printf("blocks             %4d %4d bytes\n", l.Data, g.ShareDataSize())
	fmt.Printf("plaintext hashes   %4d %4d\n", l.PlaintextHashes, g.TreeSize())
	fmt.Printf("ciphertext hashes  %4d %4d\n", l.CiphertextHashes, g.TreeSize())
	fmt.Printf("block hashes       %4d %4d\n", l.BlockHashes, g.TreeSize())
	fmt.Printf("share hash chain   %4d %4d\n", l.ShareHashes, l.ChainSize())
	b := l.AppendUEB(nil, u.Encode())
	fmt.Printf("UEB length         %4d    4  %x\n", l.UEB, b[:4])
	fmt.Printf("UEB                %4d %4d\n", l.UEB+4, len(b)-4)
	fmt.Printf("end                %4d\n", l.ShareSize())
	fmt.Println(strings.ReplaceAll(string(b[4:]), ",", ",\n"))
	// Output:
	// header             000000010000014e0000014e000000240000017200000192000001b2000001d20000027c
	// blocks               36  334 bytes
	// plaintext hashes    370   32
	// ciphertext hashes   402   32
	// block hashes        434   32
	// share hash chain    466  170
	// UEB length          636    4  0000013c
	// UEB                 640  316
	// end                 956
	// codec_name:3:crs,
	// codec_params:9:1002-3-10,
	// crypttext_hash:32:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,
	// crypttext_root_hash:32:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB,
	// needed_shares:1:3,
	// num_segments:1:1,
	// segment_size:4:1002,
	// share_root_hash:32:CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC,
	// size:4:1000,
	// tail_codec_params:9:1002-3-10,
	// total_shares:2:10,
}

func TestGeometry(t *testing.T) {
	for _, tc := range []struct {
		name                     string
		k, n                     int
		size, maxSegment         int64
		segment, tail            int64
		block, tailBlock         int64
		segments, nodes, entries int
	}{
		{"one byte", 3, 10, 1, 1 << 20, 3, 3, 1, 1, 1, 1, 5},
		{"one segment", 3, 10, 1 << 20, 1 << 20, 1048578, 1048578, 349526, 349526, 1, 1, 5},
		{"just over", 3, 10, 1<<20 + 3, 1 << 20, 1048578, 3, 349526, 1, 2, 3, 5},
		{"three segments", 2, 3, 5, 2, 2, 2, 1, 1, 3, 7, 3},
		{"old segments", 3, 10, 1 << 20, 128 << 10, 131073, 131067, 43691, 43689, 8, 15, 5},
		{"one of one", 1, 1, 56, 1 << 20, 56, 56, 56, 56, 1, 1, 1},
		{"101 of 256", 101, 256, 1000, 1 << 20, 1010, 1010, 10, 10, 1, 1, 9},
		{"eleven segments", 1, 2, 11, 1, 1, 1, 1, 1, 11, 31, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := layout.Geometry{
				Needed: tc.k, Total: tc.n, Size: tc.size,
				SegmentSize: tc.segment, TailSegmentSize: tc.tail, Segments: tc.segments,
				BlockSize: tc.block, TailBlockSize: tc.tailBlock, ShareHashes: tc.entries,
			}
			got := geometry(t, tc.k, tc.n, tc.size, tc.maxSegment)
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if got.TreeNodes() != tc.nodes {
				t.Errorf("got %d tree nodes, want %d", got.TreeNodes(), tc.nodes)
			}
			if data := (tc.size + int64(tc.k) - 1) / int64(tc.k); got.ShareDataSize() != data {
				t.Errorf("got %d bytes of blocks, want %d", got.ShareDataSize(), data)
			}
			var sum int64
			for s := range got.Segments {
				off, size, _ := got.Segment(s)
				if off != sum {
					t.Errorf("segment %d is at %d, want %d", s, off, sum)
				}
				sum += size
			}
			if sum != tc.size {
				t.Errorf("segments have %d bytes, want %d", sum, tc.size)
			}
		})
	}
}

func TestGeometryRefuses(t *testing.T) {
	for _, tc := range []struct {
		name       string
		k, n       int
		size, maxS int64
	}{
		{"no shares needed", 0, 1, 1, 1},
		{"k over n", 2, 1, 1, 1},
		{"too many shares", 1, 257, 1, 1},
		{"empty", 1, 1, 0, 1},
		{"negative size", 1, 1, -1, 1},
		{"no segment", 1, 1, 1, 0},
		{"segment over the limit", 1, 1, 1 << 40, layout.MaxSegmentSize},
		{"too many segments", 1, 1, 1 << 62, 1 << 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if g, err := layout.NewGeometry(tc.k, tc.n, tc.size, tc.maxS); err == nil {
				t.Errorf("got %+v, want an error", g)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	for _, tc := range []struct {
		name    string
		size    int64
		version int
	}{
		{"small", 56, 1},
		{"below 4 GiB", 3 * (4<<30 - 4<<20), 1},
		{"offsets over 4 GiB", 3 * (4<<30 - 1), 2},
		{"data of 4 GiB", 3 * (4 << 30), 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := geometry(t, 3, 10, tc.size, 1<<20)
			l, err := g.Layout(layout.UEBSize(g))
			if err != nil {
				t.Fatal(err)
			}
			if l.Version != tc.version {
				t.Errorf("got version %d, want %d", l.Version, tc.version)
			}
			got, err := layout.ParseHeader(l.Header())
			l.UEBSize = 0
			if err != nil || got != l {
				t.Errorf("got %+v, %v, want %+v", got, err, l)
			}
		})
	}
}

func TestHeaderV2(t *testing.T) {
	g := geometry(t, 3, 10, 1000, 1<<20)
	got := hex.EncodeToString(g.LayoutV2(300).Header())
	want := "00000002" + "000000000000014e" + "000000000000014e" + "0000000000000044" + "0000000000000192" +
		"00000000000001b2" + "00000000000001d2" + "00000000000001f2" + "000000000000029c"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	g := geometry(t, 3, 10, 1000, 1<<20)
	v1, _ := g.Layout(300)
	change := func(at int, b ...byte) []byte {
		h := v1.Header()
		copy(h[at:], b)
		return h
	}
	for _, tc := range []struct {
		name   string
		header []byte
	}{
		{"empty", nil},
		{"short v1", v1.Header()[:35]},
		{"short v2", g.LayoutV2(300).Header()[:67]},
		{"version 0", change(3, 0)},
		{"version 3", change(3, 3)},
		{"data in the header", change(0xf, 0x23)},
		{"chain not a multiple of 34", change(0x23, 0x7d)},
		{"chain below zero", change(0x20, 0, 0, 0, 0)},
		{"chain too long", change(0x20, 0x7f, 0, 0, 0)},
		{"overflow", append([]byte{0, 0, 0, 2}, bytes.Repeat([]byte{0xff}, 64)...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if l, err := layout.ParseHeader(tc.header); err == nil {
				t.Errorf("got %+v, want an error", l)
			}
		})
	}
}

func TestUEBLength(t *testing.T) {
	g := geometry(t, 3, 10, 1000, 1<<20)
	v1, _ := g.Layout(300)
	for _, tc := range []struct {
		name string
		l    layout.Layout
		in   string
		want int
		ok   bool
	}{
		{"v1", v1, "\x00\x00\x01\x2crest", 300, true},
		{"v2", g.LayoutV2(0), "\x00\x00\x00\x00\x00\x00\x01\x2crest", 300, true},
		{"too long", v1, "\x00\x00\x07\xd0", 0, false},
		{"very long", g.LayoutV2(0), "\xff\xff\xff\xff\xff\xff\xff\xff", 0, false},
		{"cut", v1, "\x00\x00\x01", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.l.UEBLength([]byte(tc.in))
			if got != tc.want || (err == nil) != tc.ok {
				t.Errorf("got %d, %v, want %d, ok %v", got, err, tc.want, tc.ok)
			}
		})
	}
}

func FuzzHeader(f *testing.F) {
	g := geometry(f, 3, 10, 1000, 1<<20)
	v1, _ := g.Layout(300)
	f.Add(v1.Header())
	f.Add(g.LayoutV2(300).Header())
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := layout.ParseHeader(b)
		if err != nil {
			return
		}
		if h := l.Header(); !bytes.Equal(h, b[:len(h)]) {
			t.Errorf("got %x, want %x", h, b[:len(h)])
		}
		if l.ShareSize() <= 0 || l.ChainSize() < 0 {
			t.Errorf("got share size %d, chain size %d", l.ShareSize(), l.ChainSize())
		}
	})
}

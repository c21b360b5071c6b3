package layout_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"tahoe/caps"
	"tahoe/internal/hashtree"
	"tahoe/lafs/mutable/layout"
)

// fill is n bytes of a letter.
func fill(n int, letter string) []byte { return []byte(strings.Repeat(letter, n)) }

// show packs a share of parts that are letters, and prints it piece by piece.
func show(g layout.Geometry, data []byte) {
	c := layout.Checkstring{Seqnum: 0x0102030405060708, Root: [32]byte(fill(32, "R")), Salt: [16]byte(fill(16, "I"))}
	if g.Format == caps.MDMF {
		c.Salt = [16]byte{}
	}
	p := layout.Parts{Prefix: g.Prefix(c), PublicKey: fill(5, "P"), Signature: fill(4, "S"), PrivateKey: fill(6, "K")}
	for _, node := range []int{2, 3} {
		p.ShareHashes = append(p.ShareHashes, hashtree.Entry{Node: node, Hash: [32]byte(fill(32, "C"))})
	}
	for range g.TreeNodes() {
		p.BlockHashes = append(p.BlockHashes, [32]byte(fill(32, "T")))
	}
	share, err := p.Pack(bytes.NewReader(data))
	if err != nil {
		fmt.Println(err)
		return
	}
	b := make([]byte, share.Size())
	if _, err := share.ReadAt(b, 0); err != nil && err != io.EOF {
		fmt.Println(err)
	}
	h, err := layout.ParseHeader(b)
	fmt.Printf("checkstring %x\n", p.Checkstring.Encode())
	fmt.Printf("signed      %d bytes, then to its end %x\n", len(p.Prefix.Encode()), b[len(p.Checkstring.Encode()):len(p.Prefix.Encode())])
	fmt.Printf("offsets     %x %v\n", b[len(p.Prefix.Encode()):h.HeaderSize()], err)
	fmt.Println(runs(b[h.HeaderSize():], int(h.HeaderSize())))
	fmt.Println("size", share.Size())
}

// runs are the runs of equal bytes in b, which begins at offset at: where each is, how long, and of what.
func runs(b []byte, at int) string {
	var out []string
	for len(b) > 0 {
		n := len(b) - len(bytes.TrimLeft(b, string(b[:1])))
		out = append(out, fmt.Sprintf("%d+%d%q", at, n, b[0]))
		at, b = at+n, b[n:]
	}
	return strings.Join(out, " ")
}

// A share of an SDMF file of 4 bytes, 2-of-3. Public key, signature and private key are shorter than real ones.
func Example_sdmf() {
	g, err := layout.NewGeometry(caps.SDMF, 2, 3, 4)
	fmt.Println(g.Segments, g.SegmentSize, err)
	show(g, fill(2, "D"))
	// Output:
	// 1 4 <nil>
	// checkstring 000102030405060708525252525252525252525252525252525252525252525252525252525252525249494949494949494949494949494949
	// signed      75 bytes, then to its end 020300000000000000040000000000000004
	// offsets     0000007000000074000000b8000000d800000000000000da00000000000000e0 <nil>
	// 107+5'P' 112+4'S' 116+1'\x00' 117+1'\x02' 118+32'C' 150+1'\x00' 151+1'\x03' 152+32'C' 184+32'T' 216+2'D' 218+6'K'
	// size 224
}

// A share of an MDMF file of two segments, the second of 3 bytes, 2-of-3: the data are salt, block, salt, block.
func Example_mdmf() {
	g, err := layout.NewGeometry(caps.MDMF, 2, 3, layout.MDMFSegmentSize+3)
	fmt.Println(g.Segments, g.SegmentSize, g.TailSegmentSize, err)
	show(g, bytes.Join([][]byte{fill(16, "1"), fill(64<<10, "a"), fill(16, "2"), fill(2, "b")}, nil))
	// Output:
	// 2 131072 4 <nil>
	// checkstring 0101020304050607085252525252525252525252525252525252525252525252525252525252525252
	// signed      59 bytes, then to its end 020300000000000200000000000000020003
	// offsets     000000000000007b000000000000008100000000000000c500000000000000c900000000000000ce0000000000000877000000000001089900000000000108f9 <nil>
	// 123+6'K' 129+1'\x00' 130+1'\x02' 131+32'C' 163+1'\x00' 164+1'\x03' 165+32'C' 197+4'S' 201+5'P' 206+1961'\x00' 2167+16'1' 2183+65536'a' 67719+16'2' 67735+2'b' 67737+96'T'
	// size 67833
}

// A share of an empty file has no data, and a block hash tree of one node.
func Example_empty() {
	g, err := layout.NewGeometry(caps.SDMF, 2, 3, 0)
	fmt.Println(g.Segments, g.SegmentSize, err)
	show(g, nil)
	g, err = layout.NewGeometry(caps.MDMF, 2, 3, 0)
	fmt.Println(g.Segments, g.SegmentSize, err)
	show(g, nil)
	// Output:
	// 0 0 <nil>
	// checkstring 000102030405060708525252525252525252525252525252525252525252525252525252525252525249494949494949494949494949494949
	// signed      75 bytes, then to its end 020300000000000000000000000000000000
	// offsets     0000007000000074000000b8000000d800000000000000d800000000000000de <nil>
	// 107+5'P' 112+4'S' 116+1'\x00' 117+1'\x02' 118+32'C' 150+1'\x00' 151+1'\x03' 152+32'C' 184+32'T' 216+6'K'
	// size 222
	// 0 131072 <nil>
	// checkstring 0101020304050607085252525252525252525252525252525252525252525252525252525252525252
	// signed      59 bytes, then to its end 020300000000000200000000000000000000
	// offsets     000000000000007b000000000000008100000000000000c500000000000000c900000000000000ce000000000000087700000000000008770000000000000897 <nil>
	// 123+6'K' 129+1'\x00' 130+1'\x02' 131+32'C' 163+1'\x00' 164+1'\x03' 165+32'C' 197+4'S' 201+5'P' 206+1961'\x00' 2167+32'T'
	// size 2199
}

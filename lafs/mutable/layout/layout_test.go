package layout_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"tahoe/caps"
	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

func geometry(t testing.TB, f caps.Format, k, n int, size int64) layout.Geometry {
	t.Helper()
	g, err := layout.NewGeometry(f, k, n, size)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGeometry(t *testing.T) {
	for _, tc := range []struct {
		name             string
		format           caps.Format
		k, n             int
		size             int64
		segment, tail    int64
		block, tailBlock int64
		segments, nodes  int
		data, chain      int64
	}{
		{"empty SDMF", caps.SDMF, 3, 10, 0, 0, 0, 0, 0, 0, 1, 0, 136},
		{"empty MDMF", caps.MDMF, 3, 10, 0, 131073, 0, 43691, 0, 0, 1, 0, 136},
		{"one byte, SDMF", caps.SDMF, 3, 10, 1, 3, 3, 1, 1, 1, 1, 1, 136},
		{"one byte, MDMF", caps.MDMF, 3, 10, 1, 131073, 3, 43691, 1, 1, 1, 17, 136},
		{"SDMF is one segment", caps.SDMF, 2, 3, 1 << 20, 1 << 20, 1 << 20, 1 << 19, 1 << 19, 1, 1, 1 << 19, 68},
		{"one segment, rounded up", caps.MDMF, 3, 10, 131073, 131073, 131073, 43691, 43691, 1, 1, 43707, 136},
		{"just over", caps.MDMF, 3, 10, 131074, 131073, 3, 43691, 1, 2, 3, 43707 + 17, 136},
		{"three segments", caps.MDMF, 1, 1, 3<<17 - 1, 1 << 17, 1<<17 - 1, 1 << 17, 1<<17 - 1, 3, 7, 3<<17 + 47, 0},
		{"most shares", caps.MDMF, 255, 255, 131071, 131325, 131070 + 255, 515, 515, 1, 1, 531, 272},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := geometry(t, tc.format, tc.k, tc.n, tc.size)
			want := layout.Geometry{
				Format: tc.format, Needed: tc.k, Total: tc.n, Size: tc.size, SegmentSize: tc.segment,
				TailSegmentSize: tc.tail, BlockSize: tc.block, TailBlockSize: tc.tailBlock, Segments: tc.segments,
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if got.TreeNodes() != tc.nodes || got.DataSize() != tc.data || got.ChainSize() != tc.chain {
				t.Errorf("got %d nodes, %d bytes of data, %d of chain, want %d, %d, %d",
					got.TreeNodes(), got.DataSize(), got.ChainSize(), tc.nodes, tc.data, tc.chain)
			}
			checkSegments(t, got)
		})
	}
}

// checkSegments checks that segments and blocks follow each other without gaps.
func checkSegments(t *testing.T, g layout.Geometry) {
	t.Helper()
	var file, share int64
	for s := range g.Segments {
		offset, size, block := g.Segment(s)
		b := g.Block(s)
		if offset != file || b.Offset != share || b.Size != block+g.SaltSize() || block*int64(g.Needed) < size {
			t.Errorf("segment %d: %d bytes at %d, block %+v", s, size, offset, b)
		}
		file, share = file+size, b.End()
	}
	if file != g.Size || share != g.DataSize() {
		t.Errorf("segments end at %d of %d, blocks at %d of %d", file, g.Size, share, g.DataSize())
	}
}

func TestGeometryRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		format caps.Format
		k, n   int
		size   int64
	}{
		{"no shares needed", caps.SDMF, 0, 1, 1},
		{"k over N", caps.SDMF, 2, 1, 1},
		{"N does not fit its byte", caps.SDMF, 1, 256, 1},
		{"negative size", caps.MDMF, 1, 1, -1},
		{"SDMF over the limit", caps.SDMF, 1, 1, layout.MaxSegmentSize + 1},
		{"too many segments", caps.MDMF, 1, 1, layout.MaxSegments*layout.MDMFSegmentSize + 1},
		{"overflow", caps.MDMF, 3, 10, math.MaxInt64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if g, err := layout.NewGeometry(tc.format, tc.k, tc.n, tc.size); err == nil {
				t.Errorf("got %+v, want an error", g)
			}
		})
	}
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		if _, err := layout.NewGeometry(f, 3, 10, layout.MaxSegmentSize); err != nil {
			t.Errorf("%v of the limit's size: %v", f, err)
		}
	}
}

// A header as the package lays it out, for tests that break it.
func header(t testing.TB, f caps.Format, size int64) []byte {
	t.Helper()
	g := geometry(t, f, 2, 3, size)
	p := layout.Parts{Prefix: g.Prefix(layout.Checkstring{Seqnum: 7}), BlockHashes: make(hashtree.Tree, g.TreeNodes())}
	h, err := p.Header()
	if err != nil {
		t.Fatal(err)
	}
	return h.Encode()
}

func TestParseHeaderRefuses(t *testing.T) {
	sdmf, mdmf := header(t, caps.SDMF, 5), header(t, caps.MDMF, 5)
	with := func(h []byte, at, width int, v uint64) []byte {
		h = bytes.Clone(h)
		copy(h[at:at+width], binary.BigEndian.AppendUint64(nil, v)[8-width:])
		return h
	}
	for _, tc := range []struct {
		name   string
		header []byte
		want   string
	}{
		{"empty", nil, "after 0 bytes"},
		{"version 2", with(sdmf, 0, 1, 2), "version 2"},
		{"SDMF ends in checkstring", sdmf[:56], "after 56 bytes"},
		{"SDMF ends in prefix", sdmf[:74], "after 74 bytes"},
		{"SDMF ends in offsets", sdmf[:106], "after 106 bytes"},
		{"MDMF ends in checkstring", mdmf[:40], "after 40 bytes"},
		{"MDMF ends in offsets", mdmf[:122], "after 122 bytes"},
		{"k of 0", with(sdmf, 57, 1, 0), "0-of-3"},
		{"N of 0", with(mdmf, 42, 1, 0), "2-of-0"},
		{"SDMF of two segments", with(sdmf, 59, 8, 4), "segment size 4 of an SDMF file of 5 bytes"},
		{"segment not a multiple", with(mdmf, 43, 8, 131071), "not a multiple"},
		{"segment over the limit", with(mdmf, 43, 8, 1<<40), "at most"},
		{"segment of nothing", with(mdmf, 43, 8, 0), "0 bytes cannot hold"},
		{"negative size", with(mdmf, 51, 8, 1<<63), "file of -"},
		{"too many segments", with(mdmf, 51, 8, 1<<60), "over the limit"},
		{"SDMF signature in the header", with(sdmf, 75, 4, 106), "ends it at 106"},
		{"SDMF parts overlap", with(sdmf, 79, 4, 0), "places the signature at 107, and ends it at 0"},
		{"SDMF data too short", with(sdmf, 91, 8, 141), "gives the data 2 bytes"},
		{"SDMF private key too long", with(sdmf, 99, 8, 1<<20), "gives the private key"},
		{"SDMF offset overflows", with(sdmf, 99, 8, 1<<63), "places the end"},
		{"MDMF private key in the header", with(mdmf, 59, 8, 122), "private key"},
		{"MDMF chain of 33 bytes", with(mdmf, 75, 8, 123+33), "33 bytes"},
		{"MDMF chain too long", with(mdmf, 75, 8, 123+34*17), "share hash chain 578 bytes"},
		{"MDMF public key ends before it begins", with(mdmf, 91, 8, 1), "ends it at 1"},
		{"MDMF tree of two nodes", with(mdmf, 115, 8, 2167+19+64), "64 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, err := layout.ParseHeader(tc.header)
			if !isCorrupt(err) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %+v, %v, want an error with %q", h, err, tc.want)
			}
		})
	}
}

// A share cannot be laid out of parts that do not fit together.
func TestPackRefuses(t *testing.T) {
	g := geometry(t, caps.MDMF, 2, 3, 5)
	good := layout.Parts{Prefix: g.Prefix(layout.Checkstring{}), BlockHashes: make(hashtree.Tree, 1), PrivateKey: make([]byte, 1220)}
	for _, tc := range []struct {
		name   string
		change func(p *layout.Parts)
		data   int64
		want   string
	}{
		{"good", func(*layout.Parts) {}, 19, ""},
		{"data too short", func(*layout.Parts) {}, 18, "18 bytes, not 19"},
		{"tree too large", func(p *layout.Parts) { p.BlockHashes = make(hashtree.Tree, 3) }, 19, "3 nodes for 1 segments"},
		{"no encoding", func(p *layout.Parts) { p.Needed = 0 }, 19, "0-of-3"},
		{"no room for the key", func(p *layout.Parts) { p.PrivateKey = make([]byte, 2045) }, 19, "places the data at 2167"},
		{"private key over the limit", func(p *layout.Parts) { p.PrivateKey = make([]byte, 5000) }, 19, "gives the private key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := good
			tc.change(&p)
			_, err := p.Pack(bytes.NewReader(make([]byte, tc.data)))
			if got := fmtErr(err); tc.want == "" && err != nil || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if tc.data == 19 && tc.want != "" {
				if _, err := p.Head(); err == nil {
					t.Error("Head takes it")
				}
			}
		})
	}
}

func fmtErr(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A packed share can be read in pieces of any size, and fails where its data do.
func TestPackedShareReads(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		g := geometry(t, f, 2, 3, 40)
		p := layout.Parts{
			Prefix: g.Prefix(layout.Checkstring{}), BlockHashes: hashtree.Build(make([]taghash.Hash, 1)),
			PublicKey: fill(10, "P"), PrivateKey: fill(20, "K"), Signature: fill(5, "S"),
		}
		data := bytes.Repeat([]byte("D"), int(g.DataSize()))
		share, err := p.Pack(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		head, err := p.Head()
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Join([][]byte{head, data, p.Tail()}, nil)
		if err := iotest.TestReader(io.NewSectionReader(share, 0, share.Size()), want); err != nil {
			t.Errorf("%v: %v", f, err)
		}
		if _, err := share.ReadAt(make([]byte, 1), -1); !errors.Is(err, storage.ErrRange) {
			t.Errorf("%v: reading at -1: %v", f, err)
		}
		broken, err := p.Pack(shortData{bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := broken.ReadAt(make([]byte, len(want)), 0); err != io.ErrUnexpectedEOF || n != len(head)+len(data)-1 {
			t.Errorf("%v: data that end early: %d, %v", f, n, err)
		}
	}
}

// shortData has a byte less than it says.
type shortData struct{ *bytes.Reader }

func (d shortData) ReadAt(b []byte, off int64) (int, error) {
	return io.NewSectionReader(d.Reader, 0, d.Size()-1).ReadAt(b, off)
}

// An error of the reader is none of the share.
func TestReadErrors(t *testing.T) {
	r := recordedFiles(t)[1]
	share := r.share(t, r.Shares[0])
	failure := errors.New("connection lost")
	for _, from := range []int64{0, 50, 120, 600, 1000, 2200} {
		_, _, err := layout.VerifyShare(failingReader{bytes.NewReader(share), from, failure}, r.Shares[0], r.cap(t).Fingerprint())
		if !errors.Is(err, failure) {
			t.Errorf("failing from byte %d on: %v", from, err)
		}
	}
}

// failingReader fails with err when it is asked for bytes from offset from on.
type failingReader struct {
	r    io.ReaderAt
	from int64
	err  error
}

func (f failingReader) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) <= f.from {
		return f.r.ReadAt(b, off)
	}
	n, _ := f.r.ReadAt(b[:max(0, f.from-off)], off)
	return n, f.err
}

func TestResized(t *testing.T) {
	g, err := geometry(t, caps.MDMF, 3, 10, 300_000).Resized(500_000)
	if want := geometry(t, caps.MDMF, 3, 10, 500_000); err != nil || g != want {
		t.Errorf("got %+v, %v, want %+v", g, err, want)
	}
}

package layout

import (
	"encoding/binary"
	"math"

	"tahoe/caps"
	"tahoe/storage"
)

// Sizes of headers.
const (
	headerSizeSDMF = 107
	headerSizeMDMF = 123

	MaxHeaderSize = headerSizeMDMF // whoever reads that much has any header
)

// mdmfData is where the data of MDMF shares begin: behind room for the parts in front, with the sizes that writers leave for
// a private key, a signature, a public key and the longest chain.
const mdmfData = headerSizeMDMF + 1220 + 260 + 292 + 8*ChainEntrySize

// The limits of what a header may announce. Keys of 2048 bits need a third of them.
const (
	maxKey       = 4 << 10
	maxSignature = 1 << 10
	maxChain     = 16 * ChainEntrySize
)

// A Header is a share's header: the signed prefix, and where the parts of this share lie. Headers are comparable.
type Header struct {
	Prefix
	at offsets
}

// offsets are where the parts of a share begin, indexed by Part, and where the public key of an MDMF share ends.
type offsets struct {
	part         [partEnd + 1]int64
	publicKeyEnd int64
}

// An offsetField is a field of the offset table.
type offsetField struct {
	part Part
	wide bool // 8 bytes
	end  bool // the end of the part
}

// Offset tables, in the order of the fields, which in MDMF is the order of the parts too. They are never changed.
var (
	tableSDMF = []offsetField{
		{part: PartSignature}, {part: PartShareHashes}, {part: PartBlockHashes}, {part: PartData},
		{part: PartPrivateKey, wide: true}, {part: partEnd, wide: true},
	}
	tableMDMF = []offsetField{
		{part: PartPrivateKey, wide: true}, {part: PartShareHashes, wide: true}, {part: PartSignature, wide: true},
		{part: PartPublicKey, wide: true}, {part: PartPublicKey, wide: true, end: true}, {part: PartData, wide: true},
		{part: PartBlockHashes, wide: true}, {part: partEnd, wide: true},
	}
)

// Orders of the parts in shares. They are never changed.
var (
	orderSDMF = []Part{PartPublicKey, PartSignature, PartShareHashes, PartBlockHashes, PartData, PartPrivateKey, partEnd}
	orderMDMF = []Part{PartPrivateKey, PartShareHashes, PartSignature, PartPublicKey, PartData, PartBlockHashes, partEnd}
)

func tableOf(f caps.Format) ([]offsetField, []Part) {
	if f == caps.MDMF {
		return tableMDMF, orderMDMF
	}
	return tableSDMF, orderSDMF
}

func headerSize(f caps.Format) int64 {
	if f == caps.MDMF {
		return headerSizeMDMF
	}
	return headerSizeSDMF
}

func (o *offsets) field(f offsetField) *int64 {
	if f.end {
		return &o.publicKeyEnd
	}
	return &o.part[f.part]
}

// HeaderSize is the size of the header in bytes.
func (h Header) HeaderSize() int64 { return headerSize(h.Format) }

// ShareSize is the size of the share. The server may hold more, which is not part of it.
func (h Header) ShareSize() int64 { return h.at.part[partEnd] }

// Span is where part p lies in the share.
func (h Header) Span(p Part) storage.Span {
	start := h.at.part[p]
	return storage.Span{Offset: start, Size: h.at.end(h.Format, p) - start}
}

// Block is where block s with its salt lies in the share.
func (h Header) Block(g Geometry, s int) storage.Span {
	b := g.Block(s)
	b.Offset += h.at.part[PartData]
	return b
}

// end is where part p ends.
func (o *offsets) end(f caps.Format, p Part) int64 {
	if f == caps.MDMF && p == PartPublicKey {
		return o.publicKeyEnd
	}
	if p == PartHeader {
		return headerSize(f)
	}
	_, order := tableOf(f)
	for i, q := range order[:len(order)-1] {
		if q == p {
			return o.part[order[i+1]]
		}
	}
	return o.part[partEnd]
}

// Encode is the header in bytes.
func (h Header) Encode() []byte {
	b := h.Prefix.Encode()
	fields, _ := tableOf(h.Format)
	for _, f := range fields {
		v := uint64(*h.at.field(f))
		if f.wide {
			b = binary.BigEndian.AppendUint64(b, v)
		} else {
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		}
	}
	return b
}

// ParseHeader reads the header at the start of b, which may be longer. The parts that it places do not overlap, and have sizes
// that such parts can have.
func ParseHeader(b []byte) (Header, error) {
	p, err := ParsePrefix(b)
	if err != nil {
		return Header{}, err
	}
	h := Header{Prefix: p}
	if int64(len(b)) < h.HeaderSize() {
		return Header{}, endsWithin(b)
	}
	if err := h.parseOffsets(b[prefixSize(p.Format):]); err != nil {
		return Header{}, err
	}
	if err := h.check(); err != nil {
		return Header{}, err
	}
	return h, nil
}

func (h *Header) parseOffsets(b []byte) error {
	fields, _ := tableOf(h.Format)
	for _, f := range fields {
		v := uint64(binary.BigEndian.Uint32(b))
		if f.wide {
			v = binary.BigEndian.Uint64(b)
			b = b[8:]
		} else {
			b = b[4:]
		}
		if v > math.MaxInt64/4 {
			return corrupt(PartHeader, "it places the %v at %d", f.part, v)
		}
		*h.at.field(f) = int64(v)
	}
	if h.Format == caps.SDMF {
		h.at.part[PartPublicKey] = headerSizeSDMF
	}
	return nil
}

// check refuses offsets that overlap, or give a part a size that it cannot have.
func (h *Header) check() error {
	g, err := h.Geometry()
	if err != nil {
		return corrupt(PartHeader, "%v", err)
	}
	_, order := tableOf(h.Format)
	behind := h.HeaderSize()
	for _, p := range order {
		s := h.Span(p)
		if s.Offset < behind || s.Size < 0 {
			return corrupt(PartHeader, "it places the %v at %d, and ends it at %d", p, s.Offset, s.End())
		}
		if !sizeFits(g, p, s.Size) {
			return corrupt(PartHeader, "it gives the %v %d bytes", p, s.Size)
		}
		behind = s.End()
	}
	return nil
}

// sizeFits says whether part p of a share can have this size. The parts that depend on keys have limits, the others one size.
func sizeFits(g Geometry, p Part, size int64) bool {
	switch p {
	case PartPublicKey, PartPrivateKey:
		return size <= maxKey
	case PartSignature:
		return size <= maxSignature
	case PartShareHashes:
		return size%ChainEntrySize == 0 && size <= maxChain
	case PartBlockHashes:
		return size == g.TreeSize()
	case PartData:
		return size == g.DataSize()
	}
	return true
}

package layout

import (
	"encoding/binary"
	"fmt"
	"io"

	"tahoe/caps"
	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
	"tahoe/storage"
)

// Parts is a share but for its data.
type Parts struct {
	Prefix
	PublicKey   []byte // DER
	Signature   []byte
	ShareHashes []hashtree.Entry
	BlockHashes hashtree.Tree
	PrivateKey  []byte // encrypted; empty where it was not read
}

// Header places the parts as writers do.
func (p Parts) Header() (Header, error) {
	g, err := p.Geometry()
	if err != nil {
		return Header{}, err
	}
	if len(p.BlockHashes) != g.TreeNodes() {
		return Header{}, fmt.Errorf("block hash tree of %d nodes for %d segments", len(p.BlockHashes), g.Segments)
	}
	h := Header{Prefix: p.Prefix}
	h.at.place(p, g)
	if err := h.check(); err != nil {
		return Header{}, fmt.Errorf("laying out a share: %w", err)
	}
	return h, nil
}

func (o *offsets) place(p Parts, g Geometry) {
	sizes := [partEnd + 1]int64{
		PartPublicKey: int64(len(p.PublicKey)), PartSignature: int64(len(p.Signature)),
		PartShareHashes: int64(len(p.ShareHashes)) * ChainEntrySize, PartBlockHashes: g.TreeSize(),
		PartData: g.DataSize(), PartPrivateKey: int64(len(p.PrivateKey)),
	}
	_, order := tableOf(g.Format)
	at := headerSize(g.Format)
	for _, part := range order {
		if part == PartData && g.Format == caps.MDMF {
			o.publicKeyEnd, at = at, mdmfData
		}
		o.part[part] = at
		at += sizes[part]
	}
}

// Head is what lies in front of the data, header and all; Tail is what lies behind. They are all of a share that changes
// when blocks do.
func (p Parts) Head() ([]byte, error) {
	h, err := p.Header()
	if err != nil {
		return nil, err
	}
	return p.head(h), nil
}

func (p Parts) head(h Header) []byte {
	b := append(make([]byte, 0, h.Span(PartData).Offset), h.Encode()...)
	if h.Format == caps.SDMF {
		b = append(append(b, p.PublicKey...), p.Signature...)
		return appendTree(appendChain(b, p.ShareHashes), p.BlockHashes)
	}
	b = appendChain(append(b, p.PrivateKey...), p.ShareHashes)
	b = append(append(b, p.Signature...), p.PublicKey...)
	return b[:cap(b)] // fresh memory is zero, as the gap is
}

// Tail is what lies behind the data.
func (p Parts) Tail() []byte {
	if p.Format == caps.SDMF {
		return p.PrivateKey
	}
	return appendTree(make([]byte, 0, len(p.BlockHashes)*HashSize), p.BlockHashes)
}

// Pack is the whole share. It reads data only when it is read itself, so that the data need not be in memory; they have
// Geometry.DataSize bytes.
func (p Parts) Pack(data storage.Data) (storage.Data, error) {
	h, err := p.Header()
	if err != nil {
		return nil, err
	}
	if size := h.Span(PartData).Size; data.Size() != size {
		return nil, fmt.Errorf("share data of %d bytes, not %d", data.Size(), size)
	}
	return newJoined(p.head(h), data, p.Tail()), nil
}

// ReadParts reads all of a share but its data, which it leaves alone. The error is a *CorruptError, or what r says.
func ReadParts(r io.ReaderAt) (Header, Parts, error) {
	b, err := readUpTo(r, MaxHeaderSize)
	if err != nil {
		return Header{}, Parts{}, err
	}
	h, err := ParseHeader(b)
	if err != nil {
		return Header{}, Parts{}, err
	}
	p, err := h.readParts(r)
	return h, p, err
}

func (h Header) readParts(r io.ReaderAt) (p Parts, err error) {
	p.Prefix = h.Prefix
	read := func(part Part) []byte {
		if err != nil {
			return nil
		}
		s := h.Span(part)
		b, rerr := io.ReadAll(io.NewSectionReader(r, s.Offset, s.Size)) // grows with what there is, not with what is announced
		if int64(len(b)) < s.Size || rerr != nil {
			err = shortRead(part, int64(len(b)), s.Size, rerr)
		}
		return b
	}
	p.PublicKey = read(PartPublicKey)
	p.Signature = read(PartSignature)
	p.PrivateKey = read(PartPrivateKey)
	chain, tree := read(PartShareHashes), read(PartBlockHashes)
	if err != nil {
		return Parts{}, err
	}
	if p.ShareHashes, err = ParseShareHashes(chain); err != nil {
		return Parts{}, err
	}
	p.BlockHashes, err = ParseBlockHashes(tree)
	return p, err
}

func readUpTo(r io.ReaderAt, size int) ([]byte, error) {
	b := make([]byte, size)
	n, err := r.ReadAt(b, 0)
	if n < size && err != nil && err != io.EOF {
		return nil, err
	}
	return b[:n], nil
}

func shortRead(p Part, got, want int64, err error) error {
	if err == nil || err == io.EOF {
		return corrupt(p, "the share ends after %d of its %d bytes", got, want)
	}
	return err
}

// ParseShareHashes reads a share hash chain.
func ParseShareHashes(b []byte) ([]hashtree.Entry, error) {
	if len(b)%ChainEntrySize != 0 || len(b) > maxChain {
		return nil, corrupt(PartShareHashes, "it has %d bytes", len(b))
	}
	chain := make([]hashtree.Entry, 0, len(b)/ChainEntrySize)
	for ; len(b) > 0; b = b[ChainEntrySize:] {
		e := hashtree.Entry{Node: int(binary.BigEndian.Uint16(b)), Hash: taghash.Hash(b[2:ChainEntrySize])}
		chain = append(chain, e)
	}
	return chain, nil
}

// ParseBlockHashes reads a block hash tree, or a run of its nodes.
func ParseBlockHashes(b []byte) (hashtree.Tree, error) {
	if len(b)%HashSize != 0 {
		return nil, corrupt(PartBlockHashes, "it has %d bytes", len(b))
	}
	tree := make(hashtree.Tree, len(b)/HashSize)
	for i := range tree {
		tree[i] = taghash.Hash(b[i*HashSize:])
	}
	return tree, nil
}

func appendChain(b []byte, chain []hashtree.Entry) []byte {
	for _, e := range chain {
		b = binary.BigEndian.AppendUint16(b, uint16(e.Node))
		b = append(b, e.Hash[:]...)
	}
	return b
}

func appendTree(b []byte, tree hashtree.Tree) []byte {
	for i := range tree {
		b = append(b, tree[i][:]...)
	}
	return b
}

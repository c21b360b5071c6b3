package sharedump

import (
	"fmt"

	"tahoe/caps"
	"tahoe/internal/base32"
	"tahoe/internal/taghash"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
	"tahoe/storage/share"
)

// A Slot is what a mutable container says about itself.
type Slot struct {
	WriteEnabler  string `json:"write-enabler"`
	Node          string `json:"nodeid"` // of the server that took the write enabler
	ExtraLeases   uint32 `json:"extra-leases"`
	ContainerSize int64  `json:"container-size"`
	DataLength    int64  `json:"data-length"`
}

// Mutable is what a mutable share says about its file.
type Mutable struct {
	Seqnum          uint64 `json:"seqnum"`
	RootHash        string `json:"root-hash"`
	IV              string `json:"IV,omitempty"` // of SDMF
	Needed          int    `json:"required-shares"`
	Total           int    `json:"total-shares"`
	SegmentSize     int64  `json:"segment-size"`
	Size            int64  `json:"size"`
	PrivateKeySize  int64  `json:"enc-privkey-size"`
	PublicKeySize   int64  `json:"pubkey-size"`
	SignatureSize   int64  `json:"signature-size"`
	ShareHashChain  []int  `json:"share-hash-chain"` // ascending
	BlockHashes     int    `json:"block-hash-tree-nodes"`
	fingerprintText string
	header          layout.Header
}

// kind is what the first byte of a mutable share says.
func (f *file) kind() string {
	first := []byte{0xff}
	if f.mutable.Size > 0 {
		_, _ = f.ReadAt(first, share.MutableDataAt) // what cannot be read is of no kind, and is told by who reads on
	}
	switch first[0] {
	case 0:
		return KindSDMF
	case 1:
		return KindMDMF
	}
	return KindUnknown
}

// readVersion reads all of a mutable share but its data.
func (f *file) readVersion() (Mutable, error) {
	h, parts, err := layout.ReadParts(f.data())
	if err != nil {
		return Mutable{}, err
	}
	fingerprint := taghash.Fingerprint(parts.PublicKey)
	v := Mutable{
		Seqnum: h.Seqnum, RootHash: base32.Encode(h.Root[:]), Needed: h.Needed, Total: h.Total, SegmentSize: h.SegmentSize, Size: h.Size,
		PrivateKeySize: h.Span(layout.PartPrivateKey).Size, PublicKeySize: h.Span(layout.PartPublicKey).Size,
		SignatureSize: h.Span(layout.PartSignature).Size, ShareHashChain: []int{}, BlockHashes: len(parts.BlockHashes),
		fingerprintText: base32.Encode(fingerprint[:]), header: h,
	}
	if h.Format == caps.SDMF {
		v.IV = base32.Encode(h.Salt[:])
	}
	for _, e := range parts.ShareHashes {
		v.ShareHashChain = append(v.ShareHashChain, e.Node)
	}
	return v, nil
}

func (v Mutable) verifyCap(i storage.Index) string {
	kind := "SSK"
	if v.header.Format == caps.MDMF {
		kind = "MDMF"
	}
	return fmt.Sprintf("URI:%s-Verifier:%v:%s", kind, i, v.fingerprintText)
}

// Where seqnum and root hash lie in a share.
const (
	seqnumAt = 1
	rootAt   = 9
)

func (v Mutable) sections(m share.Mutable) []Section {
	at := func(p layout.Part) int64 { return v.header.Span(p).Offset }
	named := []Section{
		{"seqnum", seqnumAt, 2}, {"root_hash", rootAt, 2},
		{"signature", at(layout.PartSignature), 2}, {"share_hash_chain", at(layout.PartShareHashes), 2}, {"block_hash_tree", at(layout.PartBlockHashes), 2},
		{"block data", at(layout.PartData), 2}, {"enc_privkey", at(layout.PartPrivateKey), 2}, {"end of share data", v.header.ShareSize(), 2},
	}
	outer := 0
	if v.header.Format == caps.MDMF {
		outer = 2
		named = []Section{
			{"seqnum", seqnumAt, 4}, {"root_hash", rootAt, 4},
			{"enc_privkey", at(layout.PartPrivateKey), 4}, {"share_hash_chain", at(layout.PartShareHashes), 4}, {"signature", at(layout.PartSignature), 4},
			{"pubkey", at(layout.PartPublicKey), 4}, {"end of pubkey", v.header.Span(layout.PartPublicKey).End(), 4},
			{"block data", at(layout.PartData), 4}, {"block_hash_tree", at(layout.PartBlockHashes), 4}, {"end of share data", v.header.ShareSize(), 4},
		}
	}
	all := []Section{{"first lease", share.MutableHeaderSize, outer}, {"share data", share.MutableDataAt, outer}}
	for _, s := range named {
		s.Offset += share.MutableDataAt
		all = append(all, s)
	}
	return append(all, Section{"extra leases", m.ExtraAt + extraCountSize, outer})
}

// extraCountSize is the size of the number in front of the extra leases.
const extraCountSize = 4

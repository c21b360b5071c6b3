package layout

import (
	"io"

	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
)

// Verify checks that the parts are those of share number share of a file whose capability has this fingerprint: that the
// public key is the capability's, that it signed the prefix, and that the block hash tree leads to the signed root. Blocks
// are then checked against the leaves of the tree: see VerifyBlock.
func (p Parts) Verify(share int, fingerprint taghash.Hash) error {
	key, err := ParsePublicKey(p.PublicKey, fingerprint)
	if err != nil {
		return err
	}
	if err := key.Verify(p.Prefix, p.Signature); err != nil {
		return err
	}
	return p.VerifyHashes(share)
}

// VerifyHashes is Verify for a prefix whose signature is known to be good. The leaf of an empty file may have any value:
// writers differ in it.
func (p Parts) VerifyHashes(share int) error {
	g, err := p.Geometry()
	if err != nil {
		return corrupt(PartHeader, "%v", err)
	}
	if len(p.BlockHashes) != g.TreeNodes() {
		return corrupt(PartBlockHashes, "it has %d nodes for %d segments", len(p.BlockHashes), g.Segments)
	}
	if err := VerifyChain(p.Prefix, p.ShareHashes, share, p.BlockHashes[0]); err != nil {
		return err
	}
	if _, err := hashtree.Verify(p.BlockHashes, max(g.Segments, 1), p.BlockHashes[0]); err != nil {
		return corrupt(PartBlockHashes, "%v", err)
	}
	return nil
}

// VerifyChain checks that root is the root of the block hash tree of share number share, in the version that the prefix names.
func VerifyChain(p Prefix, chain []hashtree.Entry, share int, root taghash.Hash) error {
	if err := hashtree.VerifyLeaf(chain, p.Total, share, root, p.Root); err != nil {
		return corrupt(PartShareHashes, "%v", err)
	}
	return nil
}

// VerifyBlock checks the bytes of block s, its salt included, against a tree that VerifyHashes found good.
func VerifyBlock(tree hashtree.Tree, s int, b []byte) error {
	if taghash.Block(b) != tree.Leaf(s) {
		return corrupt(PartData, "block %d does not have the hash that the block hash tree says", s)
	}
	return nil
}

// VerifyShare checks a whole share, one block in memory at a time.
func VerifyShare(r io.ReaderAt, share int, fingerprint taghash.Hash) (Header, Parts, error) {
	h, p, err := ReadParts(r)
	if err != nil {
		return Header{}, Parts{}, err
	}
	if err := p.Verify(share, fingerprint); err != nil {
		return h, p, err
	}
	g, err := h.Geometry()
	if err != nil {
		return h, p, err
	}
	buf := make([]byte, g.SaltSize()+g.BlockSize)
	for s := range g.Segments {
		span := h.Block(g, s)
		b := buf[:span.Size]
		if n, err := r.ReadAt(b, span.Offset); n < len(b) {
			return h, p, shortRead(PartData, g.Block(s).Offset+int64(n), g.DataSize(), err)
		}
		if err := VerifyBlock(p.BlockHashes, s, b); err != nil {
			return h, p, err
		}
	}
	return h, p, nil
}

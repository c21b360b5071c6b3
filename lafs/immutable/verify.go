package immutable

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
	"tahoe/internal/zfec"
	"tahoe/lafs/immutable/layout"
)

// The parts of a share, as corruption reports name them. A block is named by blockPart.
const (
	partHeader         = "header"
	partCiphertextTree = "ciphertext hash tree"
	partBlockTree      = "block hashes"
	partShareChain     = "share hashes"
	partUEB            = "URI extension block"
)

func blockPart(segment int) string { return fmt.Sprintf("block %d", segment) }

// A partError says which part of a share is wrong, and how. Its user knows the share and its server.
type partError struct {
	part string
	err  error
}

func (e *partError) Error() string { return e.part + ": " + e.err.Error() }
func (e *partError) Unwrap() error { return e.err }

var (
	errShortShare = errors.New("the share ends too early")
	errWrongHash  = errors.New("its hash is not the expected one")
)

// An otherUEB is the error of a UEB that is well formed, but not the one that the capability stands for.
type otherUEB struct{ hash taghash.Hash }

func (e *otherUEB) Error() string { return errWrongHash.Error() }
func (e *otherUEB) Unwrap() error { return errWrongHash }

// mismatch is the error of a UEB that is the one that the capability stands for, and says other things than that: it is
// the capability that is wrong.
func mismatch(u layout.UEB, k, n int, size int64, err error) error {
	if u.Size == size && u.Needed == int64(k) && u.Total == int64(n) {
		return &MismatchError{Reason: err.Error()}
	}
	return &MismatchError{Reason: fmt.Sprintf("it is for a file of %d bytes encoded %d-of-%d, and they are of one of %d bytes encoded %d-of-%d",
		size, k, n, u.Size, u.Needed, u.Total)}
}

// A truth is what the capability proves about a file: its UEB and the geometry that follows. The zero truth knows nothing.
type truth struct {
	ueb     layout.UEB
	uebSize int
	raw     []byte // the UEB as it lies in shares
	g       layout.Geometry
}

func (t truth) known() bool { return t.uebSize > 0 }

// verifyUEB reads what lies at the offset UEB of a share: a length and a UEB, which must be the one that hash stands for
// and fit a file of size bytes encoded k-of-n.
func verifyUEB(l layout.Layout, b []byte, hash taghash.Hash, k, n int, size int64) (truth, error) {
	length, err := l.UEBLength(b)
	if err != nil {
		return truth{}, &partError{partUEB, err}
	}
	b = b[l.FieldSize():]
	if len(b) < length {
		return truth{}, &partError{partUEB, errShortShare}
	}
	b = b[:length]
	u, err := layout.ParseUEB(b)
	if got := taghash.UEB(b); got != hash {
		if err != nil {
			return truth{}, &partError{partUEB, errWrongHash}
		}
		return truth{}, &partError{partUEB, &otherUEB{got}}
	}
	if err != nil {
		return truth{}, &partError{partUEB, err}
	}
	g, err := u.Geometry(k, n, size)
	if err != nil {
		return truth{}, mismatch(u, k, n, size, err)
	}
	return truth{ueb: u, uebSize: length, raw: bytes.Clone(b), g: g}, nil
}

// verifyShare checks the share hash chain of share num against the root of the share hash tree, and the block hash tree
// against the chain. It returns the hashes of the share's blocks.
func verifyShare(t truth, num int, chain, tree []byte) ([]taghash.Hash, error) {
	entries, err := parseChain(chain)
	if err != nil {
		return nil, &partError{partShareChain, err}
	}
	own := hashtree.Size(t.g.Total)/2 + num
	root, found := taghash.Hash{}, false
	for _, e := range entries {
		if e.Node == own {
			root, found = e.Hash, true
		}
	}
	if !found {
		return nil, &partError{partShareChain, errors.New("the share's own hash is missing")}
	}
	if err := hashtree.VerifyLeaf(entries, t.g.Total, num, root, t.ueb.ShareRoot); err != nil {
		return nil, &partError{partShareChain, err}
	}
	leaves, err := verifyTree(tree, t.g.Segments, root)
	if err != nil {
		return nil, &partError{partBlockTree, err}
	}
	return leaves, nil
}

// verifyCiphertextTree checks a whole ciphertext hash tree and returns the hashes of the segments.
func verifyCiphertextTree(t truth, tree []byte) ([]taghash.Hash, error) {
	leaves, err := verifyTree(tree, t.g.Segments, t.ueb.CiphertextRoot)
	if err != nil {
		return nil, &partError{partCiphertextTree, err}
	}
	return leaves, nil
}

// verifyTree returns the leaves of a tree in a memory of their own: half of it.
func verifyTree(b []byte, leaves int, root taghash.Hash) ([]taghash.Hash, error) {
	if len(b) != hashtree.Size(leaves)*layout.HashSize {
		return nil, errShortShare
	}
	nodes := make([]taghash.Hash, hashtree.Size(leaves))
	for i := range nodes {
		nodes[i] = taghash.Hash(b[i*layout.HashSize:])
	}
	t, err := hashtree.Verify(nodes, leaves, root)
	if err != nil {
		return nil, err
	}
	out := make([]taghash.Hash, leaves)
	for i := range out {
		out[i] = t.Leaf(i)
	}
	return out, nil
}

func parseChain(b []byte) ([]hashtree.Entry, error) {
	if len(b)%layout.ChainEntrySize != 0 {
		return nil, errShortShare
	}
	var out []hashtree.Entry
	for ; len(b) > 0; b = b[layout.ChainEntrySize:] {
		out = append(out, hashtree.Entry{Node: int(binary.BigEndian.Uint16(b)), Hash: taghash.Hash(b[2:layout.ChainEntrySize])})
	}
	return out, nil
}

// verifyBlock checks a block against the hash that verifyShare returned for it.
func verifyBlock(segment int, block []byte, want taghash.Hash) error {
	if taghash.Block(block) != want {
		return &partError{blockPart(segment), errWrongHash}
	}
	return nil
}

// decodeSegment rebuilds the first k blocks, which lie in buf one behind the other, from those of blocks that are there,
// and checks the ciphertext, of which they are the first size bytes. Blocks that are missing among the first k are nil.
func decodeSegment(g layout.Geometry, segment int, buf []byte, blocks [][]byte, want taghash.Hash) (ciphertext []byte, err error) {
	_, size, block := g.Segment(segment)
	for i := range g.Needed {
		if blocks[i] == nil {
			at := int64(i) * block
			blocks[i] = buf[at : at : at+block]
		}
	}
	code, err := zfec.New(g.Needed, g.Total)
	if err != nil {
		return nil, err
	}
	if err := code.Rebuild(blocks); err != nil {
		return nil, err
	}
	if ciphertext = buf[:size]; taghash.CiphertextSegment(ciphertext) != want {
		return nil, fmt.Errorf("segment %d: blocks that verify do not make the ciphertext that its hash stands for; the file was written wrong", segment)
	}
	return ciphertext, nil
}

// decrypt decrypts data in place, which lies at offset in the file. The key stream counts blocks of 16 bytes from zero.
func decrypt(c cipher.Block, offset int64, data []byte) {
	var iv, skip [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(offset/aes.BlockSize))
	s := cipher.NewCTR(c, iv[:])
	s.XORKeyStream(skip[:offset%aes.BlockSize], skip[:offset%aes.BlockSize])
	s.XORKeyStream(data, data)
}

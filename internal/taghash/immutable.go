package taghash

import (
	"fmt"

	"tahoe/internal/netstring"
	"tahoe/storage"
)

// The tags of immutable files.
const (
	tagStorageIndex      = "allmydata_immutable_key_to_storage_index_v1"
	tagBlock             = "allmydata_encoded_subshare_v1"
	tagUEB               = "allmydata_uri_extension_v1"
	tagCiphertext        = "allmydata_crypttext_v1"
	tagCiphertextSegment = "allmydata_crypttext_segment_v1"
	tagConvergence       = "allmydata_immutable_content_to_key_with_added_secret_v1+" // the plus belongs to it
)

// StorageIndex is the index of the immutable file with this key.
func StorageIndex(key [16]byte) storage.Index {
	return first16(Sum(tagStorageIndex, key[:]))
}

// Block is the hash of one block of a share. It allocates nothing.
func Block(data []byte) Hash { return Sum(tagBlock, data) }

// UEB is the hash of a URI extension block, which a CHK capability holds.
func UEB(b []byte) Hash { return Sum(tagUEB, b) }

// NewCiphertext hashes the whole ciphertext of a file.
func NewCiphertext() *Hasher { return New(tagCiphertext) }

// CiphertextSegment is the hash of one segment of ciphertext. It allocates nothing.
func CiphertextSegment(data []byte) Hash { return Sum(tagCiphertextSegment, data) }

// NewConvergence hashes the plaintext of a file to its key: the first 16 bytes of the sum. Equal plaintext gives equal
// keys where secret, k, n and segmentSize are equal too; segmentSize is that of the file, so the smaller of the
// configured one and the file's size, rounded up to a multiple of k. The caller has checked k and n.
func NewConvergence(secret []byte, k, n int, segmentSize int64) *Hasher {
	tag := netstring.Append([]byte(tagConvergence), secret)
	tag = netstring.Append(tag, fmt.Appendf(nil, "%d,%d,%d", k, n, segmentSize))
	return newHasher(tag)
}

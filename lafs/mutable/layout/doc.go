// Package layout is the share format of mutable files: SDMF, version byte 0, one segment, and MDMF, version byte 1, many. It
// is for whoever publishes, reads, verifies or dumps such shares, and it does no input or output of its own.
//
// Numbers are big-endian, N+ means offset. An SDMF share:
//
//	  0+ 1    version, 0            |
//	  1+ 8    seqnum                | checkstring
//	  9+32    root hash             |
//	 41+16    salt                  |          the first 75 bytes are signed
//	 57+ 1    k
//	 58+ 1    N
//	 59+ 8    segment size: the size of the file, rounded up to a multiple of k
//	 67+ 8    size of the file
//	 75+ 4 ×4 offsets of signature, share hash chain, block hash tree, data
//	 91+ 8 ×2 offsets of private key, end
//	107       public key, signature, share hash chain, block hash tree, data (one block, none of an empty file), private key
//
// An MDMF share:
//
//	  0+ 1    version, 1            |
//	  1+ 8    seqnum                | checkstring
//	  9+32    root hash             |
//	 41+ 1    k                                the first 59 bytes are signed
//	 42+ 1    N
//	 43+ 8    segment size: 128 KiB, rounded up to a multiple of k
//	 51+ 8    size of the file
//	 59+ 8 ×8 offsets of private key, share hash chain, signature, public key, the public key's end, data, block hash tree, end
//	123       private key, share hash chain, signature, public key
//	2167      data: for each segment its salt of 16 bytes and a block; then the block hash tree
//
// What lies between the public key of an MDMF share and its data is zero, and no reader looks at it. Servers do not make shares
// shorter by themselves, so that bytes of an older, longer version may follow the end.
//
// A segment is encrypted with AES-128 in counter mode from zero, under a key derived from the read key and the salt, then
// padded with zeros to a multiple of k and erasure-coded. The block hash tree is over the blocks, in MDMF each together with
// its salt; that of an empty file has one leaf, an empty one. The roots of the N block hash trees are the leaves of the share hash
// tree, whose root is in the header. The share hash chain holds the hashes that prove this share's leaf, each as its node
// number in 2 bytes and 32 bytes of hash, ascending.
//
// The public key is a SubjectPublicKeyInfo in DER, and its hash is in the capability. The private key is PKCS #8 in DER,
// encrypted with AES-128 in counter mode from zero under the write key, which is the hash of that DER. The signature is RSA-PSS with
// SHA-256, MGF1 with SHA-256, and 32 bytes of salt. The offsets are not signed: nothing follows from them but where to look.
//
// The invariant: what a parser of this package accepts is within the limits stated here, so that no header makes a reader
// take memory without bound, and what Parts.Verify accepts is what the owner of the key signed.
package layout

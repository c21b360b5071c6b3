package caps

import (
	"tahoe/storage"
)

// A Format is how a mutable file is laid out in its shares.
type Format uint8

// The formats of mutable files.
const (
	SDMF Format = iota // one segment, rewritten whole
	MDMF               // many segments
)

// String is the format's name.
func (f Format) String() string {
	if f == MDMF {
		return "MDMF"
	}
	return "SDMF"
}

func (k kind) format() Format {
	if k == kindMDMF || k == kindMDMFRead || k == kindMDMFVerify {
		return MDMF
	}
	return SDMF
}

// A MutableWrite allows to change a mutable file.
type MutableWrite struct{ body }

// NewMutableWrite makes the capability of a mutable file of its write key and the fingerprint of its public key.
func NewMutableWrite(f Format, writeKey [16]byte, fingerprint [32]byte) MutableWrite {
	s := secret{kind: kindSDMF, key: writeKey, hash: fingerprint}
	if f == MDMF {
		s.kind = kindMDMF
	}
	s.setIndex()
	return MutableWrite{seal(s)}
}

// Key is the write key.
func (c MutableWrite) Key() [16]byte { return c.open().key }

// Fingerprint is the hash of the file's public key.
func (c MutableWrite) Fingerprint() [32]byte { return c.open().hash }

// FileFormat is how the file is laid out.
func (c MutableWrite) FileFormat() Format { return c.open().kind.format() }

// Index names the shares.
func (c MutableWrite) Index() storage.Index { return c.open().index }

// ReadOnly gives up writing.
func (c MutableWrite) ReadOnly() Read { return c.open().reader() }

// Verify gives up writing and reading.
func (c MutableWrite) Verify() (Verify, bool) { return c.open().verifier() }

// A MutableRead allows to read a mutable file.
type MutableRead struct{ body }

// Key is the read key.
func (c MutableRead) Key() [16]byte { return c.open().key }

// Fingerprint is the hash of the file's public key.
func (c MutableRead) Fingerprint() [32]byte { return c.open().hash }

// FileFormat is how the file is laid out.
func (c MutableRead) FileFormat() Format { return c.open().kind.format() }

// Index names the shares.
func (c MutableRead) Index() storage.Index { return c.open().index }

// Verify gives up reading.
func (c MutableRead) Verify() (Verify, bool) { return c.open().verifier() }

// A MutableVerify allows to verify a mutable file.
type MutableVerify struct{ body }

func (MutableVerify) verifies() {}

// Fingerprint is the hash of the file's public key.
func (c MutableVerify) Fingerprint() [32]byte { return c.open().hash }

// FileFormat is how the file is laid out.
func (c MutableVerify) FileFormat() Format { return c.open().kind.format() }

// Index names the shares.
func (c MutableVerify) Index() storage.Index { return c.open().index }

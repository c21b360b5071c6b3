// Package caps holds capabilities: the short texts that are all the authority there is over a file or directory. It is for
// whoever opens, checks or hands on something in the grid, and never for a storage server.
//
// A capability is a value that can be compared and used as a map key. How much it allows is in its type: what needs to
// verify takes a Verify, what needs to read a Read. Power is only ever given up, Write to Read to Verify.
//
// The invariant: only Encode yields the secret text. Printing, logging and encoding a capability, alone or within
// something else, gives its kind and the first characters of its storage index.
package caps

import (
	"tahoe/storage"
)

// A Cap is a capability: one of the types of this package.
type Cap interface {
	// Encode is the capability's text, which Parse reads. It is a secret, but for a verify capability.
	Encode() string
	sealed()
}

// A Verify allows to check that all is well with a file or directory, and not to read it.
type Verify interface {
	Cap
	Index() storage.Index
	verifies() // keeps read capabilities, which know their index too, from passing for this one
}

// A Read allows to read a file or directory. What can be written too is also a Write.
type Read interface {
	Cap
	// Verify gives up reading. It is false for a literal, which is whole in itself: there is nothing to verify.
	Verify() (Verify, bool)
}

// A Write allows to change a mutable file or directory.
type Write interface {
	Read
	// ReadOnly gives up writing.
	ReadOnly() Read
}

// ReadOnly is c without the power to write. It is false for what cannot read either.
func ReadOnly(c Cap) (Read, bool) {
	switch c := c.(type) {
	case Write:
		r := c.ReadOnly()
		return r, r != nil // the zero value has nothing left
	case Read:
		return c, true
	}
	return nil, false
}

// VerifyOnly is c without the power to read. It is false for literals and for unknown capabilities.
func VerifyOnly(c Cap) (Verify, bool) {
	switch c := c.(type) {
	case Verify:
		return c, true
	case Read:
		return c.Verify()
	}
	return nil, false
}

// IndexOf names the shares of what c belongs to. It is false for literals and for unknown capabilities. It takes no memory, unlike
// asking VerifyOnly, which makes a capability.
func IndexOf(c Cap) (storage.Index, bool) {
	v, ok := secretOf(c).verifying()
	return v.index, ok
}

// EncodeVerify is the secret text of what VerifyOnly returns, and as cheap as IndexOf. It is empty where there is nothing to verify.
func EncodeVerify(c Cap) string {
	if v, ok := secretOf(c).verifying(); ok {
		return v.encode()
	}
	return ""
}

// IsDirectory says whether c belongs to a directory. Of an Unknown nobody knows, which is false.
func IsDirectory(c Cap) bool { return secretOf(c).directory }

// IsMutable says whether what c belongs to can change. Of an Unknown nobody knows, which is false.
func IsMutable(c Cap) bool { return kinds[secretOf(c).kind].mutable }

// Abbrev is the kind of c and the first characters of its storage index, for people and logs.
func Abbrev(c Cap) string { return secretOf(c).abbrev() }

// secretOf finds what c holds, and nothing for nil.
func secretOf(c Cap) secret {
	if h, ok := c.(interface{ open() secret }); ok {
		return h.open()
	}
	return secret{}
}

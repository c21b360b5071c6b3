package dirnode

import (
	"tahoe/caps"
	"tahoe/storage"
)

// A Kind says what a child is.
type Kind uint8

// The kinds. Unknown is what only a later version understands, and what can only be verified.
const (
	Unknown Kind = iota
	File
	Directory
)

// String is the kind as the web API spells it.
func (k Kind) String() string {
	switch k {
	case File:
		return "filenode"
	case Directory:
		return "dirnode"
	}
	return "unknown"
}

// A Child is what an entry leads to: the two capabilities of an edge. Of a known kind both are of the same file or
// directory; unknown ones are kept as they are.
type Child struct {
	Write caps.Cap // nil: who reads the directory may not change the child, or nobody can
	Read  caps.Cap // nil only of an unknown kind
}

// ChildOf is the child that c allows as much with as c does.
func ChildOf(c caps.Cap) Child {
	if w, ok := c.(caps.Write); ok {
		return Child{Write: w, Read: w.ReadOnly()}
	}
	if u, ok := c.(caps.Unknown); ok && u.Constraint() == caps.AnyPower {
		return Child{Write: u}
	}
	return Child{Read: c}
}

// Cap is the capability that allows most: Write when there is one, else Read. It is nil when there is none.
func (c Child) Cap() caps.Cap {
	if c.Write != nil {
		return c.Write
	}
	return c.Read
}

// Kind says what c is.
func (c Child) Kind() Kind {
	k, ok := c.Cap().(caps.Read)
	switch {
	case !ok:
		return Unknown
	case caps.IsDirectory(k):
		return Directory
	default:
		return File
	}
}

// Mutable says whether the child can change. Of an unknown one nobody knows, which is false.
func (c Child) Mutable() bool { return c.Kind() != Unknown && caps.IsMutable(c.Cap()) }

// ReadOnly is c without the power to write.
func (c Child) ReadOnly() Child { return Child{Read: c.Read} }

// Verify is the capability to verify the child. It is false for literals and for unknown ones.
func (c Child) Verify() (caps.Verify, bool) { return caps.VerifyOnly(c.Cap()) }

// Repair is the capability that it takes to repair the child: of what is immutable the one to verify, of what is mutable the
// one to write. It is nil when there is none.
func (c Child) Repair() caps.Cap {
	if c.Mutable() {
		return c.Write
	}
	if v, ok := c.Verify(); ok && c.Kind() == File {
		return v
	}
	return nil
}

// Index names the shares of the child. It is false for literals and for unknown ones.
func (c Child) Index() (storage.Index, bool) {
	return caps.IndexOf(c.Cap())
}

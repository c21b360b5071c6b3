package dirnode

import (
	"tahoe/caps"
)

// An access is what a capability allows with a directory.
type access struct {
	immutable bool
	key       func() (writeKey [16]byte, ok bool) // in a function, which nothing prints; not ok: it may only be read
}

// accessOf tells by the capability of a directory, or of the file that it is kept in.
func accessOf(c caps.Read) access {
	if d, ok := c.(caps.DirectoryWrite); ok {
		c = d.Inner()
	}
	w, ok := c.(caps.MutableWrite)
	return access{
		immutable: !caps.IsMutable(c),
		key:       func() ([16]byte, bool) { return w.Key(), ok },
	}
}

// place is what the directory demands of the capabilities in it that are for reading.
func (a access) place() caps.Constraint {
	if a.immutable {
		return caps.DeepImmutable
	}
	return caps.ReadOnlyPower
}

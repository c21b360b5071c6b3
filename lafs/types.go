package lafs

import (
	"tahoe/caps"
	"tahoe/lafs/dirnode"
)

// What directories hold. See package dirnode.
type (
	Child    = dirnode.Child
	NewChild = dirnode.NewChild
	Entry    = dirnode.Entry
	Metadata = dirnode.Metadata
	Kind     = dirnode.Kind
	Replace  = dirnode.Replace
)

// The kinds of children.
const (
	KindUnknown   = dirnode.Unknown
	KindFile      = dirnode.File
	KindDirectory = dirnode.Directory
)

// What linking a child may replace.
const (
	ReplaceAny       = dirnode.ReplaceAny
	ReplaceOnlyFiles = dirnode.ReplaceOnlyFiles
	ReplaceNever     = dirnode.ReplaceNever
)

// ChildOf is the child that c allows as much with as c does.
func ChildOf(c caps.Cap) Child { return dirnode.ChildOf(c) }

// A Format is how a file or a directory is kept.
type Format string

// The formats.
const (
	CHK  Format = "CHK"  // immutable
	SDMF Format = "SDMF" // mutable, rewritten whole
	MDMF Format = "MDMF" // mutable, of many segments
)

// FormatOf is the format of what c names. It is "" for literals, which have none, and for what is unknown.
func FormatOf(c caps.Cap) Format {
	switch d := c.(type) {
	case caps.DirectoryWrite:
		c = d.Inner()
	case caps.DirectoryRead:
		c = d.Inner()
	}
	switch k := c.(type) {
	case caps.CHK:
		return CHK
	case interface{ FileFormat() caps.Format }:
		return Format(k.FileFormat().String())
	}
	return ""
}

package mutable

import (
	"fmt"

	"tahoe/caps"
	"tahoe/internal/base32"
)

// A Version is one state of a mutable file. Of two versions the one with the higher Seqnum is newer, and of those that
// two writers made at the same time the one of which there are more shares wins, or else the one with the higher Root.
type Version struct {
	Seqnum        uint64
	Root          [32]byte // the root of the tree over the shares: names the version
	Size          int64
	Format        caps.Format
	Needed, Total int
}

// String is the version as in logs: its number and the first characters of its root.
func (v Version) String() string { return fmt.Sprintf("%d-%s", v.Seqnum, base32.Encode(v.Root[:])[:4]) }

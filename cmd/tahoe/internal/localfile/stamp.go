// Package localfile is what cp and backup need of the files of this machine: how to tell that one has not changed, and how to write one so
// that it is never half there. The invariant: a name holds what it held before, or all that it should hold.
package localfile

import (
	"fmt"
	"io/fs"
	"time"
)

// A Stamp tells a file from what it was before.
type Stamp struct {
	Size         int64
	MTime, CTime int64 // nanoseconds since 1970; CTime is that of creation on Windows
	Inode        uint64
}

// StampOf is the stamp of a file that was asked for its state.
func StampOf(info fs.FileInfo) Stamp {
	s := Stamp{Size: info.Size(), MTime: info.ModTime().UnixNano()}
	s.CTime, s.Inode = system(info)
	return s
}

// String is the same for the same stamp alone.
func (s Stamp) String() string { return fmt.Sprintf("%d %d %d %d", s.Size, s.MTime, s.CTime, s.Inode) }

// tick is more than the steps in which file systems count time, except FAT.
const tick = 50 * time.Millisecond

// Settled says whether every later change of the file will show in its stamp: changes within a step of the clock do not.
func (s Stamp) Settled(now time.Time) bool {
	return now.Sub(time.Unix(0, max(s.MTime, s.CTime))) > tick
}

//go:build linux || darwin || freebsd

package disk

import (
	"os"
	"syscall"
)

// diskBytes is what a file or directory takes on the disk.
func diskBytes(info os.FileInfo) int64 {
	const block = 512 // the unit of st_blocks, whatever the file system's is
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * block
	}
	return info.Size()
}

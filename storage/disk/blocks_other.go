//go:build !(linux || darwin || freebsd)

package disk

import "os"

// diskBytes is what a file takes on the disk, about.
func diskBytes(info os.FileInfo) int64 {
	if info.IsDir() {
		return 0
	}
	return info.Size()
}

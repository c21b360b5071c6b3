package localfile

import (
	"io/fs"
	"syscall"
)

func system(info fs.FileInfo) (ctime int64, inode uint64) {
	if s, ok := info.Sys().(*syscall.Win32FileAttributeData); ok {
		return s.CreationTime.Nanoseconds(), 0
	}
	return 0, 0
}

// The bits of a mode as POSIX counts them.
const (
	modeDirectory = 0o040000
	modeRegular   = 0o100000
)

// Attributes are the numbers that a backup keeps of a file besides its times, in the order of the original.
func Attributes(info fs.FileInfo) []Attribute {
	mode := int64(info.Mode().Perm()) | modeRegular
	if info.IsDir() {
		mode = mode&^modeRegular | modeDirectory
	}
	return []Attribute{{"st_mode", mode}}
}

//go:build darwin || freebsd || netbsd

package localfile

import (
	"io/fs"
	"syscall"
)

func system(info fs.FileInfo) (ctime int64, inode uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ctimespec.Nano(), uint64(s.Ino)
	}
	return 0, 0
}

// Attributes are the numbers that a backup keeps of a file besides its times, in the order of the original.
func Attributes(info fs.FileInfo) []Attribute {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return []Attribute{{"st_mode", int64(s.Mode)}, {"st_ino", int64(s.Ino)}, {"st_dev", int64(s.Dev)}, {"st_uid", int64(s.Uid)}, {"st_gid", int64(s.Gid)}}
}

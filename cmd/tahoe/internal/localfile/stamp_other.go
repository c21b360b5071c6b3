//go:build !(linux || darwin || freebsd || netbsd || windows)

package localfile

import "io/fs"

func system(fs.FileInfo) (ctime int64, inode uint64) { return 0, 0 }

// Attributes are the numbers that a backup keeps of a file besides its times, in the order of the original: none here.
func Attributes(fs.FileInfo) []Attribute { return nil }

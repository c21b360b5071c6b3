//go:build linux || darwin

package doctor

import "golang.org/x/sys/unix"

// freeInodes is how many more files a file system takes; false where it does not count them.
func freeInodes(dir string) (uint64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Files == 0 {
		return 0, false
	}
	return uint64(st.Ffree), true
}

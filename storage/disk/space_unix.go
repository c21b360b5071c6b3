//go:build linux || darwin || freebsd

package disk

import (
	"errors"

	"golang.org/x/sys/unix"
)

// freeSpace is what an ordinary user may still write to the file system of dir.
func freeSpace(dir string) (uint64, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(dir, &st)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		return uint64(st.Bavail) * uint64(st.Bsize), nil
	}
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// diskSize is the size of the file system of dir, and what of it is free for the superuser.
func diskSize(dir string) (total, free uint64, err error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(dir, &st)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return uint64(st.Blocks) * uint64(st.Bsize), uint64(st.Bfree) * uint64(st.Bsize), err
	}
}

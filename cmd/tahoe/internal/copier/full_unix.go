//go:build unix

package copier

import (
	"errors"
	"syscall"
)

// isFull says whether a failure means that the disk takes no more.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}

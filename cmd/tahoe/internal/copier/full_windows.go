package copier

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isFull says whether a failure means that the disk takes no more.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

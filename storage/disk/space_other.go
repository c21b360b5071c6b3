//go:build !linux && !darwin && !freebsd && !windows

package disk

import (
	"errors"
	"syscall"
)

func freeSpace(string) (uint64, error) { return 0, errors.ErrUnsupported }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

func diskSize(string) (total, free uint64, err error) { return 0, 0, errors.ErrUnsupported }

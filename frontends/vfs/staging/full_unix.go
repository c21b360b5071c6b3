//go:build !windows

package staging

import (
	"errors"
	"syscall"
)

func isDiskFull(err error) bool { return errors.Is(err, syscall.EDQUOT) }

//go:build !windows

package durable

import (
	"errors"
	"os"
	"syscall"
)

// syncDir does nothing on file systems that know no such thing, as some that lie on other machines: they say that the call
// is invalid, and nobody can make their entries more durable than they are.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

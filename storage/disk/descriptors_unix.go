//go:build unix

package disk

import "syscall"

// descriptors is how many files the process may have open. Go has raised that to what the administrator allows.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 256 // the least that any system gives
	}
	return uint64(limit.Cur)
}

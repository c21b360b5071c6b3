//go:build unix

package localfile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks an open file until it is closed, or says errBusy. Where a file system knows no locks there is none.
func lockFile(f *os.File) error {
	if errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return errBusy
	}
	return nil
}

// place gives a file its name, while it is locked, and closes it.
func place(f *os.File, path string) error {
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, discard(f))
	}
	return f.Close()
}

// discard removes a file while it is locked: afterwards it could be that of another program.
func discard(f *os.File) error { return errors.Join(os.Remove(f.Name()), f.Close()) }

// removeLeft removes what a killed program left, unless it is being written. What is no regular file is not opened.
func removeLeft(part string) error {
	info, err := os.Lstat(part)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		file, err := os.Open(part)
		if err == nil {
			defer file.Close()
			err = lockFile(file)
		}
		if errors.Is(err, errBusy) {
			return &fs.PathError{Op: "create", Path: part, Err: err}
		}
		if err == nil && !isAt(file, part) {
			return nil
		}
	}
	if err := os.Remove(part); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

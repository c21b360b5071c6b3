//go:build !unix

package localfile

import (
	"errors"
	"io/fs"
	"os"
)

// lockFile does nothing: Windows neither removes nor renames a file that somebody has open.
func lockFile(*os.File) error { return nil }

// place closes a file and gives it its name.
func place(f *os.File, path string) error {
	err := f.Close()
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// discard closes and removes a file.
func discard(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }

// removeLeft removes what a killed program left.
func removeLeft(part string) error {
	if err := os.Remove(part); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

package basedir

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tahoe/internal/durable"
)

// maxSmall is more than any file of a node directory that is read whole.
const maxSmall = 1 << 20

// WriteFile replaces a file durably and in one step: a crash leaves the old one or the new one.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	var disk durable.FS
	return disk.WriteFile(path, data, mode)
}

// WriteNote replaces a file in one step, but need not survive a crash of the machine: the next start writes it again.
func WriteNote(path string, data []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	tmp := path + ".new-" + rand.Text()
	err := os.WriteFile(tmp, data, mode)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// readSmall reads a file, which may be too large to be one of ours.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSmall {
		return nil, fmt.Errorf("%s is larger than 1 MiB, so it is not what its name says", path)
	}
	return os.ReadFile(path)
}

// readOrMake returns what is in a private file, without the blanks around it. A file that is not there is made of what
// the function returns.
func (d Dir) readOrMake(name string, value func() (string, error)) (string, error) {
	b, err := readSmall(d.Private(name))
	if err == nil {
		return string(bytes.TrimSpace(b)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read private/%s: %w", name, err)
	}
	text, err := value()
	if err != nil {
		return "", err
	}
	return text, WriteFile(d.Private(name), []byte(text+"\n"), 0o600)
}

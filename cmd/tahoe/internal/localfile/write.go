package localfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A Writer writes files. Its secret makes the names of the temporary files beside them, so that nobody else can guess them, and the next
// run finds and replaces what a killed one left.
type Writer struct{ Secret string }

// Write lets fill write the file at path, which appears, or replaces what was there, when fill has succeeded and its bytes are on
// disk. A file that was there keeps its mode; through a symbolic link its target is written. What is no regular file, such as a
// device, is written as it is. It returns the state of the file.
func (w Writer) Write(path string, fill func(io.Writer) error) (fs.FileInfo, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := fs.FileMode(0o666)
	old, err := os.Stat(path)
	switch {
	case err == nil && old.IsDir():
		return nil, fmt.Errorf("%s is a directory, and a file cannot take its place", path)
	case err == nil && !old.Mode().IsRegular():
		return old, writeInto(path, fill)
	case err == nil:
		mode = old.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	part := w.part(path)
	if err := writeNew(part, path, mode, old != nil, fill); err != nil {
		return nil, blame(err, part, path)
	}
	return os.Stat(path)
}

func (w Writer) part(path string) string {
	sum := sha256.Sum256([]byte(w.Secret + "\n" + path))
	return filepath.Join(filepath.Dir(path), ".tahoe-"+hex.EncodeToString(sum[:8])+".part")
}

// blame makes an error about the temporary file one about the file that the user knows.
func blame(err error, part, path string) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok && p.Path == part {
		return &fs.PathError{Op: p.Op, Path: path, Err: p.Err}
	}
	return err
}

func writeInto(path string, fill func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(file), file.Close())
}

// writeNew writes a file that is not there and gives it its name, or leaves none behind. With exact, the umask does not apply.
func writeNew(part, path string, mode fs.FileMode, exact bool, fill func(io.Writer) error) error {
	file, err := create(part, mode)
	if err != nil {
		return err
	}
	if exact {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = fill(file)
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		_ = discard(file)
		return err
	}
	return place(file, path)
}

// errBusy is about a file that two programs write at once, or one program twice.
var errBusy = errors.New("another program is writing this file at the same time")

// create makes a temporary file that nobody else writes or removes until it is closed. One that a killed program left is removed.
func create(part string, mode fs.FileMode) (*os.File, error) {
	for range 100 {
		if err := removeLeft(part); err != nil {
			return nil, err
		}
		file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		switch {
		case errors.Is(err, fs.ErrExist):
			continue
		case err != nil:
			return nil, err
		case lockFile(file) == nil && isAt(file, part):
			return file, nil
		}
		_ = file.Close() // another program had it before it was locked
	}
	return nil, &fs.PathError{Op: "create", Path: part, Err: errBusy}
}

// isAt says whether an open file still has a name.
func isAt(file *os.File, path string) bool {
	here, err := file.Stat()
	there, errThere := os.Lstat(path)
	return err == nil && errThere == nil && os.SameFile(here, there)
}

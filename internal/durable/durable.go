// Package durable changes files so that a crash leaves either the old state or the new one, and so that what has been
// reported as done is on the disk. It is for everything that keeps state: share stores, node directories, journals.
//
// The invariant: a name that has appeared by WriteFile, or by Sync of a new file followed by Rename and SyncPath, holds
// its whole content, whenever the machine stops. Nothing here overwrites bytes in place; who does so through a File
// says beside it why a crash in between is harmless.
//
// Every system call that changes something is announced to the step hook first, if there is one. A crash test runs an
// operation once to count the steps, and then once for each step with the hook failing from that step on: nothing on
// the disk changes any more, as if the process had died there.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// A Hook is called before every system call that changes something, with the call's name and the path. When it
// returns an error the call is not made and fails with that error. It may be called from several goroutines at once.
type Hook func(call, path string) error

// FS makes the changes. Its zero value is the plain file system.
type FS struct {
	Step Hook // nil: none
}

func (f FS) step(call, path string) error {
	if f.Step == nil {
		return nil
	}
	if err := f.Step(call, path); err != nil {
		return &fs.PathError{Op: call, Path: path, Err: err}
	}
	return nil
}

// WriteFile makes path hold data, replacing what it held. The new content is durable when WriteFile returns nil.
//
// A crash leaves the old file, or none, or the new one: the content goes to a temporary name beside path and is synced
// before the rename, and the rename is one step of the file system. A temporary file can be left over; its name is
// path with a suffix that TempSuffix tells.
func (f FS) WriteFile(path string, data []byte, perm os.FileMode) error {
	tmp := path + TempSuffix
	if err := f.writeTemp(tmp, data, perm); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), f.discard(tmp))
	}
	if err := f.Rename(tmp, path); err != nil {
		return errors.Join(err, f.discard(tmp))
	}
	return f.SyncDir(filepath.Dir(path))
}

// TempSuffix ends the names of temporary files. Two processes, or goroutines, do not write one path at the same time.
const TempSuffix = ".tmp"

func (f FS) writeTemp(tmp string, data []byte, perm os.FileMode) error {
	file, err := f.Open(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(data, 0)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// discard removes a temporary file that may not be there.
func (f FS) discard(tmp string) error {
	if err := f.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Rename gives a file another name, replacing what had it. It is durable after SyncDir of both directories.
func (f FS) Rename(from, to string) error {
	if err := f.step("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Remove deletes a file or an empty directory. It is durable after SyncDir of its directory.
func (f FS) Remove(path string) error {
	if err := f.step("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}

// RemoveAll deletes a directory with everything in it; one that is not there is no error. It announces one step: what
// a crash leaves of the directory must not matter.
func (f FS) RemoveAll(path string) error {
	if err := f.step("removeall", path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// Mkdir makes a directory; one that is there already, or a link to one, is no error, and anything else of that name is. It
// is durable after SyncDir of its parent.
func (f FS) Mkdir(path string, perm os.FileMode) error {
	if err := isDir(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.step("mkdir", path); err != nil {
		return err
	}
	err := os.Mkdir(path, perm)
	if errors.Is(err, fs.ErrExist) { // somebody was faster
		return isDir(path)
	}
	return err
}

// isDir is nil when path is a directory or a link to one.
func isDir(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

// MkdirAll makes a directory and its parents up to root, which must be there, and makes none of them durable: SyncPath
// does, after something has been put into it.
func (f FS) MkdirAll(root, path string, perm os.FileMode) error {
	if path == root || isDir(path) == nil {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := f.MkdirAll(root, parent, perm); err != nil {
			return err
		}
	}
	return f.Mkdir(path, perm)
}

// SyncPath makes the entries of dir durable, and dir itself, and its parents up to root: it syncs every directory from
// dir up to and including root. It does so whoever made them, because another goroutine may have made a parent and not
// have come to syncing it yet. Nothing is durable before all of them are, so their order does not matter, and they are
// synced at the same time: the disk is flushed once for all.
func (f FS) SyncPath(root, dir string) error {
	dirs := []string{dir}
	for dir != root && filepath.Dir(dir) != dir {
		dir = filepath.Dir(dir)
		dirs = append(dirs, dir)
	}
	errs := make([]error, len(dirs))
	var wg sync.WaitGroup
	for k, d := range dirs {
		wg.Go(func() { errs[k] = f.SyncDir(d) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// SyncDir makes the entries of a directory durable.
func (f FS) SyncDir(path string) error {
	if err := f.step("syncdir", path); err != nil {
		return err
	}
	if err := syncDir(path); err != nil {
		return fmt.Errorf("sync directory %s: %w", path, err)
	}
	return nil
}

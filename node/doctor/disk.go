package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"tahoe/node/basedir"
	"tahoe/storage/disk"
)

// What a disk needs at least, for a node to be well.
const (
	scarceBytes  = 100 << 20
	scarceInodes = 10_000
	slowSync     = time.Second
)

// disk looks at the folders that the node writes to, and at the modes of its secrets.
func (x *examination) disk(ctx context.Context) {
	x.folder("the node's directory", string(x.dir), 0)
	if s := x.settings.Storage; x.kind == basedir.Client && s.Enabled {
		x.folder("storage_dir", s.Dir, uint64(s.Reserved))
	}
	if x.kind == basedir.Client {
		x.folder("tempdir", x.settings.TempDir, 0)
	}
	if x.settings.Doors.Any() {
		x.folder("staging.dir", x.settings.Doors.StagingDir, 0)
	}
	x.modes()
}

// folder tries to write to a folder, and looks at the room there. One that is not there yet is made by the node.
func (x *examination) folder(name, path string, reserved uint64) {
	at := path
	for at != filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		at = filepath.Dir(at)
	}
	took, err := tryWrite(at)
	switch {
	case err != nil:
		x.add(Problem, areaDisk, fmt.Sprintf("Nothing can be written to %s (%s): %s.", path, name, reason(err)),
			"Give the user who runs the node the right to write there, or free the disk.")
		return
	case took > slowSync:
		x.add(Warning, areaDisk, fmt.Sprintf("A small file took %s to be safe on the disk of %s (%s).", took.Round(time.Millisecond), path, name),
			"Look for what keeps the disk busy, or whether it is failing.")
	}
	x.room(name, path, at, reserved)
}

// tryWrite writes a file durably, and removes it.
func tryWrite(dir string) (took time.Duration, err error) {
	begun := time.Now()
	path := filepath.Join(dir, ".doctor-"+rand.Text())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	_, err = f.Write(make([]byte, 4096))
	err = errors.Join(err, f.Sync(), f.Close(), os.Remove(path))
	return time.Since(begun), err
}

// reason is why an operation on a file failed, without the file.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return oneLine(err)
}

func (x *examination) room(name, path, at string, reserved uint64) {
	free, err := disk.FreeSpace(at)
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			x.add(Warning, areaDisk, fmt.Sprintf("The free space of %s (%s) is not known: %s.", path, name, reason(err)), "Look at the disk.")
		}
		return
	}
	if inodes, known := freeInodes(at); known && inodes < scarceInodes {
		x.add(Problem, areaDisk, fmt.Sprintf("The file system of %s (%s) has room for only %d more files.", path, name, inodes),
			"Remove files, or move the folder to a file system with more inodes.")
	}
	switch {
	case free < scarceBytes:
		x.add(Problem, areaDisk, fmt.Sprintf("%s (%s) has only %s of room.", path, name, size(free)), "Free the disk, or move the folder to another one.")
	case reserved > 0 && free <= reserved:
		x.add(Problem, areaDisk, fmt.Sprintf("%s (%s) has %s of room, which is no more than reserved_space (%s), so that it takes no new shares.", path, name, size(free), size(reserved)),
			"Free the disk, or make [storage] reserved_space less.")
	case reserved > 0:
		x.ok(areaDisk, "%s (%s) can be written, and takes %s of shares.", path, name, size(free-reserved))
	default:
		x.ok(areaDisk, "%s (%s) can be written, and has %s of room.", path, name, size(free))
	}
}

const closeThem = "Close it to others with: chmod -R go= "

// some are the first of many names.
func some(names []string) string {
	const most = 5
	text := strings.Join(names[:min(most, len(names))], ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}

// modes looks at who may read the node's secrets.
func (x *examination) modes() {
	if runtime.GOOS == "windows" {
		return // who may read a file is not in its mode
	}
	private := x.dir.Private("")
	var open []string
	err := filepath.WalkDir(private, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && e.Type()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 && filepath.Ext(path) != ".pub" {
			name, _ := filepath.Rel(string(x.dir), path)
			open = append(open, name)
		}
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist) && x.report.Running:
		x.add(Problem, areaDisk, private+" is not there.", "Restore it from a copy before the node stops: it holds who the node is.")
	case errors.Is(err, fs.ErrNotExist):
		x.add(Note, areaDisk, private+" is not there yet.", "The node makes it when it is run for the first time; a node that has run before lost it, and needs a copy of it.")
	case err != nil:
		x.add(Problem, areaDisk, fmt.Sprintf("%s cannot be read: %s.", private, reason(err)), "Run this command as the user who runs the node, or give that user the right.")
	case len(open) > 0 && open[0] == "private":
		x.add(Problem, areaDisk, "Other users of this machine may get at the node's secrets: the mode of "+private+" lets them in.", closeThem+private)
	case len(open) > 0:
		x.add(Warning, areaDisk, "Secrets are protected by the mode of their folder alone, not by their own: "+some(open)+".", closeThem+private)
	default:
		x.ok(areaDisk, "Nobody but their owner may read the files of %s.", private)
	}
}

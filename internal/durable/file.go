package durable

import (
	"io"
	"os"
)

// A File is an open file whose changes are announced to the hook of the FS that opened it.
type File struct {
	fs FS
	f  *os.File
}

// Open opens a file as os.OpenFile does.
func (f FS) Open(path string, flag int, perm os.FileMode) (*File, error) {
	if flag&(os.O_CREATE|os.O_TRUNC) != 0 {
		if err := f.step("create", path); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	return &File{f, file}, nil
}

// ReadAt reads as os.File does.
func (f *File) ReadAt(b []byte, off int64) (int, error) { return f.f.ReadAt(b, off) }

// WriteAt writes as os.File does.
func (f *File) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fs.step("write", f.f.Name()); err != nil {
		return 0, err
	}
	return f.f.WriteAt(b, off)
}

// Truncate changes the file's size.
func (f *File) Truncate(size int64) error {
	if err := f.fs.step("truncate", f.f.Name()); err != nil {
		return err
	}
	return f.f.Truncate(size)
}

// CopyFrom makes the file, which is empty, a copy of the first n bytes of src, by the kernel where it can. Holes may be
// filled. It moves the offset that src has for reading without one, which nothing here uses.
func (f *File) CopyFrom(src *File, n int64) error {
	if err := f.fs.step("copy", f.f.Name()); err != nil {
		return err
	}
	if _, err := src.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	got, err := f.f.ReadFrom(io.LimitReader(src.f, n))
	if err == nil && got < n {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Sync makes the content durable. The name is durable when the directory has been synced too.
func (f *File) Sync() error {
	if err := f.fs.step("sync", f.f.Name()); err != nil {
		return err
	}
	return f.f.Sync()
}

// Flush asks the system to begin writing what was written at [off, off+n) to the disk, so that less is left for Sync. It
// waits for nothing and promises nothing.
func (f *File) Flush(off, n int64) { startWriteback(f.f, off, n) }

// Size is the file's size now.
func (f *File) Size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Close closes the file without syncing it.
func (f *File) Close() error { return f.f.Close() }

// Stat describes the file.
func (f *File) Stat() (os.FileInfo, error) { return f.f.Stat() }

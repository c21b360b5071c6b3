package webdav

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strconv"
	"time"

	"tahoe/frontends/vfs"
)

// A file is one for the library. It is used by one goroutine.
type file struct {
	*request
	ctx    context.Context
	name   string
	info   vfs.Info // when it is read
	open   *vfs.File
	writes bool
	broken error
	at     int64
	list   []vfs.Info
	listed bool
}

func (f *file) create(flags vfs.Flag) error {
	open, err := f.view.Open(f.ctx, f.name, flags)
	if err != nil {
		return err
	}
	f.open, f.writes = open, true
	return nil
}

// toServe opens the file at once, so that what is said of it is true of the bytes that follow.
func (f *file) toServe() error {
	open, err := f.view.Open(f.ctx, f.name, vfs.FlagRead)
	if err != nil {
		return err
	}
	f.open = open
	if f.info, err = open.Stat(f.ctx); err != nil {
		open.Abandon()
	}
	return err
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	if f.open == nil {
		open, err := f.view.Open(f.ctx, f.name, vfs.FlagRead)
		if err != nil {
			f.broken = err
			return 0, err
		}
		f.open = open
	}
	n, err := f.open.ReadAt(f.ctx, p, f.at)
	f.at += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		f.unread = err
	}
	return n, err
}

// Seek implements io.Seeker.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.info.Size()
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	f.at = offset
	return offset, nil
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	if f.open == nil {
		return 0, fs.ErrPermission
	}
	n, err := f.open.WriteAt(f.ctx, p, f.at)
	f.at += int64(n)
	if err != nil {
		f.broken = err
	}
	return n, err
}

// pieceSize is how much is read before it is written.
const pieceSize = 256 << 10

// ReadFrom takes an upload, or what is copied. Of an upload that breaks off nothing is kept, which Write alone could not know.
func (f *file) ReadFrom(src io.Reader) (int64, error) {
	if from, ok := src.(*file); ok {
		return f.copyOf(from)
	}
	buf := make([]byte, pieceSize)
	var total int64
	for {
		n, end := fill(src, buf)
		m, err := f.Write(buf[:n])
		total += int64(m)
		switch {
		case err != nil:
			return total, err
		case errors.Is(end, io.EOF):
			return total, f.setTime()
		case end != nil:
			f.broken = end
			return total, end
		}
	}
}

// fill reads until p is full or reading ends, and says how it ended: other than io.ReadFull it keeps apart a good end and one before its time.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// copyOf takes what another file holds. That of an immutable one is not read: both names lead to the same capability.
func (f *file) copyOf(from *file) (int64, error) {
	if from.open == nil {
		open, err := f.view.Open(f.ctx, from.name, vfs.FlagRead)
		if err != nil {
			f.broken = err
			return 0, err
		}
		from.open = open
	}
	f.broken = f.open.CopyFrom(f.ctx, from.open, 0, 0, 0)
	return 0, f.broken
}

// setTime notes the time that a client says the file has, as those of ownCloud and Nextcloud do.
func (f *file) setTime() error {
	seconds, err := strconv.ParseFloat(f.r.Header.Get("X-OC-Mtime"), 64)
	if f.r.Method != http.MethodPut || err != nil || seconds < 0 || seconds > 1<<40 {
		return nil
	}
	when := time.UnixMicro(int64(seconds * 1e6))
	if err := f.open.SetAttr(f.ctx, vfs.Attr{ModTime: &when}); err != nil {
		return err
	}
	f.timed = true
	return nil
}

// Stat implements http.File.
func (f *file) Stat() (os.FileInfo, error) {
	if f.writes && f.open != nil {
		i, err := f.open.Stat(f.ctx)
		return described{i}, err
	}
	return described{f.info}, nil
}

// Readdir implements http.File.
func (f *file) Readdir(count int) ([]os.FileInfo, error) {
	if !f.listed {
		all, err := f.view.List(f.ctx, f.name)
		if err != nil {
			return nil, err
		}
		f.listed = true
		for i := range all {
			f.list = append(f.list, i)
			if f.known != nil {
				f.known[path.Join(f.name, i.Name())] = i
			}
		}
	}
	n := len(f.list)
	if count > 0 {
		if n == 0 {
			return nil, io.EOF
		}
		n = min(n, count)
	}
	out := make([]os.FileInfo, n)
	for k, i := range f.list[:n] {
		out[k] = described{i}
	}
	f.list = f.list[n:]
	return out, nil
}

// Close implements io.Closer. It publishes what was written, when all of it came.
func (f *file) Close() error {
	switch {
	case f.open == nil:
		return nil
	case !f.writes:
		f.open.Abandon()
		return nil
	case f.broken != nil || f.ctx.Err() != nil:
		f.open.Abandon()
		return f.broken
	}
	return f.open.Close(f.ctx)
}

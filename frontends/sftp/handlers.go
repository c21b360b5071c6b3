package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"tahoe/frontends/vfs"
)

// handlers are what the library calls, for one channel.
type handlers struct {
	ctx    context.Context // of the channel
	view   *vfs.View
	log    *slog.Logger
	opened func(*file)     // is told of each file that has been opened, in their order
	asked  func() vfs.Attr // the attributes that the next request to open a file came with: the library does not tell
}

var errFault = errors.New("a fault in the server; it has been logged")

// guard lets a fault end the request in which it is, and nothing else.
func guard(log *slog.Logger, err *error) {
	if v := recover(); v != nil {
		log.Error("fault in a request", "fault", fmt.Sprint(v), "stack", string(debug.Stack()))
		*err = errFault
	}
}

// A file is an open one, as the library sees it.
type file struct {
	h *handlers
	f *vfs.File

	mu     sync.Mutex
	closed bool // the client has said so
	result error
}

// claim says that the client has closed the file. It is not abandoned any more, whatever becomes of the connection.
func (f *file) claim() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// ReadAt makes it a file that the library takes for one to be read. It is not called: the filter answers reads.
func (f *file) ReadAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	defer guard(f.h.log, &err)
	n, err = f.f.WriteAt(f.h.ctx, p, off)
	return n, asStatus(err)
}

// finish closes a file that has been claimed.
func (f *file) finish() (err error) {
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.result = err
	}()
	defer guard(f.h.log, &err)
	return asStatus(f.f.Close(f.h.ctx))
}

// Close is called by the library: for a close of the client, which the filter has finished, and for all that is open when the
// connection ends, which is abandoned.
func (f *file) Close() error {
	f.mu.Lock()
	closed, result := f.closed, f.result
	f.mu.Unlock()
	if !closed {
		f.f.Abandon()
	}
	return result
}

func (h *handlers) open(r *sftp.Request, flags vfs.Flag) (_ *file, err error) {
	defer guard(h.log, &err)
	p, a := r.Pflags(), h.asked()
	for _, m := range []struct {
		set  bool
		flag vfs.Flag
	}{{p.Creat, vfs.FlagCreate}, {p.Trunc, vfs.FlagTruncate}, {p.Excl, vfs.FlagExclusive}} {
		if m.set {
			flags |= m.flag
		}
	}
	opened, err := h.view.Open(h.ctx, r.Filepath, flags)
	if err != nil {
		return nil, asStatus(err)
	}
	if a.Mode != nil && flags&vfs.FlagCreate != 0 {
		if i, err := opened.Stat(h.ctx); err == nil && i.Size() == 0 {
			_ = opened.SetAttr(h.ctx, vfs.Attr{Mode: a.Mode}) // a wish
		}
	}
	f := &file{h: h, f: opened}
	h.opened(f)
	return f, nil
}

// attrsOf are the attributes of a request, but for the owners.
func attrsOf(r *sftp.Request) vfs.Attr {
	var a vfs.Attr
	flags, given := r.AttrFlags(), r.Attributes()
	if flags.Size {
		n := int64(given.Size)
		a.Size = &n
	}
	if flags.Permissions {
		m := given.FileMode().Perm()
		a.Mode = &m
	}
	if flags.Acmodtime {
		t := time.Unix(int64(given.Mtime), 0)
		a.ModTime = &t
	}
	return a
}

// Fileread opens for reading.
func (h *handlers) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	f, err := h.open(r, vfs.FlagRead)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Filewrite opens for writing. Also who asks to append says where he writes.
func (h *handlers) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	f, err := h.open(r, vfs.FlagWrite)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile opens for both.
func (h *handlers) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	f, err := h.open(r, vfs.FlagRead|vfs.FlagWrite)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Filecmd does what answers with a status.
func (h *handlers) Filecmd(r *sftp.Request) (err error) {
	defer guard(h.log, &err)
	switch r.Method {
	case "Setstat":
		err = h.setAttr(r.Filepath, attrsOf(r))
	case "Rename":
		err = h.view.Rename(h.ctx, r.Filepath, r.Target, false)
	case "Link":
		err = h.view.Link(h.ctx, r.Filepath, r.Target, false)
	case "Rmdir":
		err = h.view.Rmdir(h.ctx, r.Filepath)
	case "Mkdir":
		err = h.view.Mkdir(h.ctx, r.Filepath)
	case "Remove":
		err = h.view.Remove(h.ctx, r.Filepath)
	default:
		err = errors.ErrUnsupported
	}
	return asStatus(err)
}

func (h *handlers) setAttr(path string, a vfs.Attr) error {
	if a == (vfs.Attr{}) {
		_, err := h.view.Stat(h.ctx, path) // a change of the owner alone
		return err
	}
	return h.view.SetAttr(h.ctx, path, a)
}

// PosixRename replaces what is at the target.
func (h *handlers) PosixRename(r *sftp.Request) (err error) {
	defer guard(h.log, &err)
	return asStatus(h.view.Rename(h.ctx, r.Filepath, r.Target, true))
}

// StatVFS says how much room there is.
func (h *handlers) StatVFS(*sftp.Request) (s *sftp.StatVFS, err error) {
	defer guard(h.log, &err)
	room, err := h.view.Statfs(h.ctx)
	if err != nil {
		return nil, asStatus(err)
	}
	n := blocks(room)
	return &sftp.StatVFS{
		Bsize: blockSize, Frsize: blockSize, Blocks: n.total, Bfree: n.free, Bavail: n.free, Files: manyFiles, Ffree: manyFiles / 2,
		Favail: manyFiles / 2, Fsid: 1, Namemax: nameMax,
	}, nil
}

// What is said where nobody knows: the numbers of the original, which are large enough for every client.
const (
	blockSize     = 1024
	unknownBlocks = 628318530
	unknownFree   = 314159265
	manyFiles     = 200000000
	nameMax       = 65535
)

type blockCounts struct{ total, free uint64 }

func blocks(s vfs.Space) blockCounts {
	if s.Total <= 0 {
		return blockCounts{unknownBlocks, unknownFree}
	}
	return blockCounts{uint64(s.Total) / blockSize, uint64(max(0, s.Free)) / blockSize}
}

// An info is an Info whose time is one that the protocol can say.
type info struct{ vfs.Info }

func (i info) ModTime() time.Time { return time.Unix(int64(unixTime(i.Info.ModTime())), 0) }

// A listing hands out a directory piece by piece, in order, as the library asks for it.
type listing struct {
	log  *slog.Logger
	next func() (vfs.Info, bool)
	stop func()
}

func (l *listing) ListAt(to []os.FileInfo, _ int64) (n int, err error) {
	defer guard(l.log, &err)
	for n < len(to) {
		i, ok := l.next()
		if !ok {
			return n, io.EOF
		}
		to[n] = info{i}
		n++
	}
	return n, nil
}

func (l *listing) Close() error {
	l.stop()
	return nil
}

type single struct{ i vfs.Info }

func (s single) ListAt(to []os.FileInfo, off int64) (int, error) {
	if off > 0 || len(to) == 0 {
		return 0, io.EOF
	}
	to[0] = info{s.i}
	return 1, nil
}

// Filelist lists a directory, or describes what is at a path.
func (h *handlers) Filelist(r *sftp.Request) (l sftp.ListerAt, err error) {
	defer guard(h.log, &err)
	switch r.Method {
	case "List":
		all, err := h.view.List(h.ctx, r.Filepath)
		if err != nil {
			return nil, asStatus(err)
		}
		next, stop := iter.Pull(all)
		return &listing{h.log, next, stop}, nil
	case "Stat", "Lstat":
		i, err := h.view.Stat(h.ctx, r.Filepath)
		if err != nil {
			return nil, asStatus(err)
		}
		return single{i}, nil
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat is Stat: there are no symbolic links.
func (h *handlers) Lstat(r *sftp.Request) (sftp.ListerAt, error) { return h.Filelist(r) }

// Readlink refuses at once: there are no symbolic links.
func (h *handlers) Readlink(string) (string, error) { return "", sftp.ErrSSHFxOpUnsupported }

// RealPath cleans a path; relative ones begin at the root.
func (h *handlers) RealPath(p string) (string, error) { return path.Clean("/" + p), nil }

// LookupUserName is what listings for people show.
func (h *handlers) LookupUserName(string) string { return "tahoe" }

// LookupGroupName is what listings for people show.
func (h *handlers) LookupGroupName(string) string { return "tahoe" }

var _ fs.FileInfo = info{}

package sftp

import (
	"errors"
	"io"
	"path"
	"strings"

	"tahoe/frontends/vfs"
)

// The extensions that the filter knows, besides those of the library.
const (
	extFsync      = "fsync@openssh.com"
	extLimits     = "limits@openssh.com"
	extFstatvfs   = "fstatvfs@openssh.com"
	extLsetstat   = "lsetstat@openssh.com"
	extCopyData   = "copy-data"
	extExpandPath = "expand-path@openssh.com"
)

func withExtensions(p []byte) []byte {
	out := packet(append([]byte(nil), p...))
	for _, e := range [][2]string{{extFstatvfs, "2"}, {extFsync, "1"}, {extLsetstat, "1"}, {extLimits, "1"}, {extExpandPath, "1"}, {extCopyData, "1"}} {
		out = out.string(e[0]).string(e[1])
	}
	return out.done()
}

// extended answers the extensions that the library does not know.
func (f *filter) extended(id uint32, c *cursor, p []byte) error {
	switch name := c.string(); name {
	case extFsync:
		return f.about(id, c.string(), p, func(id uint32, o *file) []byte { return status(id, o.f.Sync(f.ctx)) })
	case extFstatvfs:
		f.spawn(id, func() []byte { return f.statvfs(id) })
	case extLimits:
		return f.send(newPacket(fxExtendedReply, id).uint64(maxPacket).uint64(maxData).uint64(maxData).uint64(vfs.MaxFiles))
	case extLsetstat:
		return f.lsetstat(id, c)
	case extExpandPath:
		at := expand(c.string())
		return f.send(newPacket(fxName, id).uint32(1).string(at).string(at).uint32(0))
	case extCopyData:
		return f.copyData(id, c)
	default:
		return f.toLibrary(p)
	}
	return nil
}

func (f *filter) statvfs(id uint32) []byte {
	room, err := f.view.Statfs(f.ctx)
	if err != nil {
		return status(id, err)
	}
	n := blocks(room)
	p := newPacket(fxExtendedReply, id)
	for _, v := range []uint64{blockSize, blockSize, n.total, n.free, n.free, manyFiles, manyFiles / 2, manyFiles / 2, 1, 0, nameMax} {
		p = p.uint64(v)
	}
	return p
}

func (f *filter) lsetstat(id uint32, c *cursor) error {
	at, a := c.string(), c.attrs()
	if c.bad {
		return errPacket
	}
	if err := f.written(); err != nil {
		return err
	}
	f.spawn(id, func() []byte {
		if a == (vfs.Attr{}) {
			return status(id, nil)
		}
		return status(id, f.view.SetAttr(f.ctx, at, a))
	})
	return nil
}

// expand gives ~ its meaning: everybody's home is the root.
func expand(p string) string {
	if strings.HasPrefix(p, "~") {
		_, p, _ = strings.Cut(p, "/")
	}
	return path.Clean("/" + p)
}

// copyData copies between two open files. A whole file into an empty one is not read at all.
func (f *filter) copyData(id uint32, c *cursor) error {
	from, off, n := c.string(), c.uint64(), c.uint64()
	to, at := c.string(), c.uint64()
	if c.bad || off > 1<<62 || at > 1<<62 || n > 1<<62 {
		return errPacket
	}
	src, dst := f.handle(from), f.handle(to)
	if src == nil || dst == nil || src.f == nil || dst.f == nil || src == dst {
		return f.send(status(id, errors.New("there are no two open files to copy between")))
	}
	if err := f.wait(func() bool { return src.under == 0 }); err != nil { // what was written to it counts
		return err
	}
	return f.barrier(id, dst, false, func() []byte {
		err := dst.f.f.CopyFrom(f.ctx, src.f.f, int64(off), int64(n), int64(at))
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return status(id, err)
	})
}

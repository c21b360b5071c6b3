package vfs

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"tahoe/caps"
)

const copyPiece = 256 << 10

// CopyFrom writes n bytes of another open file, or all that follow when n is 0, into this one. The whole of an immutable file, copied
// into an empty one, is not read: the copy is a second link to it, unless it is written to before it is closed.
func (f *File) CopyFrom(ctx context.Context, from *File, off, n, at int64) error {
	if err := errors.Join(f.open(), from.open()); err != nil {
		return err
	}
	if !f.writes() || from.flags&FlagRead == 0 {
		return fs.ErrPermission
	}
	if off == 0 && at == 0 && from.content == nil && (n == 0 || n >= from.info.size) && f.content.file.Size() == 0 {
		if k, ok := from.spot.child.Cap.(caps.CHK); ok {
			return f.stand(ctx, k)
		}
	}
	return f.copyBytes(ctx, from, off, n, at)
}

// stand lets the file be what an immutable one is.
func (f *File) stand(ctx context.Context, on caps.CHK) error {
	if err := f.v.fs.roomFor(ctx, f, on.Size()); err != nil {
		return err
	}
	return f.content.stand(on, f.v.now())
}

func (f *File) copyBytes(ctx context.Context, from *File, off, n, at int64) error {
	buf := make([]byte, copyPiece)
	for all := n == 0; all || n > 0; {
		part := buf
		if !all {
			part = buf[:min(n, copyPiece)]
		}
		m, err := from.ReadAt(ctx, part, off)
		if m > 0 {
			if _, err := f.WriteAt(ctx, part[:m], at); err != nil {
				return err
			}
		}
		off, at, n = off+int64(m), at+int64(m), n-int64(m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

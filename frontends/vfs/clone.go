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
	if off == 0 && at == 0 && from.content == nil && (n == 0 || n >= from.info.size) {
		if k, ok := from.spot.child.Cap.(caps.CHK); ok {
			if done, err := f.content.stand(k, f.v.now(), f.room(ctx)); done || err != nil {
				return err
			}
		}
	}
	if n == 0 { // what follows now: not what is being copied
		i, err := from.Stat(ctx)
		if n = i.size - off; err != nil || n <= 0 {
			return err
		}
	}
	if f.content == from.content && at-off < n && off-at < n {
		return fs.ErrInvalid // a file would be read where it is being written
	}
	return f.copyBytes(ctx, from, off, n, at)
}

func (f *File) copyBytes(ctx context.Context, from *File, off, n, at int64) error {
	buf := make([]byte, min(n, copyPiece))
	for n > 0 {
		m, err := from.ReadAt(ctx, buf[:min(n, copyPiece)], off)
		if m > 0 {
			if _, err := f.WriteAt(ctx, buf[:m], at); err != nil {
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

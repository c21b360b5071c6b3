package mutable

import (
	"context"
	"fmt"
	"io"

	"tahoe/caps"
	"tahoe/lafs/mutable/layout"
)

// Overwrite replaces the contents by what src yields: size bytes, or all there are when size is -1. It needs a version that can
// be rebuilt, although it does not read it. A change that another writer made before is overwritten; one that comes in between
// is an *UncoordinatedWriteError. Success means that servers took enough different shares to rebuild the new version, and
// that none showed another version; it does not mean that all servers were reached, of which the log tells, and the package's
// comment what follows from it.
func (f *File) Overwrite(ctx context.Context, src io.Reader, size int64) (Version, error) {
	if !f.Writeable() {
		return Version{}, fmt.Errorf("overwrite %v: %w", f, ErrReadOnly)
	}
	p, err := f.m.stage(ctx, src, size, maxSize(f.format))
	if err != nil {
		return Version{}, err
	}
	defer p.close()
	o := f.begin(ctx)
	defer o.end()
	done, err := o.p.takeTurn(ctx)
	if err != nil {
		return Version{}, err
	}
	defer done()
	b, err := o.basis(ctx, false, ModeWrite, (*Servermap).Best)
	if err != nil {
		return Version{}, err
	}
	return o.overwrite(ctx, b, p)
}

// overwrite publishes p, and once more if it was memory that was surprised, or a search that ended before it came to all servers.
func (o *op) overwrite(ctx context.Context, b *basis, p *plaintext) (Version, error) {
	key, err := o.private(ctx, b.v)
	if err != nil {
		return Version{}, err
	}
	g, err := layout.NewGeometry(b.v.Version.Format, b.v.Version.Needed, b.v.Version.Total, p.size)
	if err != nil {
		return Version{}, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	release, err := o.m.c.Budget.Acquire(ctx, encodeMemory(g, g.Segments))
	if err != nil {
		return Version{}, err
	}
	defer release()
	e, err := o.encode(ctx, g, p)
	if err != nil {
		return Version{}, err
	}
	defer e.close()
	prefix, err := o.publish(ctx, b.s, key, e, false)
	if err != nil && (b.remembered || !b.s.complete()) && ctx.Err() == nil {
		prefix, err = o.again(ctx, key, e, err)
	}
	if err == nil {
		o.rememberPlain(prefix, p)
	}
	return versionOf(prefix), err
}

// again publishes e after all servers were asked. first is why.
func (o *op) again(ctx context.Context, key *layout.PrivateKey, e *encoded, first error) (prefix layout.Prefix, err error) {
	b, err := o.basis(ctx, true, ModeCheck, (*Servermap).Best)
	if err == nil {
		prefix, err = o.publish(ctx, b.s, key, e, false)
	}
	if mayRemain(first) {
		err = withDoubt(err, first)
	}
	return prefix, err
}

// rememberPlain remembers small contents that were published.
func (o *op) rememberPlain(prefix layout.Prefix, p *plaintext) {
	if p.size > min(o.m.c.Remember/2, batchBytes) {
		return
	}
	b := make([]byte, p.size)
	if readFull(p, b, 0) == nil {
		o.m.remember(o.p, prefix, b)
	}
}

// WriteAt replaces the bytes from off on by what src yields, size bytes or all there are when size is -1, and makes the file
// longer where they end behind its end. An off behind the end of the file is storage.ErrRange. Of an MDMF file only the
// segments that are touched travel, with the hash trees; an SDMF file is written as a whole.
func (f *File) WriteAt(ctx context.Context, src io.Reader, off, size int64) (Version, error) {
	switch {
	case !f.Writeable():
		return Version{}, fmt.Errorf("write to %v: %w", f, ErrReadOnly)
	case off < 0:
		return Version{}, gap(off, 0)
	}
	p, err := f.m.stage(ctx, src, size, maxSize(f.format))
	if err != nil {
		return Version{}, err
	}
	defer p.close()
	if f.format == caps.SDMF {
		return f.splice(ctx, p, off)
	}
	return f.update(ctx, p, off)
}

// splice writes into a file that fits into memory.
func (f *File) splice(ctx context.Context, p *plaintext, off int64) (Version, error) {
	return f.Modify(ctx, MaxSDMF, func(old []byte) ([]byte, error) {
		size := int64(len(old))
		switch {
		case off > size:
			return nil, gap(off, size)
		case p.size == 0:
			return nil, ErrUnchanged
		case off+p.size > MaxSDMF:
			return nil, fmt.Errorf("%d bytes, and %d are allowed: %w", off+p.size, MaxSDMF, ErrTooLarge)
		}
		next := make([]byte, max(size, off+p.size))
		copy(next, old)
		return next, readFull(p, next[off:off+p.size], 0)
	})
}

package lafs

import (
	"bytes"
	"context"
	"crypto/rsa"
	"fmt"
	"io"

	"tahoe/caps"
	"tahoe/lafs/dirnode"
	"tahoe/lafs/mutable"
)

// MutableOptions say how a mutable file is made.
type MutableOptions struct {
	Format Format          // SDMF or MDMF; "": the client's
	Key    *rsa.PrivateKey `json:"-"` // nil: a new one
}

// MkdirOptions say how a mutable directory is made.
type MkdirOptions = MutableOptions

// PutMutable stores what src yields, size bytes or all there are when size is -1, as a new mutable file.
func (c *Client) PutMutable(ctx context.Context, src io.Reader, size int64, o MutableOptions) (*MutableFile, error) {
	m, err := c.createOptions(o)
	if err != nil {
		return nil, err
	}
	if c.c.Mutable == nil {
		return nil, errNoMutable
	}
	f, err := c.c.Mutable.Create(ctx, m, func(caps.MutableWrite) (io.Reader, int64, error) { return src, size, nil })
	if err != nil {
		return nil, err
	}
	return &MutableFile{f}, nil
}

func (c *Client) createOptions(o MutableOptions) (m mutable.CreateOptions, err error) {
	m.Key = o.Key
	switch f := o.Format; {
	case f == MDMF, f == "" && c.c.Format == MDMF:
		m.Format = caps.MDMF
	case f == SDMF, f == "":
		m.Format = caps.SDMF
	default:
		return m, fmt.Errorf("%w: nothing mutable has the format %q", ErrWrongKind, string(f))
	}
	return m, nil
}

// Mkdir makes a mutable directory. Its children have the metadata that is given, and no times are noted. A child that may not
// be in a directory is a *ChildError.
func (c *Client) Mkdir(ctx context.Context, children []NewChild, o MkdirOptions) (*Directory, error) {
	m, err := c.createOptions(o)
	if err != nil {
		return nil, err
	}
	f, err := c.mutable.create(ctx, m, func(k caps.MutableWrite) ([]byte, error) { return packed(children, k) })
	if err != nil {
		return nil, err
	}
	k, err := caps.NewDirectory(f.Cap())
	if err != nil {
		return nil, err
	}
	return &Directory{c: c, cap: k, file: f}, nil
}

// packed bounds what is new; nothing else has to.
func packed(children []NewChild, k caps.Read) ([]byte, error) {
	b, err := dirnode.Pack(children, k)
	if err == nil && len(b) > MaxDirectory {
		return nil, fmt.Errorf("a directory of %d children: %w", len(children), ErrTooLarge)
	}
	return b, err
}

// MkdirImmutable makes an immutable directory, whose children are all deep-immutable: otherwise a *ChildError with
// ErrNotDeepImmutable names the first that is not. A small one is a literal, for which no server is asked.
func (c *Client) MkdirImmutable(ctx context.Context, children []NewChild) (*Directory, error) {
	b, err := packed(children, nil)
	if err != nil {
		return nil, err
	}
	r, err := c.Put(ctx, bytes.NewReader(b), PutOptions{Size: int64(len(b))})
	if err != nil {
		return nil, err
	}
	k, err := caps.NewDirectory(r.Cap)
	if err != nil {
		return nil, err
	}
	return c.OpenDirectory(k)
}

// contentsSource turns bytes into the source that mutable.Files.Create asks for.
func contentsSource(contents func(caps.MutableWrite) ([]byte, error)) func(caps.MutableWrite) (io.Reader, int64, error) {
	return func(k caps.MutableWrite) (io.Reader, int64, error) {
		b, err := contents(k)
		return bytes.NewReader(b), int64(len(b)), err
	}
}

package mutable

import (
	"context"
	"crypto/rsa"
	"fmt"
	"io"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/mutable/layout"
)

// CreateOptions say how one file is created.
type CreateOptions struct {
	Format   caps.Format
	Key      *rsa.PrivateKey `json:"-"` // of 2048 bits; nil: a new one, of the pool
	Encoding *Encoding       // nil: the config's
}

// Create makes a new file. contents is called once with the new capability, on which what it returns may depend, and gives a
// source and its size, or -1 when that is not known; a nil contents makes an empty file. Nobody is asked first: a server that
// holds shares of a file with this key makes Create fail with an *UncoordinatedWriteError.
func (m *Files) Create(ctx context.Context, c CreateOptions, contents func(caps.MutableWrite) (io.Reader, int64, error)) (*File, error) {
	enc := m.c.Encoding
	if c.Encoding != nil {
		enc = *c.Encoding
	}
	if err := enc.Validate(); err != nil {
		return nil, err
	}
	key, err := m.newKey(ctx, c.Key)
	if err != nil {
		return nil, err
	}
	w := key.Cap(c.Format)
	var src io.Reader
	var size int64
	if contents != nil {
		if src, size, err = contents(w); err != nil {
			return nil, err
		}
	}
	p, err := m.stage(ctx, src, size, maxSize(c.Format))
	if err != nil {
		return nil, err
	}
	defer p.close()
	g, err := layout.NewGeometry(c.Format, enc.Needed, enc.Total, p.size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	f := newFile(m, w, w)
	if err := f.create(ctx, key, g, p); err != nil {
		return nil, err
	}
	return f, nil
}

func (m *Files) newKey(ctx context.Context, k *rsa.PrivateKey) (*layout.PrivateKey, error) {
	if k == nil {
		var err error
		if k, err = m.c.Keys.Get(ctx); err != nil {
			return nil, err
		}
	}
	return layout.NewPrivateKey(k)
}

// create publishes the first version.
func (f *File) create(ctx context.Context, key *layout.PrivateKey, g layout.Geometry, p *plaintext) error {
	o := f.begin(ctx)
	defer o.end()
	done, err := o.p.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer done()
	f.m.c.Servers.Settle(ctx, g.Total)
	s := &Servermap{servers: f.m.c.Servers.Permuted(f.key.index), answers: make(map[grid.ServerID]*answer), whole: true}
	if len(s.servers) == 0 {
		return grid.ErrNoServers
	}
	release, err := f.m.c.Budget.Acquire(ctx, encodeMemory(g, g.Segments))
	if err != nil {
		return err
	}
	defer release()
	e, err := o.encode(ctx, g, p)
	if err != nil {
		return err
	}
	defer e.close()
	prefix, err := o.publish(ctx, s, key, e, false)
	if err != nil {
		return err
	}
	o.p.learnPrivate(key)
	o.rememberPlain(prefix, p)
	return nil
}

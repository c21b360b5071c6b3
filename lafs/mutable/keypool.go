package mutable

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"tahoe/lafs/mutable/layout"
	"tahoe/reactor"
)

// A KeyPool makes RSA keys ahead, so that creating a file need not wait for one: making one takes some 100 ms of processor
// time. It is a reactor.Service; while it does not run, Get makes keys itself.
type KeyPool struct {
	ready chan *rsa.PrivateKey
	pool  *reactor.Pool // of keys alone
}

// NewKeyPool makes a pool that keeps up to size keys, which Run makes one at a time. No more are made at once than pool has
// slots. They take none of these: a key takes a hundred times as long as other processor work, which would wait for it.
func NewKeyPool(size int, pool *reactor.Pool) *KeyPool {
	return &KeyPool{ready: make(chan *rsa.PrivateKey, max(size, 0)), pool: reactor.NewPool(pool.Slots())}
}

// Get takes a key that is ready, or makes one. It does not wait for Run.
func (p *KeyPool) Get(ctx context.Context) (*rsa.PrivateKey, error) {
	select {
	case k := <-p.ready:
		return k, nil
	default:
		return p.generate(ctx)
	}
}

// Ready is the number of keys that Get would give at once.
func (p *KeyPool) Ready() int { return len(p.ready) }

// Run keeps the pool full until ctx ends.
func (p *KeyPool) Run(ctx context.Context, ready func()) error {
	ready()
	for cap(p.ready) > 0 && ctx.Err() == nil {
		k, err := p.generate(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case p.ready <- k:
		case <-ctx.Done():
		}
	}
	<-ctx.Done()
	return nil
}

func (p *KeyPool) generate(ctx context.Context) (k *rsa.PrivateKey, err error) {
	if perr := p.pool.Do(ctx, func() { k, err = rsa.GenerateKey(rand.Reader, layout.KeyBits) }); perr != nil {
		return nil, perr
	}
	if err != nil {
		return nil, fmt.Errorf("make key of a mutable file: %w", err)
	}
	return k, nil
}

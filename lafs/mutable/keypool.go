package mutable

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync/atomic"

	"tahoe/lafs/mutable/layout"
	"tahoe/reactor"
)

// A KeyPool makes RSA keys ahead, so that creating a file need not wait for one: making one takes some 100 ms of processor
// time. It keeps more of them ready the more are taken: who copies a tree of many directories will do it again. It is a
// reactor.Service; while it does not run, Get makes keys itself.
type KeyPool struct {
	ready  chan *rsa.PrivateKey
	wanted atomic.Int64  // how many Run keeps ready
	taken  chan struct{} // wakes Run
	pool   *reactor.Pool // of keys alone
}

// NewKeyPool makes a pool that keeps least keys ready at first, one more for each that is taken, and never more than most. Run
// makes them one at a time. No more are made at once than pool has slots. They take none of these: a key takes a hundred times
// as long as other processor work, which would wait for it.
func NewKeyPool(least, most int, pool *reactor.Pool) *KeyPool {
	most = max(least, most, 0)
	p := &KeyPool{ready: make(chan *rsa.PrivateKey, most), taken: make(chan struct{}, 1), pool: reactor.NewPool(pool.Slots())}
	p.wanted.Store(int64(max(least, 0)))
	return p
}

// Get takes a key that is ready, or makes one. It does not wait for Run.
func (p *KeyPool) Get(ctx context.Context) (*rsa.PrivateKey, error) {
	p.grow()
	select {
	case k := <-p.ready:
		return k, nil
	default:
		return p.generate(ctx)
	}
}

// grow notes that a key is taken.
func (p *KeyPool) grow() {
	for n := p.wanted.Load(); n < int64(cap(p.ready)) && !p.wanted.CompareAndSwap(n, n+1); n = p.wanted.Load() {
	}
	select {
	case p.taken <- struct{}{}:
	default:
	}
}

// Ready is the number of keys that Get would give at once.
func (p *KeyPool) Ready() int { return len(p.ready) }

// Run keeps the pool full until ctx ends.
func (p *KeyPool) Run(ctx context.Context, ready func()) error {
	ready()
	for {
		if err := p.fill(ctx); err != nil {
			return err
		}
		select {
		case <-p.taken:
		case <-ctx.Done():
			return nil
		}
	}
}

// fill makes the keys that are wanted. Nobody else puts any into the pool.
func (p *KeyPool) fill(ctx context.Context) error {
	for int64(len(p.ready)) < p.wanted.Load() && ctx.Err() == nil {
		k, err := p.generate(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			p.ready <- k
		}
	}
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

package mutable

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"

	"tahoe/reactor"
)

// KeyBits is the size of the RSA keys of mutable files.
const KeyBits = 2048

// A KeyPool makes RSA keys ahead, so that creating a file need not wait for one. It is a reactor.Service.
type KeyPool struct {
	ready chan *rsa.PrivateKey
	pool  *reactor.Pool
}

// NewKeyPool makes a pool that holds up to size keys ready. They are made in pool, where they take turns with other
// processor work.
func NewKeyPool(size int, pool *reactor.Pool) *KeyPool {
	return &KeyPool{ready: make(chan *rsa.PrivateKey, max(size, 0)), pool: pool}
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

// Run keeps the pool full until ctx ends.
func (p *KeyPool) Run(ctx context.Context, ready func()) error {
	ready()
	if cap(p.ready) == 0 {
		<-ctx.Done()
		return nil
	}
	for {
		k, err := p.generate(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case p.ready <- k:
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *KeyPool) generate(ctx context.Context) (k *rsa.PrivateKey, err error) {
	if perr := p.pool.Do(ctx, func() { k, err = rsa.GenerateKey(rand.Reader, KeyBits) }); perr != nil {
		return nil, perr
	}
	return k, err
}

var errNotYet = errors.New("not yet")

package mutable

import (
	"context"

	"tahoe/reactor"
)

// smallRead is the memory up to which reads use a budget of their own, so that they need not wait for large transfers.
const smallRead = 1 << 20

// takeMemory is a way to take bytes of a budget.
type takeMemory func(ctx context.Context, n int64) (release func(), err error)

func (o *op) budget(n int64) *reactor.Budget {
	if n <= smallRead {
		return o.m.small
	}
	return o.m.c.Budget
}

// memory takes bytes of the budget. Nobody who has some waits for more, and nobody waits for some inside of the gate.
func (o *op) memory(ctx context.Context, n int64) (release func(), err error) {
	return o.budget(n).Acquire(ctx, n)
}

// memoryInside takes bytes inside of the gate, where it does not wait: a writer waits for the gate with the memory of what he
// is about to write, and would never be let in. The error says how much to reserve outside.
func (o *op) memoryInside(_ context.Context, n int64) (release func(), err error) {
	if r := o.spare; r.release != nil && n <= r.n {
		o.spare = reservation{}
		return r.release, nil
	}
	if release, ok := o.budget(n).TryAcquire(n); ok {
		return release, nil
	}
	return nil, needMemory(n)
}

// needMemory is the error of who has to leave the gate, and wait for so many bytes.
type needMemory int64

func (needMemory) Error() string { return "there is no memory at this moment" }

// A reservation is memory that memoryInside gives out. The zero value is none.
type reservation struct {
	n       int64
	release func()
}

// reserve waits for memory, outside of the gate.
func (o *op) reserve(ctx context.Context, n int64) error {
	o.spare.giveBack()
	o.spare = reservation{}
	release, err := o.memory(ctx, n)
	if err == nil {
		o.spare = reservation{n, release}
	}
	return err
}

func (r reservation) giveBack() {
	if r.release != nil {
		r.release()
	}
}

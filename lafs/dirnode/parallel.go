package dirnode

import (
	"context"
	"sync"

	"tahoe/reactor"
)

// batch is how many entries are decoded in one turn of the pool: about a millisecond's worth.
const batch = 256

// Entries decodes all entries, in the order that All has, on as many processors as pool has.
func (t *Table) Entries(ctx context.Context, pool *reactor.Pool) ([]Entry, error) {
	parts := make([][]Entry, (len(t.rows)+batch-1)/batch)
	errs := make([]error, len(parts))
	decode := func(i int) {
		errs[i] = pool.Do(ctx, func() { parts[i] = t.part(i*batch, min(len(t.rows), (i+1)*batch)) })
	}
	var running sync.WaitGroup
	workers := min(pool.Slots(), len(parts))
	for w := range workers {
		running.Go(func() {
			for i := w; i < len(parts); i += workers {
				decode(i)
			}
		})
	}
	running.Wait()
	entries := make([]Entry, 0, len(t.rows))
	for i, p := range parts {
		if errs[i] != nil {
			return nil, errs[i]
		}
		entries = append(entries, p...)
	}
	return entries, nil
}

func (t *Table) part(from, to int) []Entry {
	entries := make([]Entry, 0, to-from)
	for i := from; i < to; i++ {
		if e, ok := t.Entry(i); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

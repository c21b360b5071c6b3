package dirnode

import (
	"context"
	"iter"
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

// Ahead yields what All does. While the caller is busy with some entries, the next are decoded, on as many processors as pool
// has.
func (t *Table) Ahead(pool *reactor.Pool) iter.Seq[Entry] {
	if len(t.rows) <= batch {
		return t.All()
	}
	return func(yield func(Entry) bool) {
		var running sync.WaitGroup
		defer running.Wait()
		var parts []chan []Entry
		from := 0
		begin := func() {
			if from >= len(t.rows) {
				return
			}
			first, part := from, make(chan []Entry, 1)
			from, parts = min(from+batch, len(t.rows)), append(parts, part)
			last := from
			running.Go(func() {
				_ = pool.Do(context.Background(), func() { part <- t.part(first, last) }) // it is short, and never fails
			})
		}
		for range 2 * pool.Slots() {
			begin()
		}
		for len(parts) > 0 {
			part := <-parts[0]
			parts = parts[1:]
			begin()
			for _, e := range part {
				if !yield(e) {
					return
				}
			}
		}
	}
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

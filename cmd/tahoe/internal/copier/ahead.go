package copier

import (
	"context"
)

// A lister says what is in a directory.
type lister func(*item) ([]*item, error)

// ahead is how many directories of the grid are asked for at once, so that a walk through many small ones does not wait for the
// network at each.
const ahead = 4

type listing struct {
	items []*item
	err   error
}

// lookAhead is a lister for the directories of groups, each asked once and in their order.
func (c *copying) lookAhead(ctx context.Context, groups []group) lister {
	var queue []*item
	for _, g := range groups {
		if g.allDirs() {
			queue = append(queue, g...)
		}
	}
	under := map[*item]<-chan listing{}
	return func(it *item) ([]*item, error) {
		if !it.onGrid() {
			return c.children(ctx, it)
		}
		for len(queue) > 0 && len(under) < ahead {
			next := queue[0]
			if queue = queue[1:]; next.onGrid() {
				under[next] = c.ask(ctx, next)
			}
		}
		answer, ok := under[it]
		if !ok {
			return c.children(ctx, it)
		}
		delete(under, it)
		l := <-answer
		return l.items, l.err
	}
}

// ask lists a directory on a goroutine, which ends with the context at the latest, and which the copy waits for.
func (c *copying) ask(ctx context.Context, it *item) <-chan listing {
	answer := make(chan listing, 1)
	c.asking.Go(func() {
		items, err := c.children(ctx, it)
		answer <- listing{items, err}
	})
	return answer
}

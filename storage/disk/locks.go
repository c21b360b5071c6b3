package disk

import (
	"context"

	"tahoe/storage"
)

// stripes is how many indices can be changed at once.
const stripes = 512

// locks serialises changes of the shares of one index. Each is a channel of one slot, so that waiting ends with the
// context; an index has one of them, which it may have in common with others.
type locks [stripes]chan struct{}

func newLocks() (l locks) {
	for k := range l {
		l[k] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for the lock of i. The caller calls unlock.
func (l *locks) lock(ctx context.Context, i storage.Index) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slot := l[(int(i[2])<<8|int(i[3]))%stripes]
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

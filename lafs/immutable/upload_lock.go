package immutable

import (
	"context"
	"sync"

	"tahoe/storage"
)

// indexLocks lets one upload of a file run at a time. Its zero value is ready.
type indexLocks struct {
	mu    sync.Mutex
	locks map[storage.Index]*indexLock
}

// An indexLock is held by whoever has put a value into it. users counts those who hold it or wait for it; it is guarded by
// the mutex of indexLocks.
type indexLock struct {
	held  chan struct{}
	users int
}

// lock waits for index i. When ctx ends first, its cause is returned.
func (l *indexLocks) lock(ctx context.Context, i storage.Index) (unlock func(), err error) {
	x := l.enter(i)
	select {
	case x.held <- struct{}{}:
		return func() {
			<-x.held
			l.leave(i, x)
		}, nil
	case <-ctx.Done():
		l.leave(i, x)
		return nil, context.Cause(ctx)
	}
}

func (l *indexLocks) enter(i storage.Index) *indexLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.locks == nil {
		l.locks = map[storage.Index]*indexLock{}
	}
	x := l.locks[i]
	if x == nil {
		x = &indexLock{held: make(chan struct{}, 1)}
		l.locks[i] = x
	}
	x.users++
	return x
}

func (l *indexLocks) leave(i storage.Index, x *indexLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x.users--; x.users == 0 {
		delete(l.locks, i)
	}
}

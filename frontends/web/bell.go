package web

import "sync"

// A bell wakes all who wait. Its zero value is ready; to ring it costs next to nothing when nobody waits.
type bell struct {
	mu  sync.Mutex
	ear chan struct{} // nil: nobody waits
}

// next is closed when the bell rings after this call.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ear == nil {
		b.ear = make(chan struct{})
	}
	return b.ear
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ear != nil {
		close(b.ear)
		b.ear = nil
	}
}

package zfec

import "sync"

// recent keeps the values that were used last, the newest at the end. There are so few that looking through them costs
// less than a list would.
type recent[K comparable, V any] struct {
	mu   sync.Mutex
	most int
	keys []K
	vals []V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most}
}

// get returns the value of key and makes it when it is not there. Two callers that miss at the same time both make it, and
// the later one is kept: values are interchangeable.
func (r *recent[K, V]) get(key K, make func() (V, error)) (V, error) {
	if v, ok := r.find(key); ok {
		return v, nil
	}
	v, err := make()
	if err == nil {
		r.put(key, v)
	}
	return v, err
}

// find moves the entry it finds to the end.
func (r *recent[K, V]) find(key K) (v V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, k := range r.keys {
		if k == key {
			v = r.vals[i]
			r.remove(i)
			r.keys, r.vals = append(r.keys, k), append(r.vals, v)
			return v, true
		}
	}
	return v, false
}

func (r *recent[K, V]) put(key K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, k := range r.keys {
		if k == key {
			r.remove(i)
			break
		}
	}
	if len(r.keys) == r.most {
		r.remove(0)
	}
	r.keys, r.vals = append(r.keys, key), append(r.vals, v)
}

func (r *recent[K, V]) remove(i int) {
	r.keys = append(r.keys[:i], r.keys[i+1:]...)
	r.vals = append(r.vals[:i], r.vals[i+1:]...)
}

package auth

import "container/list"

// An lru keeps what was asked for last, and no more than most of it.
type lru[K comparable, V any] struct {
	most  int
	byKey map[K]*list.Element
	order list.List // of lruItem, the latest first
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
}

// get returns what is kept under a key, and makes it when there is nothing.
func (l *lru[K, V]) get(key K, fresh func() V) V {
	if e, ok := l.byKey[key]; ok {
		l.order.MoveToFront(e)
		return e.Value.(lruItem[K, V]).value
	}
	v := fresh()
	l.put(key, v)
	return v
}

// find returns what is kept under a key.
func (l *lru[K, V]) find(key K) (V, bool) {
	e, ok := l.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	l.order.MoveToFront(e)
	return e.Value.(lruItem[K, V]).value, true
}

func (l *lru[K, V]) put(key K, v V) {
	if l.byKey == nil {
		l.byKey = make(map[K]*list.Element)
	}
	if e, ok := l.byKey[key]; ok {
		l.order.Remove(e)
	}
	l.byKey[key] = l.order.PushFront(lruItem[K, V]{key, v})
	if l.order.Len() > l.most {
		last := l.order.Back()
		l.order.Remove(last)
		delete(l.byKey, last.Value.(lruItem[K, V]).key)
	}
}

package foolscap

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
)

// An exported object is one of ours that the other end holds.
type exported struct {
	object Object
	clid   int64
	count  int64 // how often it was sent, less what the other end has given back
}

type exports struct {
	byNumber map[int64]*exported
	byObject map[Object]*exported // those that can be a key
	last     int64
}

func newExports() exports {
	return exports{byNumber: map[int64]*exported{}, byObject: map[Object]*exported{}}
}

func (x *exports) send(o Object) (clid int64, first bool) {
	keyed := reflect.TypeOf(o).Comparable()
	var e *exported
	if keyed {
		e = x.byObject[o]
	}
	if e == nil {
		x.last++
		e = &exported{object: o, clid: x.last}
		x.byNumber[e.clid] = e
		if keyed {
			x.byObject[o] = e
		}
	}
	e.count++
	return e.clid, e.count == 1
}

// giveBack takes note that the other end has given back so many references.
func (x *exports) giveBack(clid, count int64) bool {
	e := x.byNumber[clid]
	if e == nil {
		return true
	}
	if count < 0 || count > e.count {
		return false
	}
	if e.count -= count; e.count > 0 {
		return true
	}
	delete(x.byNumber, clid)
	if reflect.TypeOf(e.object).Comparable() {
		delete(x.byObject, e.object)
	}
	return true
}

// exportable says whether there is room for one more object of ours.
func (l *link) exportable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.exports.byNumber) < l.tub.cfg.Limits.References
}

func (l *link) ours(clid int64) (Object, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.exports.byNumber[clid]
	if e == nil {
		return nil, false
	}
	return e.object, true
}

func (l *link) quota() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.exports.last == 0 {
		return min(smallMessage, l.tub.cfg.Limits.Message)
	}
	return l.tub.cfg.Limits.Message
}

// An imported object is one of the other end that somebody here holds, or has held and the other end does not know yet that it
// is given back.
type imported struct {
	iface string // sent the first time only
	count int64  // how often it was received, less what the other end has acknowledged to have back
}

func (l *link) theirs(clid int64, iface string) (*Remote, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.imports[clid]
	if in == nil {
		if l.imports == nil || len(l.imports) >= l.tub.cfg.Limits.References {
			return nil, violates("more than %d objects", l.tub.cfg.Limits.References)
		}
		in = &imported{iface: iface}
		l.imports[clid] = in
	}
	in.count++
	return newRemote(l, clid, in.iface), nil
}

// newRemote makes a Remote for one reference that was received.
func newRemote(l *link, clid int64, iface string) *Remote {
	give := sync.OnceFunc(func() { l.release(clid) })
	r := &Remote{link: l, clid: clid, iface: iface, release: give}
	runtime.AddCleanup(r, func(give func()) { give() }, give)
	return r
}

// release gives one reference back. The number may be used anew only when the other end knows.
func (l *link) release(clid int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.ctx.Err() != nil || l.imports[clid] == nil {
		return
	}
	q := &request{done: make(chan struct{})}
	q.after = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		in := l.imports[clid]
		if in == nil {
			return
		}
		if in.count--; in.count == 0 {
			delete(l.imports, clid)
		}
	}
	number := l.expect(q)
	l.enqueue(96, func(e *encoder) {
		e.call(number, 0, "decref", Named(map[string]Value{"clid": clid, "count": int64(1)}))
	}, nothing)
}

// own answers a call to the connection itself.
func (l *link) own(method string, args Args) (Value, error) {
	switch method {
	case "getReferenceByName":
		v, err := args.Bind([]string{"name"})
		if err != nil {
			return nil, err
		}
		return l.tub.lookUp(textOf(v[0]))
	case "decref":
		v, err := args.Bind([]string{"clid", "count"})
		if err != nil {
			return nil, err
		}
		return nil, l.takeBack(v[0], v[1])
	}
	return nil, &CallError{Type: typeViolation, Message: fmt.Sprintf("a connection has no method %.50q", method)}
}

func (l *link) takeBack(clid, count Value) error {
	n, ok := clid.(int64)
	m, ok2 := count.(int64)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok || !ok2 || !l.exports.giveBack(n, m) {
		return &CallError{Type: typeViolation, Message: "more references given back than there are"}
	}
	return nil
}

// releaseAll gives back all references in a value that nobody will use.
func releaseAll(v Value) {
	switch v := v.(type) {
	case *Remote:
		v.Release()
	case []Value:
		releaseEach(v)
	case Tuple:
		releaseEach(v)
	case Set:
		releaseEach(v)
	case FrozenSet:
		releaseEach(v)
	case Dict:
		for _, p := range v {
			releaseAll(p.Key)
			releaseAll(p.Value)
		}
	case Copyable:
		for _, a := range v.State {
			releaseAll(a.Value)
		}
	}
}

func releaseEach(vs []Value) {
	for _, v := range vs {
		releaseAll(v)
	}
}

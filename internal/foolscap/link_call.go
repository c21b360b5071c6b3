package foolscap

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// A request is a call of ours that waits for its answer.
type request struct {
	once      sync.Once
	done      chan struct{}
	value     Value
	err       error
	abandoned bool   // nobody waits; under link.mu
	after     func() // is called in place of waiting, if not nil
}

func (q *request) finish(v Value, err error) {
	q.once.Do(func() {
		q.value, q.err = v, err
		close(q.done)
		if q.after != nil {
			q.after()
		}
	})
}

// call makes a call and waits for its answer.
func (l *link) call(ctx context.Context, target int64, method string, a Args) (Value, error) {
	size, err := l.sizeOf(method, a)
	if err != nil {
		return nil, err
	}
	q := &request{done: make(chan struct{})}
	var number int64
	tooMany := false
	err = l.send(ctx, size, func(e *encoder) {
		if tooMany = len(l.requests) >= maxRequest; !tooMany {
			number = l.expect(q)
			e.call(number, target, method, a)
		}
	})
	if err != nil {
		return nil, err
	}
	if tooMany {
		return nil, fmt.Errorf("%w: more than %d calls wait for answers", ErrUnsendable, maxRequest)
	}
	select {
	case <-q.done:
		return q.value, q.err
	case <-ctx.Done():
		l.abandon(number, q)
		return nil, context.Cause(ctx)
	}
}

// expect gives a number to a call; l.mu is held.
func (l *link) expect(q *request) int64 {
	for {
		if l.last++; l.last > maxInt {
			l.last = 1
		}
		if l.requests[l.last] == nil {
			break
		}
	}
	l.requests[l.last] = q
	return l.last
}

// abandon gives up waiting. The answer is still read when it comes, for the references in it are to be given back.
func (l *link) abandon(number int64, q *request) {
	l.mu.Lock()
	q.abandoned = true
	l.mu.Unlock()
	select {
	case <-q.done: // it came meanwhile
		releaseAll(q.value)
	default:
	}
}

func (l *link) sizeOf(method string, a Args) (int64, error) {
	c := &checker{link: l, bytes: 96}
	c.add(len(method))
	err := c.args(a)
	return c.bytes, err
}

func (l *link) callOnly(ctx context.Context, target int64, method string, a Args) error {
	size, err := l.sizeOf(method, a)
	if err != nil {
		return err
	}
	return l.send(ctx, size, func(e *encoder) { e.call(0, target, method, a) })
}

func (l *link) asked(number int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests[number] != nil
}

// answered gives an answer to whoever waits for it.
func (l *link) answered(m message) {
	l.mu.Lock()
	q := l.requests[m.request]
	delete(l.requests, m.request)
	abandoned := q != nil && q.abandoned
	l.mu.Unlock()
	switch {
	case q == nil || abandoned:
		for _, r := range m.remotes {
			r.Release()
		}
	case m.refused != nil:
		q.finish(nil, fmt.Errorf("the answer cannot be used: %w", m.refused))
	case m.failure != nil:
		q.finish(nil, m.failure)
	default:
		q.finish(m.value, nil)
	}
}

// An inbound call waits to be made, or for its answer.
type inbound struct {
	message
	release func() // gives back its place and its bytes
}

// called queues a call of the other end, when there is room for it.
func (l *link) called(m message) error {
	in := &inbound{message: m}
	l.stalled.Store(true)
	select {
	case l.pending <- struct{}{}:
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
	bytes, err := l.unread.Acquire(l.ctx, int64(m.cost))
	if err != nil {
		return err
	}
	l.touch()
	l.stalled.Store(false)
	in.release = sync.OnceFunc(func() { bytes(); <-l.pending })
	l.calls <- in // has room for all that are pending
	return nil
}

// answerCalls makes the calls of the other end, one after another.
func (l *link) answerCalls(group *sync.WaitGroup) {
	for {
		select {
		case <-l.ctx.Done():
			return
		case in := <-l.calls:
			v, err := l.make(in)
			if later, ok := v.(Later); ok && err == nil {
				group.Go(func() {
					v, err := protect(l, func() (Value, error) { return later(l.ctx) })
					l.reply(in, v, err)
				})
				continue
			}
			l.reply(in, v, err)
		}
	}
}

// make makes a call.
func (l *link) make(in *inbound) (Value, error) {
	switch {
	case in.refused != nil:
		return nil, &CallError{Type: typeViolation, Message: in.refused.Error()}
	case in.object == nil:
		return l.own(in.method, in.args)
	}
	return protect(l, func() (Value, error) { return in.object.Call(l.ctx, in.method, in.args) })
}

// protect makes an error of a panic: what a peer sends must not end the program.
func protect(l *link, f func() (Value, error)) (v Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.tub.cfg.Log.Error("a call panicked", "tub", l.peer.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	return f()
}

// reply answers a call.
func (l *link) reply(in *inbound, v Value, err error) {
	defer in.release()
	if in.request == 0 {
		return
	}
	c := &checker{link: l, bytes: 64}
	if err == nil {
		err = c.value(v, 0)
	}
	if err == nil && c.objects > 0 && !l.exportable() {
		l.end(fmt.Errorf("%w: the other end holds more than %d objects", ErrDisconnected, l.tub.cfg.Limits.References))
		return
	}
	if err == nil {
		_ = l.send(l.ctx, c.bytes, func(e *encoder) { e.answer(in.request, v) })
		return
	}
	failure := l.failureFor(in, err)
	_ = l.send(l.ctx, maxFailure, func(e *encoder) { e.failure(in.request, failure) })
}

// failureFor is what the other end hears of an error. The text of an error that is not meant for it stays here.
func (l *link) failureFor(in *inbound, err error) *CallError {
	if e, ok := errors.AsType[*CallError](err); ok {
		return e
	}
	if l.ctx.Err() == nil {
		l.tub.cfg.Log.Warn("a call did not work", "tub", l.peer.String(), "method", in.method, "error", err)
	}
	return &CallError{Type: typeException, Message: "the call did not work"}
}
